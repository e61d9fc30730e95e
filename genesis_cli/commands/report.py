"""The report of a run: written at its end, and by `genesis report RUN` from what lies in its folder."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genesis_cli import console
from genesis_cli.errors import CommandError
from genesis_cli.job import Job
from genesis_cli.sweeps.results import RESULT, read
from genesis_cli.validate import Checked

log = logging.getLogger("genesis_cli")


def leave_report(job: Job, checked: Checked, held: dict[str, Any] | None = None) -> None:
    """Write report.html into the folder of a run that has a result, and say where; in a job of a sweep only where it is asked for.

    held: the result, where it is not in the folder yet.

    A report that fails is told, and takes nothing from the run, whose results are stored already.
    """
    if not asked_for(job, checked) or (held is None and not (job.folder / RESULT).is_file()):
        return
    from genesis.runners.report import write_run_report

    with beside("report", job.log):
        told(write_run_report(job.folder, held))


@contextmanager
def beside(what: str, logged: Path, tell: Callable[[str], None] = console.note) -> Iterator[None]:
    """Around what is made beside the results of a run: if it fails, that is told, and takes nothing from the run.

    logged: file of the log, if there is one.
    """
    try:
        yield
    except Exception as error:
        log.info("no %s of this run", what, exc_info=error)  # to the file; `tell` has it below
        why, where = (str(error).splitlines() or [""])[0], f" (traceback in {logged})" if logged.is_file() else ""
        tell(f"warning: no {what} of this run: {type(error).__name__}: {why}{where}")


def asked_for(job: Job, checked: Checked) -> bool:
    """logging.report; null: yes, but for the jobs of a sweep, unless they are identifications, whose curves are stored nowhere else."""
    wanted: bool | None = checked.plain["logging"].report
    return job.sweep is None or "observation" in checked.plain if wanted is None else wanted


def told(path: Path) -> None:
    """Say where a report is."""
    console.say(f"report {path}")


def keep_identification(folder: Path, given: str) -> None:
    """Raises: CommandError for an identification that has its report: its curves are stored nowhere else."""
    if "estimates" in (read(folder / RESULT) or {}) and (folder / "report.html").is_file():
        raise CommandError(
            f"{given}: an identification writes its report itself, and it is there: {folder / 'report.html'}; `genesis sysid --rerun` makes "
            "a new one."
        )


def report(given: str) -> None:
    """Write the report of a run, or the overview of a sweep, anew. Raises: CommandError for a folder that is neither."""
    from genesis.errors import InputError
    from genesis.runners.report import write_run_report
    from genesis_cli.sweeps.manifest import NAME
    from genesis_cli.sweeps.overview import write_overview
    from genesis_cli.sweeps.table import gather

    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise CommandError(f"{given}: no such folder; give a run folder such as outputs/DATE/TIME.")
    try:
        if (folder / NAME).is_file():
            told(write_overview(gather(folder)))
        else:
            keep_identification(folder, given)
            told(write_run_report(folder))
    except InputError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{given}: no report can be written there ({error.strerror}).") from error
