"""One job of a sweep, in whatever process a launcher runs it: it leaves a result in every case that a process survives."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from genesis_cli.bridge import Job, Outcome, tell
from genesis_cli.errors import FAILED, OK, WRONG_INPUT, CommandError
from genesis_cli.sweeps.locks import here, locked
from genesis_cli.sweeps.watch import ask_to_stop, stop_asked

RESULT, MARKER = "result.json", "job.json"
#: The process that runs the sweep; jobs in others leave Ctrl-C to it.
PARENT_VARIABLE = "GENESIS_SWEEP_PID"
SUCCEEDED = ("converged", "finished", "pruned", "agree")
INTERRUPTED, KILLED, MISSING = "interrupted", "killed", "missing"


def attend(context: Job, job: Callable[[Job], Outcome], outcomes: list[int]) -> float | None:
    """Run the job, or what is missing of it; returns what a sweeper minimises.

    Raises: CommandError, which every launcher can carry to its parent, where the job failed.
    """
    assert context.sweep is not None
    if stop_asked(context.sweep):
        return None
    if os.environ.get(PARENT_VARIABLE) != str(os.getpid()):
        _leave_signals_to_parent()
    with locked(context.folder) as free:
        if not free:
            raise CommandError(f"{context.folder}: another process is at this job.", FAILED)
        done = read(context.folder / RESULT)
        if done is not None and done.get("status") != INTERRUPTED:
            return objective(done)
        return _run(context, job, outcomes)


def _run(context: Job, job: Callable[[Job], Outcome], outcomes: list[int]) -> float | None:
    assert context.sweep is not None
    began = datetime.now()
    marker = {"command": context.command, "overrides": context.overrides, **here(), "began": began.isoformat(timespec="seconds")}
    prepare_folder(context)
    try:
        write(context.folder / MARKER, marker)
        outcome = job(context)
    except (Exception, SystemExit) as error:
        code, message = tell(error, context)
        outcomes.append(code)
        fail(context.folder, kind_of(error, code), message)
        conclude(context.folder, marker, code)
        raise CommandError(message, code) from None
    outcomes.append(outcome.exit_code)
    if outcome.interrupted:
        ask_to_stop(context.sweep)
    if not (context.folder / RESULT).exists():
        status = "finished" if outcome.exit_code == OK else "failed"
        write(context.folder / RESULT, {"status": status, "objective": outcome.value})
    conclude(context.folder, marker, outcome.exit_code)
    return outcome.value


def prepare_folder(context: Job) -> None:
    """Go on from a checkpoint if the job has left one, else clear what an end in the middle has left."""
    folder = context.folder
    context.resume = (folder / "config.yaml").is_file() and (folder / "checkpoints" / "last.pt").is_file()
    if not context.resume:
        for name in (RESULT, "metrics.jsonl"):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)


def conclude(folder: Path, marker: dict[str, Any], code: int) -> None:
    """The job's marker with its exit code."""
    write(folder / MARKER, {**marker, "ended": datetime.now().isoformat(timespec="seconds"), "exit_code": code})


def fail(folder: Path, status: str, reason: str) -> None:
    """Leave a result that says why there is none, unless the job has left its own."""
    found = read(folder / RESULT)
    if found is None or found.get("status") == INTERRUPTED:
        write(folder / RESULT, {"status": status, "reason": reason})


def kind_of(error: BaseException, code: int) -> str:
    """The status of a job that raised."""
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or "not enough memory" in str(error):
        return "out_of_memory"
    if name == "DivergenceError":
        return "diverged"
    return "invalid" if code == WRONG_INPUT else "failed"


def objective(result: dict[str, Any]) -> float | None:
    """What a result has reached, whatever command it is of."""
    for name in ("objective_best", "objective", "largest_error"):
        if isinstance(result.get(name), (int, float)):
            return float(result[name])
    return None


def read(file: Path) -> dict[str, Any] | None:
    """A JSON file; None if it is not there (or unreadable, as no file of ours is)."""
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write(file: Path, content: dict[str, Any]) -> None:
    """JSON, whole or not at all; a full disk is told but ends nothing: the job's own end matters more."""
    from genesis.runners.files import write_json

    try:
        write_json(file, content)
    except OSError as error:
        from genesis_cli import console

        console.error(f"{file}: cannot be written ({error.strerror}).")


def _leave_signals_to_parent() -> None:
    """Ctrl-C reaches every process of a terminal; the parent passes it on, so that jobs end in order."""
    import threading

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
