"""What a run says of its constraints: whether they hold, how far they are violated and where, and how near the motion comes to their limits."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from genesis.runners.names import CONSTRAINT, LINES, MEANING
from genesis.runners.report.digits import plain
from genesis.runners.report.folder import RunReport, node
from genesis.runners.report.judge import counted
from genesis.runners.report.run_charts import constraint_chart
from genesis.runners.report.style import Draw

SHARE = "share of the limit"  # a number without a unit: 1 is at the limit
INSTANTS = 3  # of a curve that is worth drawing


@dataclass(frozen=True)
class ConstraintRow:
    """A line of the table. what: its kind, where that is not its name, and whether it is soft; violation, tolerance: in words, with the unit;
    where: of the largest violation, empty where there is none."""

    name: str
    what: str
    hard: bool
    holds: bool
    violation: str
    tolerance: str
    where: str


@dataclass(frozen=True)
class ConstraintCurve:
    """A figure. side: what is drawn, in words."""

    name: str
    side: str
    draw: Draw


def constraint_rows(run: RunReport) -> list[ConstraintRow]:
    """A row for each quantity of each constraint."""
    rows = []
    for metric, one in node(run.result, "constraints").items():
        name = _name_of(metric)
        told = node(node(run.config, "constraint"), name)
        kind, hard = str(told.get("kind", "")), bool(one.get("hard"))
        value, unit = _number(one.get("violation")), str(one.get("unit") or "")
        rows.append(
            ConstraintRow(
                name=name,
                what=", ".join(word for word in ("" if kind == name else kind.replace("_", " "), "" if hard else "soft") if word),
                hard=hard,
                holds=bool(one.get("holds")),
                violation="none" if value == 0.0 else amount(value, unit),
                tolerance=amount(_number(one.get("tolerance")), unit),
                where="" if value == 0.0 else _where(one),
            )
        )
    return rows


def told_in_short(run: RunReport) -> tuple[str, str]:
    """Whether they hold, and which is farthest from it, in units of its tolerance."""
    rows = constraint_rows(run)
    broken = [row for row in rows if not row.holds]
    if not broken:
        return ("holds" if len(rows) == 1 else "all hold"), counted(len(rows), "range")
    worst = max(node(run.result, "constraints").items(), key=lambda item: _excess(item[1]))[0]
    row = rows[list(node(run.result, "constraints")).index(worst)]
    return f"{len(broken)} of {len(rows)} broken", f"{row.name.replace('_', ' ')} by {row.violation}"


def _excess(one: dict[str, Any]) -> float:
    return _number(one.get("violation")) / max(_number(one.get("tolerance")), 1e-300)


def constraint_curves(run: RunReport) -> list[ConstraintCurve]:
    """How near the motion comes to the limits, of constraints of more than an instant or two."""
    time = run.arrays.get("time")
    made = []
    for key, values in run.arrays.items():
        metric = key.removeprefix(CONSTRAINT)
        lines, meaning = run.arrays.get(LINES + metric), run.arrays.get(MEANING + metric)
        if not key.startswith(CONSTRAINT) or lines is None or meaning is None or time is None or len(values) != len(time):
            continue
        table = values if values.ndim == 2 else values[:, None]
        if np.isfinite(table).any(1).sum() < INSTANTS:
            continue
        words, unit = (str(word) for word in meaning)
        label = SHARE if words == SHARE else "" if unit == "1" else unit
        low, high = (float(x) for x in lines)
        draw = partial(constraint_chart, time, table, label, (low, high))
        made.append(ConstraintCurve(_name_of(metric), _side(words, low, high, unit, float(np.nanmax(table))), draw))
    return made


def amount(value: float, unit: str) -> str:
    """0.167 m"""
    return f"{plain(value, 3)} {unit}".rstrip() if unit != "1" else plain(value, 3)


def _side(words: str, low: float, high: float, unit: str, most: float) -> str:
    """At most 12 Nm"""
    head = "" if words == "value" else f"{words}, "
    if words == SHARE:
        return f"up to {plain(most, 3)}"
    if words == "largest error":
        return f"{words}, tolerance {amount(high, unit)}"
    ends = [f"at least {amount(low, unit)}"] if math.isfinite(low) else []
    ends += [f"at most {amount(high, unit)}"] if math.isfinite(high) else []
    return head + ", ".join(ends)


def _where(one: dict[str, Any]) -> str:
    """Of what, when, and in which environment."""
    env = "" if one.get("environment") is None else f"environment {one['environment']}"
    when = f"{plain(_number(one.get('time')), 3)} s"
    return ", ".join(word for word in (str(one.get("of") or ""), when, env) if word)


def _name_of(metric: str) -> str:
    return metric.rpartition("_violation")[0]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
