"""Ctrl-C in a sweep: the first lets running jobs end in order, the second stops at once."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Self

from genesis_cli.sweeps.watch import ask_to_stop, stop_asked


class StopSignals:
    """Context manager around the jobs of a sweep."""

    def __init__(self, sweep: Path) -> None:
        self.sweep = sweep
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if stop_asked(self.sweep):
            raise KeyboardInterrupt
        ask_to_stop(self.sweep)
        from genesis_cli import console

        console.note("stopping: running jobs end after their present iteration; Ctrl-C again stops at once.")
