"""The error of a job: told once, and what it means for the exit code."""

import errno
import logging
import shlex
import shutil
from pathlib import Path

from genesis_cli import console
from genesis_cli.errors import FAILED, CommandError
from genesis_cli.job import Job, Work

NO_MEMORY = ("DefaultCPUAllocator", "CUDA out of memory")  # in errors of torch, which has no type for them on the CPU

log = logging.getLogger("genesis_cli")
#: What a disk says that takes no more: full, the user's share used up, read-only, broken.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def guarded(context: Job, work: Work, outcomes: list[int]) -> float | None:
    """One job by itself: its errors are told here and become its outcome."""
    try:
        outcome = work(context)
    except Exception as error:
        outcomes.append(tell(error, context)[0])
        return None
    outcomes.append(outcome.exit_code)
    return outcome.value


def tell(error: BaseException, context: Job) -> tuple[int, str]:
    """Print and log the error of a job; returns its exit code and message."""
    code, message = explain(error, context)
    log.info("error: %s", message, exc_info=error if code == FAILED else None)  # to the file; the terminal has it below
    console.error(message)
    return code, message


def explain(error: BaseException, context: Job) -> tuple[int, str]:
    """Exit code and message of an error of a job."""
    from genesis_cli.hydra_errors import from_engine

    if isinstance(error, CommandError):
        return error.exit_code, str(error)
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        return FAILED, cannot_be_written(error, context)
    known = from_engine(error) if isinstance(error, Exception) else None
    if known is not None:
        return known
    first = (str(error).splitlines() or [""])[0]
    if isinstance(error, MemoryError) or any(words in first for words in NO_MEMORY):
        return (
            FAILED,
            f"there is no memory left: {first.rstrip('.') or 'none is given'}; take fewer time steps, environments or candidates at once.",
        )
    return FAILED, f"{type(error).__name__}: {first} (traceback in {context.log})"


def cannot_be_written(error: OSError, context: Job) -> str:
    """What a job ends with whose files cannot be written: which, how much is free, and how to go on; what is there stays as it is."""
    where = unwritable(error, context.folder)
    whole = (context.folder / "checkpoints" / "last.pt").is_file()
    again = f"genesis {context.command} --{'resume' if whole else 'rerun'} {shlex.quote(str(context.folder))}"
    if context.sweep is not None:
        again = f"genesis sweep resume {shlex.quote(str(context.sweep))}"
    less = "less is written with logging.tensorboard=false logging.replay=false logging.report=false"
    return f"{where}\nMake room, then go on with `{again}`; {less}."


def unwritable(error: OSError, folder: Path) -> str:
    """Which file, why, and how much is free on its disk; folder: where it would be, if the error does not say."""
    file = Path(str(error.filename or folder))
    place = next((part for part in (file, *file.parents) if part.is_dir()), folder)
    try:
        free = f"{shutil.disk_usage(place).free / 2**20:,.1f} MB are free there"
    except OSError:
        free = "the disk does not answer"
    return f"{file}: cannot be written ({error.strerror}; {free})."
