"""report.html of a sweep: its jobs best first, what was swept against what came of it, and how to go on."""

import shlex
from pathlib import Path

from genesis_cli.sweeps.manifest import load
from genesis_cli.sweeps.measure import in_words
from genesis_cli.sweeps.results import INTERRUPTED, MISSING
from genesis_cli.sweeps.table import CSV, PARQUET, Row, Table, number_or_text

REPORT = "report.html"
PLAIN_ENDS = ("converged", "finished", "not_converged", "agree")  # ends that need no reason
FILES = {CSV: "the table", PARQUET: "the table, for data frames", "sweep.json": "what was asked for, and the planned jobs"}


def write_overview(table: Table) -> Path:
    """Write the overview into the sweep's folder, and the report of its best job beside that job; returns its path."""
    from genesis.runners.report import write_sweep_report
    from genesis.runners.report.sweep_page import SweepReport, SweptJob
    from genesis_cli.sweeps.influence import influences

    best = table.best()
    if best is not None:
        report_of_job(best.folder)
    jobs = [
        SweptJob(
            number=row.number, status=row.status, reason="" if row.status in PLAIN_ENDS else (row.reason.splitlines() or [""])[0],
            objective=row.measure if table.changed else row.objective, settings=row.settings,
            values={k: number_or_text(v) for k, v in row.settings.items()},
            metrics=row.metrics, iterations=row.iterations, seconds=row.seconds, link=f"{row.folder.name}/",
            report=f"{row.folder.name}/{REPORT}" if (row.folder / REPORT).is_file() else "",
        )
        for row in table.ranked()
    ]  # fmt: skip
    found = [(one.key, one.share, one.verdict) for one in influences(table)]
    left = sum(job.status in (MISSING, INTERRUPTED) for job in jobs)
    title = ", ".join(table.keys) or table.sweep.name
    compared, why = table.compared, in_words(table.changed) if table.changed else ""
    made = SweepReport(
        f"Sweep of {title}",
        jobs,
        table.keys,
        table.maximize and not table.changed,
        found,
        left,
        origin(table, best),
        compared,
        why,
    )
    return write_sweep_report(table.sweep, made)


def report_of_job(folder: Path) -> None:
    """The report of a run of a sweep, where it has none."""
    from genesis.runners.report import write_run_report

    if not (folder / REPORT).is_file() and any((folder / name).is_file() for name in ("metrics.jsonl", "trajectory.npz")):
        write_run_report(folder)


def origin(table: Table, best: Row | None):  # -> genesis.runners.report.page.Origin, which would load much here
    """How the sweep was started, and how to go on with it."""
    from genesis.runners.report.page import Origin

    stored, place = load(table.sweep), shlex.quote(str(table.sweep))
    lines = [("Run what is missing, with `--failed` also what failed:", f"genesis sweep resume {place}")]
    if best is not None:
        name = "optimize" if stored is None else stored.command
        lines.append(
            ("Go on from the best job, with the same config:", f"genesis {name} --rerun {shlex.quote(str(best.folder))}")
        )
    lines.append(("The report of any job:", f"genesis report {place}/0"))
    files = [
        (name, content, (table.sweep / name).stat().st_size) for name, content in FILES.items() if (table.sweep / name).is_file()
    ]
    typed = "" if stored is None else shlex.join(["genesis", stored.command, "-m", *stored.words])
    return Origin(folder=str(table.sweep), typed=typed, lines=lines, files=files)
