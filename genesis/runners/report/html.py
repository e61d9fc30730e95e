"""The report of an identification as one HTML file that needs nothing else: no network, and no script but that of its replay."""

import math
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from genesis.runners.report import charts, digits, judge
from genesis.runners.report.folder import origin_of
from genesis.runners.report.marks import Marks, marks
from genesis.runners.report.page import Origin, fill, write_page
from genesis.runners.report.rows import BASE_COLUMNS, TORQUE_COLUMNS, fit_lines, limits_in_words, torque_rows
from genesis.runners.report.style import svg
from genesis.sysid.result import Estimate, Identification, Trace, Whiteness

POINTS_IN_ALL, FEWEST, MOST = 90_000, 120, 700  # points of every curve together, and of one
PAGE = 1124  # width of the page [px]
SHOWN = 120  # curves drawn; of more, those that fit worst
SIGNIFICANT = 0.05  # p-value below which residuals are said not to be white, or not normal


@dataclass
class EstimateRow:
    """A line of the table of estimates: the numbers as they are printed, and how far they can be trusted."""

    estimate: Estimate
    text: digits.Quantity
    marks: Marks
    kind: str
    share: float  # relative standard deviation
    limits: str

    @property
    def gauge(self) -> float:
        """Length of the bar of uncertainty: 0 for 0.1 %, 100 for 100 %, logarithmic."""
        return (
            0.0 if math.isnan(self.share) else float(np.clip(100.0 / 3.0 * math.log10(max(self.share, 1e-9) / 1e-3), 2.0, 100.0))
        )


@dataclass
class FitRow:
    """A line of the table of errors, with its two bars."""

    row: dict
    before: float  # lengths of the bars in percent of the longest of the channel
    after: float


@dataclass
class Panel:
    """Measured and simulated curve of a channel, with its errors before and after."""

    trace: Trace
    before: float
    after: float
    chart: str


@dataclass
class ResidualPanel:
    """The residuals of a channel over time, and whether they are white."""

    whiteness: Whiteness | None
    channel: str
    label: str
    chart: str


def write_report(
    folder: Path, identification: Identification, title: str, config_text: str = "", result: dict[str, Any] | None = None
) -> Path:
    """Write ``report.html`` into ``folder``, with the replay that lies there, and return its path.

    Args: title: heading of the page; config_text: the composed config, shown at the end; result: what result.json will hold, where it is
        not there yet.
    """
    return write_page(folder, render(identification, title, config_text, origin_of(folder, result)))


def render(found: Identification, title: str, config_text: str = "", origin: Origin | None = None) -> str:
    """The whole page."""
    return fill(
        "identification.html.j2",
        found=found,
        title=title,
        origin=replace(origin or Origin(), config_text=config_text, seconds={}),
        matrix_width=round(min(110.0 * charts.correlation_width(found), PAGE)),
        tone=judge.tone_of(found.status),
        verdict=judge.verdict(found),
        cards=_cards(found),
        groups=_estimates(found),
        fits=_fits(found),
        sigmas=fit_lines(found),
        recordings=_panels(found),
        left_out=max(len(found.traces) - SHOWN, 0),
        residuals=_residuals(found),
        significant=SIGNIFICANT,
        pairs=judge.strongest_correlations(found),
        directions=judge.weak_directions(found),
        torque_columns=TORQUE_COLUMNS,
        base_columns=BASE_COLUMNS,
        **dict(zip(("base_rows", "torque_rows"), torque_rows(found), strict=True)),
        **_matrices(found),
    )


def _cards(found: Identification) -> list[tuple[str, str, str]]:
    """(title, figure, line below) of the first glance."""
    learned = [e for e in found.estimates if judge.kind(e) != "frozen"]
    known = sum(judge.kind(e) in ("well", "roughly") for e in learned)
    cards = [
        (
            "Objective",
            digits.change(found.objective_first, found.objective_best),
            f"{digits.plain(found.objective_first)} → {digits.plain(found.objective_best)}",
        ),
    ]
    for split, name in (("train", "Training RMSE"), ("validation", "Validation RMSE")):
        rows = [r for r in judge.totals(found, split) if r["before"] > 0.0 and r["after"] > 0.0]
        if rows:
            mean = float(np.exp(np.mean([math.log(r["after"] / r["before"]) for r in rows])))
            below = f"{rows[0]['channel']}" if len(rows) == 1 else f"geometric mean of {len(rows)} channels"
            cards.append((name, digits.change(1.0, mean), below))
        elif split == "validation":
            cards.append((name, "none", "no recording held out"))
    cards.append(("Parameters known", f"{known} of {len(learned)}", f"to {digits.percent(judge.ROUGHLY)} or better"))
    seconds = found.total_seconds
    cards.append(("Time", digits.duration(seconds), f"{found.iterations} iterations, {found.simulations} simulations"))
    return cards


