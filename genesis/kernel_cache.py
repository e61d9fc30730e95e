"""Compiled kernels on disk, for all processes of this user: where they lie, whether they can, and writing them as soon as they are compiled.

Taichi writes its cache only when its program ends, so a process that is killed would lose what it has compiled. A forked child has the same
kernels in its memory and may end the program, which writes them: that takes a tenth of a second, beside seconds of compiling.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from genesis.log import logger

VARIABLE = "TI_OFFLINE_CACHE_FILE_PATH"
STALE_SECONDS = 60.0  # age of a lock that its process has left
STORING_SECONDS = 20.0  # a child that takes longer hangs
LEAST = 64 * 2**20  # bytes that must be free: Taichi cuts its table of kernels short on a full disk

_storing = False  # whether this process stores what it compiles


def kernel_cache() -> Path:
    """The folder where Taichi keeps compiled kernels."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given else Path.home() / ".cache" / "taichi" / "ticache"


def open_cache(cpu: bool) -> bool:
    """Whether kernels can be kept; says, if they cannot. cpu: that they run there, where `store` works."""
    global _storing
    folder = kernel_cache()
    trouble = cannot_be_written(folder)
    if trouble is not None:
        logger.warning(
            "compiled kernels cannot be kept in %s (%s): every process compiles its own; set TI_OFFLINE_CACHE_FILE_PATH to a folder that can "
            "be written.",
            folder,
            trouble,
        )
    else:
        free_stale_locks(folder)
    _storing = trouble is None and cpu and sys.platform == "linux"
    return trouble is None


@contextlib.contextmanager
def cached_in(kept: bool) -> Iterator[None]:
    """Around the start of Taichi, which makes the folder of its cache at its end even where it keeps nothing: then one that is there."""
    before = os.environ.get(VARIABLE)
    if not kept:
        os.environ[VARIABLE] = tempfile.gettempdir()
    try:
        yield
    finally:
        if before is not None:
            os.environ[VARIABLE] = before
        elif not kept:
            del os.environ[VARIABLE]


def cannot_be_written(folder: Path) -> str | None:
    """Why nothing can be kept there; None: it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"1")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return error.strerror or str(error)
    return f"{free / 2**20:.0f} MB are free" if free < LEAST else None


def free_stale_locks(folder: Path) -> None:
    """Remove locks that killed processes have left.

    Taichi holds one for moments while it reads or writes the cache; where one stays behind, every later process compiles everything anew.
    """
    for lock in folder.glob("*.lock"):
        with contextlib.suppress(OSError):  # another process may be quicker
            if time.time() - lock.stat().st_mtime > STALE_SECONDS:
                lock.unlink()


def store(end_program: Callable[[], object]) -> None:
    """Write what this process has compiled. end_program: ends Taichi's program, in a child of this process."""
    global _storing
    if not _storing:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own, of forks where there are threads: this child uses none of them
            child = os.fork()
    except OSError:  # no memory or no process to be had: the end of this process writes them
        _storing = False
        return
    if child == 0:
        try:
            _be_quiet()
            end_program()
        finally:
            os._exit(0)
    deadline = time.monotonic() + STORING_SECONDS
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            _storing = False
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return
        time.sleep(0.002)


def _be_quiet() -> None:
    """In the child: nothing that it says is for the user, and signals to the parent are not for it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
