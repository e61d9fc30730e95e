"""The error of a job: told once, and what it means for the exit code."""

import logging

from genesis_cli import console
from genesis_cli.errors import FAILED, CommandError
from genesis_cli.job import Job, Work

NO_MEMORY = ("DefaultCPUAllocator", "CUDA out of memory")  # in errors of torch, which has no type for them on the CPU

log = logging.getLogger("genesis_cli")


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
    known = from_engine(error) if isinstance(error, Exception) else None
    if known is not None:
        return known
    first = (str(error).splitlines() or [""])[0]
    if isinstance(error, MemoryError) or any(words in first for words in NO_MEMORY):
        return (
            FAILED,
            f"there is no memory left: {first.rstrip('.') or 'none is given'}; take fewer time steps, environments or candidates at once.",
        )
    return FAILED, f"{type(error).__name__}: {first} (traceback in {context.folder / (context.command + '.log')})"
