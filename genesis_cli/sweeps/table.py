"""The table of a sweep, made from what its jobs have left in their folders, never from memory."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genesis_cli.aliases import node_of
from genesis_cli.errors import CommandError
from genesis_cli.suggest import known
from genesis_cli.sweeps import manifest
from genesis_cli.sweeps.measure import MEASURE, changing, measures
from genesis_cli.sweeps.results import INTERRUPTED, MARKER, MISSING, RESULT, SUCCEEDED, objective, read
from genesis_cli.sweeps.stored_study import STUDY

CSV, PARQUET = "results.csv", "results.parquet"
GOOD = ("converged", "finished", "agree")
PHASES = ("engine", "build", "loop")  # parts of a job's time that do not contain each other


@dataclass
class Row:
    """One job. settings: what is swept, as typed; metrics: of its best point; code: its exit code.

    measure: see `genesis_cli.sweeps.measure`.
    """

    number: int
    folder: Path
    settings: dict[str, str]
    status: str
    reason: str
    objective: float | None
    metrics: dict[str, float]
    iterations: int | None
    seconds: float | None
    code: int
    measure: float | None = None


@dataclass
class Table:
    """The jobs of a sweep. keys: what is swept; maximize: the larger objective is the better. Where a swept key changes the objective, jobs
    are compared by their measure."""

    sweep: Path
    rows: list[Row]
    keys: list[str] = field(default_factory=list)
    maximize: bool = False

    @property
    def metrics(self) -> list[str]:
        """Names of all metrics, in the order of their first appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row.metrics))

    @property
    def changed(self) -> list[str]:
        """Swept keys that change the objective."""
        return changing(self.keys)

    @property
    def compared(self) -> str:
        """The column that jobs are compared by."""
        return MEASURE if self.changed else "objective"

    def value(self, row: Row) -> float | None:
        """What a job is compared by, the smaller the better."""
        if self.changed:
            return row.measure if row.measure is not None and math.isfinite(row.measure) else None
        return row.objective if row.objective is None or not self.maximize else -row.objective

    def ranked(self) -> list[Row]:
        """Those that met their tolerances first, then by what they are compared by; jobs without it at the end."""

        def rank(row: Row) -> tuple[bool, bool, float, int]:
            value = self.value(row)
            return value is None, row.status not in GOOD, 0.0 if value is None else value, row.number

        return sorted(self.rows, key=rank)

    def best(self) -> Row | None:
        """The first of the ranked, if it has what they are compared by."""
        first = next(iter(self.ranked()), None)
        return first if first is not None and self.value(first) is not None else None

    def sorted_by(self, name: str, descending: bool) -> list[Row]:
        """The rows by one column; empty cells at the end.

        Raises: CommandError for a column that there is not.
        """
        columns = self.columns()
        if name not in columns:
            raise CommandError(f'--sort: unknown column "{name}"; {known(name, columns)}.')
        full = [row for row in self.rows if self.cell(row, name) not in (None, "")]
        empty = [row for row in self.rows if row not in full]
        return sorted(full, key=lambda row: sortable(self.cell(row, name)), reverse=descending) + empty

    def columns(self) -> list[str]:
        """Names of the columns of the stored table."""
        own = [MEASURE] if self.changed else []
        return ["job", "status", "objective", *own, *self.keys, *self.metrics, "iterations", "seconds", "reason", "folder"]

    def cell(self, row: Row, name: str) -> Any:
        """One entry of it."""
        if name in row.settings:
            return number_or_text(row.settings[name])
        if name in row.metrics:
            return row.metrics[name]
        fixed = {"job": row.number, "folder": row.folder.name}
        return fixed[name] if name in fixed else getattr(row, name, None)


def gather(sweep: Path) -> Table:
    """The table of a sweep's folder, finished or not."""
    stored = manifest.load(sweep)
    if stored is not None:
        planned = {number: words_of(job) for number, job in enumerate(stored.jobs)}
    else:  # made by another sweeper
        folders = [f for f in sweep.iterdir() if f.name.isdigit() and f.is_dir()]
        markers = {int(f.name): read(f / MARKER) or {} for f in sorted(folders, key=lambda f: int(f.name))}
        planned = {number: words_of(marker.get("overrides", [])) for number, marker in markers.items()}
        planned = only_what_differs(planned)
    keys = list(dict.fromkeys(key for settings in planned.values() for key in settings))
    directions = (read(sweep / STUDY) or {}).get("directions", ["minimize"])
    found = {number: read(sweep / str(number) / RESULT) for number in planned}
    rows = [row_of(number, sweep / str(number), settings, found[number]) for number, settings in planned.items()]
    for row, value in zip(rows, measures([one or {} for one in found.values()]), strict=True):
        row.measure = value
    return Table(sweep, rows, keys, maximize=directions[0] == "maximize")


def row_of(number: int, folder: Path, settings: dict[str, str], result: dict[str, Any] | None) -> Row:
    """What one job has left: its result, beside its marker."""
    marker = read(folder / MARKER)
    found = result or {}
    status = str(found.get("status", MISSING))
    reason = str(found.get("reason") or "")
    if result is None and marker is not None:
        reason = "begun, but no result could be written: its process died, or the disk is full"
    seconds = found.get("seconds")
    code = None if marker is None or status in (MISSING, INTERRUPTED) else marker.get("exit_code")
    if code is None:
        code = 0 if status in SUCCEEDED else 1
    metrics = {name: float(v) for name, v in (found.get("metrics") or {}).items() if isinstance(v, (int, float))}
    return Row(
        number=number,
        folder=folder,
        settings=settings,
        status=status,
        reason=reason,
        objective=objective(found),
        metrics=metrics,
        iterations=found.get("iterations"),
        seconds=sum(v for k, v in seconds.items() if k in PHASES) if isinstance(seconds, dict) else None,
        code=int(code),
    )


def store(table: Table) -> None:
    """Write results.csv, and results.parquet where pyarrow is installed."""
    from genesis.runners.files import write_bytes

    columns = table.columns()
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in table.rows:
        writer.writerow(["" if (value := table.cell(row, name)) is None else value for name in columns])
    write_bytes(table.sweep / CSV, text.getvalue().encode())
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return
    content = {name: column([table.cell(row, name) for row in table.rows]) for name in columns}
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(content), sink)
    write_bytes(table.sweep / PARQUET, sink.getvalue().to_pybytes())


def column(values: Sequence[Any]) -> list[Any]:
    """Values of one type: numbers where all are, else texts."""
    full = [value for value in values if value is not None]
    if all(isinstance(value, (int, float)) for value in full):
        return list(values)
    return [None if value is None else str(value) for value in values]


def words_of(job: Sequence[str]) -> dict[str, str]:
    """Overrides as key -> value, without signs."""
    pairs = [word.partition("=") for word in job if not word.startswith("hydra.")]
    return {node_of(key.lstrip("+~")): value.strip("'\"") for key, _, value in pairs}


def only_what_differs(planned: dict[int, dict[str, str]]) -> dict[int, dict[str, str]]:
    """The settings that are not the same in every job."""
    keys = list(dict.fromkeys(key for settings in planned.values() for key in settings))
    swept = [key for key in keys if len({settings.get(key) for settings in planned.values()}) > 1]
    return {number: {key: settings[key] for key in swept if key in settings} for number, settings in planned.items()}


def number_or_text(text: str) -> float | int | str:
    """The value of an override as a number, if it is one."""
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    return text


def sortable(value: Any) -> tuple[bool, float, str]:
    """Numbers before texts."""
    return (False, float(value), "") if isinstance(value, (int, float)) else (True, 0.0, str(value))
