"""TensorBoard's event files, written where the numbers are made: no thread, one open file, one record for all curves of a step."""

import os
import socket
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

FLUSHED = 10.0  # seconds between two that readers see
HELD = 512  # rows of a history
_NUMBERS = count()  # of files of this process, so that two of one second differ; readers take files in the order of their names


class Events:
    """One event file.

    Args:
        folder: of the run, made if it is not there. first_step: where a run goes on; TensorBoard drops what was written later than that.
    """

    def __init__(self, folder: Path, first_step: int = 0) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = Event, Summary
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_NUMBERS):06d}"
        self._records = RecordWriter((folder / name).open("wb"))
        self._write(Event(file_version="brain.Event:2"))
        if first_step:
            self._write(Event(step=first_step, session_log=SessionLog(status=SessionLog.START)))
        self.flush()

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """A point of each curve by name."""
        made = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self.summary(self._summary(value=made), step)

    def text(self, name: str, content: str, step: int = 0) -> None:
        """Markdown."""
        from torch.utils.tensorboard.summary import text

        self.summary(text(name, content), step)

    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        """(height, width, 3) uint8, or float from 0 to 1."""
        from torch.utils.tensorboard.summary import image

        self.summary(image(name, picture, dataformats="HWC"), step)

    def summary(self, content: Any, step: int = 0) -> None:
        """A message of TensorBoard's."""
        self._write(self._event(summary=content, step=step))
        if time.monotonic() - self._flushed >= FLUSHED:
            self.flush()

    def flush(self) -> None:
        """Let readers see what has been written."""
        self._records.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        self._records.close()

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())


class History:
    """Rows (n,) spread evenly over all that were added, at most HELD: when it is full, every second one goes, and so of those to come."""

    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []
        self._stride, self._seen = 1, 0

    def add(self, row: np.ndarray) -> None:
        """The next row."""
        if len(self.rows) == HELD:
            self.rows, self._stride = self.rows[::2], 2 * self._stride
        if self._seen % self._stride == 0:
            self.rows.append(row)
        self._seen += 1
