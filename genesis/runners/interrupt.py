"""Ctrl-C and SIGTERM as a request to stop after the present iteration."""

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupt:
    """Context manager; `asked` becomes true at the first signal. A second Ctrl-C stops at once.

    listen: otherwise signals are left to whoever has them.
    """

    def __init__(self, listen: bool = True) -> None:
        self.asked, self.listen = False, listen
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if self.listen and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
