"""What a sweep shows at its end: a table, the best and why, and the same for files and TensorBoard."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from genesis_cli import console
from genesis_cli.sweeps.hparams import compare
from genesis_cli.sweeps.measure import MEASURE, in_words
from genesis_cli.sweeps.overview import write_overview
from genesis_cli.sweeps.results import INTERRUPTED, MISSING
from genesis_cli.sweeps.table import CSV, Row, Table, gather, number_or_text, store

SHOWN = 20  # rows in the terminal; the file has them all
SHOWN_METRICS = 3
PLAIN_ENDS = ("converged", "finished", "not_converged")  # ends that need no reason


def report(sweep: Path, page: bool = True) -> list[int]:
    """Write and print the table, and the overview if it is wanted; returns the exit codes of the jobs."""
    table = gather(sweep)
    if not table.rows:
        return []
    try:
        store(table)
        compare(table)
    except OSError as error:
        console.error(f"{sweep}: the table cannot be written ({error.strerror}).")
    show(table, table.ranked(), SHOWN)
    if page:
        try:
            console.say(f"report {write_overview(table)}")
        except OSError as error:
            console.error(f"{sweep}: the overview cannot be written ({error.strerror}).")
    return [row.code for row in table.rows]


def show(table: Table, rows: Sequence[Row], most: int) -> None:
    """The table, the counts, and the best."""
    print_rows(table, rows[:most])
    if len(rows) > most:
        console.note(f"… and {len(rows) - most} more in {table.sweep / CSV}")
    counts = Counter(row.status for row in table.rows)
    console.say(f"{len(table.rows)} jobs: " + ", ".join(f"{count} {status}" for status, count in counts.most_common()))
    show_best(table)
    if counts[MISSING] or counts[INTERRUPTED]:
        console.say(f"go on with: genesis sweep resume {table.sweep}", "yellow")
    console.say(f"{table.sweep / CSV}")


def print_rows(table: Table, rows: Sequence[Row]) -> None:
    """The rows, with the reason of those that have no good end."""
    metrics = table.metrics[:SHOWN_METRICS]
    keys = [shortened(key, table.keys) for key in table.keys]
    own = [MEASURE] if table.changed else []
    columns = ["job", "status", "objective", *own, *keys, *metrics, "seconds", "reason"]
    lines = []
    for row in rows:
        reason = "" if row.status in PLAIN_ENDS else (row.reason.splitlines() or [""])[0].partition(" (traceback in ")[0]
        lines.append(
            [
                str(row.number),
                row.status,
                figure(row.objective),
                *(figure(row.measure) for _ in own),
                *(brief(row.settings.get(key, "")) for key in table.keys),
                *(figure(row.metrics.get(name)) for name in metrics),
                "" if row.seconds is None else f"{row.seconds:.1f}",
                reason,
            ]
        )
    numbers = [columns.index(name) for name in ("job", "objective", *own, "seconds")]
    first = len(columns) - 2 - len(metrics)
    console.table("", columns, lines, right=[*numbers, *range(first, first + len(metrics))])


def show_best(table: Table) -> None:
    """Which job is best, by how much, and what it owes that to."""
    from genesis_cli.sweeps.influence import influences

    if table.changed:
        console.say(in_words(table.changed), "yellow")
    ranked = [row for row in table.ranked() if table.value(row) is not None]
    if not ranked:
        if table.changed and any(row.objective is not None for row in table.rows):
            console.say("no job has a tolerance or an error to be compared by; order them with --sort METRIC.", "yellow")
        return
    best = ranked[0]
    settings = " ".join(f"{key}={value}" for key, value in best.settings.items())
    console.say(f"best: job {best.number} ({best.status}), {compared(table, best)}: {settings or '(nothing swept)'}", "green")
    if len(ranked) > 1:
        console.say(f"next: job {ranked[1].number} ({ranked[1].status}), {compared(table, ranked[1])}")
    found = influences(table)
    if found:
        rows = [(influence.key, f"{100 * influence.share:.0f} %", influence.verdict) for influence in found]
        console.table("", ["why", "explains", ""], rows, right=[1])


def compared(table: Table, row: Row) -> str:
    """What a job is compared by."""
    return f"{table.compared} {figure(row.measure if table.changed else row.objective)}"


def figure(value: float | None) -> str:
    """Four figures."""
    return "" if value is None else f"{value:.4g}"


def brief(text: str) -> str:
    """A setting; numbers to six figures."""
    value = number_or_text(text)
    return f"{value:.6g}" if isinstance(value, float) else text


def shortened(key: str, keys: Sequence[str]) -> str:
    """The last part of a key, where no other ends so."""
    last = key.rpartition(".")[2]
    return last if [other.rpartition(".")[2] for other in keys].count(last) == 1 else key
