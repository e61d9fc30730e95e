"""Compiled kernels on disk, for all processes of this user: where they lie, whether they can, and writing them as soon as they are compiled.

Taichi writes its cache only when its program ends, so a process that is killed would lose what it has compiled. A forked child has the same
kernels in its memory and may end the program, which writes them: that takes a tenth of a second, beside seconds of compiling.
"""

import atexit
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
STORING_SECONDS = 10.0  # a child that takes longer hangs
LEAST = 64 * 2**20  # bytes that must be free: Taichi cuts its table of kernels short on a full disk

_storing = False  # whether this process stores what it compiles
_told: set[str] = set()  # of the warnings below


def kernel_cache() -> Path:
    """The folder where Taichi keeps compiled kernels."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given else Path.home() / ".cache" / "taichi" / "ticache"


def open_cache(cpu: bool) -> Path | None:
    """Where Taichi shall find and keep kernels; says once, if nothing can be kept. cpu: that they run there, where `store` works.

    What cannot be written is read all the same, through a `view` of it. None: there is nothing to read either.
    """
    global _storing
    folder = kernel_cache()
    trouble = cannot_be_written(folder)
    _storing = trouble is None and cpu and sys.platform == "linux"
    if trouble is None:
        free_stale_locks(folder)
        return folder
    _tell_once(
        f"compiled kernels cannot be kept in {folder} ({trouble}): every process compiles what is not there; set TI_OFFLINE_CACHE_FILE_PATH "
        "to a folder that can be written."
    )
    return view(folder)


def _tell_once(words: str) -> None:
    if words not in _told:
        _told.add(words)
        logger.warning("%s", words)


def view(folder: Path) -> Path | None:
    """A folder of this process alone with the kernels of another as links, and a table of its own, which Taichi may write.

    None: there are none, or no such folder can be made.
    """
    try:
        kernels, tables = list(folder.glob("*.tic")), list(folder.glob("*.tcb"))
        if not kernels or not tables:
            return None
        made = Path(tempfile.mkdtemp(prefix="kernels-"))
        atexit.register(_remove, made, os.getpid())
        for table in tables:
            shutil.copyfile(table, made / table.name)
        for kernel in kernels:
            (made / kernel.name).symlink_to(kernel.absolute())
    except OSError:
        return None
    return made


def _remove(folder: Path, process: int) -> None:
    """At the end of the process that has made it, not of its children."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def cached_in(folder: Path | None) -> Iterator[None]:
    """Around the start of Taichi, which makes the folder of its cache at its end even where it keeps nothing: then one that is there."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = tempfile.gettempdir() if folder is None else str(folder)
    try:
        yield
    finally:
        if before is not None:
            os.environ[VARIABLE] = before
        else:
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
        failed = 1
        try:
            _be_quiet()
            end_program()
            failed = 0
        finally:
            os._exit(failed)
    why = ""
    try:
        ended, status = os.waitpid(child, os.WNOHANG)
        deadline = time.monotonic() + STORING_SECONDS
        while ended == 0:
            if time.monotonic() > deadline:
                why = f"was not done in {STORING_SECONDS:g} s"
                os.kill(child, signal.SIGKILL)
            time.sleep(0.002)
            ended, status = os.waitpid(child, os.WNOHANG)
        if status and not why:
            why = f"has failed (exit status {os.waitstatus_to_exitcode(status)})"
    except (ChildProcessError, ProcessLookupError):
        pass  # it has ended; whoever else waits for the children of this process, or ignores them, knows how
    if why:
        _storing = False
        _tell_once(f"storing compiled kernels {why}: they are stored at the end of this process, and lost if it is killed.")


def _be_quiet() -> None:
    """In the child: nothing that it says is for the user, and signals to the parent are not for it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
