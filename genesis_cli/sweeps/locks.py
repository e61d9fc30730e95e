"""Who is at work in a folder: a lock that the system takes back when its process ends, however it ends."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = ".lock"
_held: dict[Path, int] = {}  # thread of this process that holds a folder: it would wait for itself


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock, or yield False where another process holds it."""
    with (folder / NAME).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        _held[folder.resolve()] = threading.get_ident()
        try:
            yield True
        finally:
            _held.pop(folder.resolve(), None)
            fcntl.flock(file, fcntl.LOCK_UN)


def wait_until_free(folder: Path) -> None:
    """Return when nobody else holds the folder's lock."""
    if _held.get(folder.resolve()) == threading.get_ident() or not (folder / NAME).exists():
        return
    with locked(folder) as free:
        if free:
            return
    from genesis_cli import console

    console.note(f"waiting for another process that is at work in {folder}")
    with (folder / NAME).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.flock(file, fcntl.LOCK_UN)


def here() -> dict[str, object]:
    """This process, for people who look for it."""
    return {"pid": os.getpid(), "host": os.uname().nodename}
