"""Who is at work in a folder: a lock that the system takes back when its process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = ".lock"
_held: set[Path] = set()  # by this process, which would otherwise wait for itself


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock, or yield False where another process holds it."""
    with (folder / NAME).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        _held.add(folder.resolve())
        try:
            yield True
        finally:
            _held.discard(folder.resolve())
            fcntl.flock(file, fcntl.LOCK_UN)


def wait_until_free(folder: Path) -> None:
    """Return when no other process holds the folder's lock."""
    if folder.resolve() in _held or not (folder / NAME).exists():
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