def _estimates(found: Identification) -> list[tuple[str, list[EstimateRow]]]:
    rows = [
        EstimateRow(e, digits.quantity(e), marks(e), judge.kind(e), judge.relative_std(e), limits_in_words(e))
        for e in found.estimates
    ]
    grouped = [(group, list(part)) for group, part in groupby(rows, key=lambda row: row.estimate.group)]
    if all(len(part) == 1 for _, part in grouped):
        return [("", rows)] if rows else []
    return grouped


def _fits(found: Identification) -> list[tuple[str, list[FitRow]]]:
    """RMSE rows by channel, totals first; bars of one channel share a scale."""
    longest: dict[str, float] = {}
    for row in found.rmse:
        sizes = [x for x in (row["before"], row["after"]) if math.isfinite(x)]
        longest[row["channel"]] = max([longest.get(row["channel"], 0.0), *sizes])
    made = []
    for channel, size in longest.items():
        rows = sorted((r for r in found.rmse if r["channel"] == channel), key=lambda r: r["recording"] != "all")
        bars = [
            [100.0 * r[side] / size if size > 0.0 and math.isfinite(r[side]) else 0.0 for side in ("before", "after")]
            for r in rows
        ]
        made.append((channel, [FitRow(r, *bar) for r, bar in zip(rows, bars, strict=True)]))
    return made


def _panels(found: Identification) -> list[tuple[str, str, list[Panel]]]:
    """(recording, split, panels) in the order of the traces; one list under "" where each recording has a single curve."""
    chosen = found.traces
    if len(chosen) > SHOWN:
        worst = sorted(range(len(chosen)), key=lambda k: -_misfit(chosen[k]))[:SHOWN]
        chosen = [chosen[k] for k in sorted(worst)]
    most = int(np.clip(POINTS_IN_ALL / 4 / max(len(chosen), 1), FEWEST, MOST))
    made = []
    for (recording, split), traces in groupby(chosen, key=lambda trace: (trace.recording, trace.split)):
        made.append((recording, split, [_panel(trace, most) for trace in traces]))
    if len(made) > 1 and all(len(panels) == 1 for _, _, panels in made):
        return [("", "", [panel for _, _, panels in made for panel in panels])]
    return made


def _misfit(trace: Trace) -> float:
    """RMSE after, in units of the spread of what was measured."""
    error, spread = trace.rmse("after"), float(np.nanstd(trace.measured)) if np.isfinite(trace.measured).any() else 0.0
    return error / spread if spread > 0.0 and math.isfinite(error) else math.inf


def _panel(trace: Trace, most: int) -> Panel:
    label = escape(f"{trace.channel} {trace.label} of {trace.recording} over time: measured, before, after", quote=True)
    return Panel(
        trace, trace.rmse("before"), trace.rmse("after"), svg(lambda palette: charts.fit_chart(trace, palette, most), label)
    )


def _residuals(found: Identification) -> list[ResidualPanel]:
    """One panel a measured number, over the recordings that were fitted."""
    fitted = [trace for trace in found.traces if trace.split == "train"] or found.traces
    tests = {(w.channel, w.label): w for w in found.whiteness}
    groups: dict[tuple[str, str], list[Trace]] = {}
    for trace in fitted:
        groups.setdefault((trace.channel, trace.label), []).append(trace)
    made = []
    there = {key: traces for key, traces in groups.items() if any(math.isfinite(t.rmse("after")) for t in traces)}
    for (channel, label), traces in list(there.items())[:SHOWN]:
        said = escape(f"residuals of {channel} {label}: histogram and autocorrelation", quote=True)
        chart = svg(lambda palette, traces=traces: charts.residual_chart(traces, palette), said)  # type: ignore[misc]
        made.append(ResidualPanel(tests.get((channel, label)), channel, label, chart))
    return made


def _matrices(found: Identification) -> dict[str, Any]:
    n = len(found.names)
    made = {"correlation": "", "singular": "", "history": ""}
    if n > 1 and found.correlation.shape == (n, n) and np.isfinite(found.correlation).any():
        made["correlation"] = svg(
            lambda palette: charts.correlation_chart(found, palette), "correlation matrix of the parameters"
        )
    if np.isfinite(found.singular_values).any():
        made["singular"] = svg(lambda palette: charts.singular_chart(found, palette), "singular values of the sensitivity")
    if any(row.get("objective") is not None and math.isfinite(row["objective"]) for row in found.history):
        made["history"] = svg(lambda palette: charts.history_chart(found, palette), "objective and gradient norm by iteration")
    return made
