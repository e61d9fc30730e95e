"""The charts of a report as matplotlib figures: fit, residuals, correlation, singular values, objective, intervals."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from genesis.runners.report.judge import kind
from genesis.runners.report.marks import marks
from genesis.runners.report.style import NEGATIVE, POSITIVE, Palette, new_figure
from genesis.runners.report.thin import autocorrelation, broken, thin
from genesis.sysid.result import Identification, Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL = (3.6, 2.3)  # inch
MARKED_SEGMENTS = 24  # more starts than these are not marked
NUMBERED = 14  # parameters up to which the cells of the correlation matrix show their numbers


def fit_chart(trace: Trace, palette: Palette, most: int) -> "Figure":
    """Measured, before and after over time; below, what is left: simulated after minus measured.

    most: points of each curve.
    """
    figure = new_figure(*PANEL, margins=(40.0, 5.0, 26.0, 5.0))
    top, rest = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    top.plot(*thin(trace.time, trace.measured, most), color=palette.measured, lw=2.6, solid_capstyle="round", alpha=0.75)
    early = thin(*broken(trace.time, trace.before, trace.segment_starts), most)
    late = thin(*broken(trace.time, trace.after, trace.segment_starts), most)
    top.plot(*early, color=palette.before, ls=(0, (3, 1.6)), lw=0.9)
    top.plot(*late, color=palette.after, lw=1.1)
    top.set_ylim(_window(trace))
    rest.axhline(0.0, color=palette.line, lw=0.7)
    left = trace.after - trace.measured
    rest.plot(*thin(*broken(trace.time, left, trace.segment_starts), most), color=palette.after, lw=0.7)
    size = np.nanmax(np.abs(left)) if np.isfinite(left).any() else 0.0
    rest.set_ylim((-1.15 * size, 1.15 * size) if size > 0.0 else (-1.0, 1.0))
    starts = [k for k in trace.segment_starts if 0 < k < len(trace.time)]
    for axes in (top, rest):
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        for k in starts if len(starts) <= MARKED_SEGMENTS else []:
            axes.axvline(trace.time[k], color=palette.line, lw=0.6, ls=":")
    if len(trace.time):
        rest.set_xlim(trace.time[0], max(trace.time[-1], trace.time[0] + 1e-9))
    top.tick_params(axis="x", length=0)
    rest.locator_params(axis="y", nbins=2)
    top.locator_params(axis="y", nbins=5)
    for axes, text, size_of_text in ((top, trace.unit, 7.5), (rest, "residual", 6.0)):
        axes.set_ylabel(text, fontsize=size_of_text)
        axes.yaxis.set_label_coords(-33.0 / (72.0 * PANEL[0] - 45.0), 0.5)
    rest.set_xlabel("time [s]", labelpad=1)
    return figure


def _window(trace: Trace) -> tuple[float, float]:
    """Vertical range: measured and after whole, before as far as one more range on each side."""
    shown = np.concatenate([trace.measured, trace.after])
    shown = shown[np.isfinite(shown)]
    early = trace.before[np.isfinite(trace.before)]
    if not len(shown):
        shown = early
    if not len(shown):
        return -1.0, 1.0
    low, high = float(shown.min()), float(shown.max())
    if len(early):
        span = high - low
        low, high = max(min(low, float(early.min())), low - span), min(max(high, float(early.max())), high + span)
    margin = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
    return low - margin, high + margin


def residual_chart(traces: list[Trace], palette: Palette) -> "Figure":
    """Residuals of one number over the recordings: their distribution with the normal one, and autocorrelation with its bounds."""
    figure = new_figure(PANEL[0], 1.5, margins=(8.0, 6.0, 26.0, 6.0))
    left, right = figure.subplots(1, 2)
    residuals = np.concatenate([t.after - t.measured for t in traces])
    residuals = residuals[np.isfinite(residuals)]
    if len(residuals):
        std = float(residuals.std())
        reach = 4.0 * std or 1.0
        bins = np.linspace(-reach, reach, 33) + float(residuals.mean())
        left.hist(np.clip(residuals, bins[0], bins[-1]), bins=bins, color=palette.after, alpha=0.65, density=True)
        if std > 0.0:
            x = np.linspace(bins[0], bins[-1], 81)
            normal = np.exp(-0.5 * ((x - residuals.mean()) / std) ** 2) / (std * math.sqrt(2.0 * math.pi))
            left.plot(x, normal, color=palette.ink, lw=0.9)
    left.set_yticks([])
    left.spines["left"].set_visible(False)
    left.locator_params(axis="x", nbins=3)
    left.set_xlabel(f"residual [{traces[0].unit}]", labelpad=1)
    values, bound = autocorrelation(traces)
    lags = np.arange(len(values))
    if math.isfinite(bound):
        right.axhspan(-bound, bound, color=palette.measured, alpha=0.3, lw=0)
    right.axhline(0.0, color=palette.line, lw=0.7)
    right.vlines(lags[1:], 0.0, values[1:], color=palette.after, lw=1.4)
    right.set_ylim(min(-0.25, 1.1 * float(np.nanmin(values))), 1.0)
    right.set_yticks([0.0, 1.0])
    right.locator_params(axis="x", nbins=5, integer=True)
    right.set_xlabel("lag [samples]", labelpad=1)
    return figure


def correlation_chart(found: Identification, palette: Palette) -> "Figure":
    """Lower triangle of the correlation matrix; blue together, orange against each other, the paler the weaker."""
    from matplotlib.collections import PolyCollection

    n = len(found.names)
    cell = _cell(n)
    figure = new_figure(correlation_width(found), 0.5 + cell * n)
    axes = figure.subplots()
    below = np.tri(n, k=-1, dtype=bool)
    matrix = np.where(below, found.correlation, np.nan)
    colours = np.zeros((n, n, 4))
    colours[..., :3] = np.where((matrix >= 0.0)[..., None], POSITIVE, NEGATIVE)
    colours[..., 3] = np.abs(np.nan_to_num(matrix)).clip(0.0, 1.0)
    axes.imshow(colours, interpolation="none", aspect="equal")
    if n <= NUMBERED:
        for i, j in zip(*np.nonzero(below), strict=True):
            if math.isfinite(matrix[i, j]):
                text = f"{matrix[i, j]:+.2f}".replace("-", "−").replace("0.", ".")
                axes.text(j, i, text, ha="center", va="center", fontsize=6.0, color=palette.ink)
    unknown = [
        [(first - 0.5, i - 0.5), (last - 0.5, i - 0.5), (last - 0.5, i + 0.5), (first - 0.5, i + 0.5)]
        for i in range(n)
        for first, last in _runs(np.isnan(matrix[i]) & below[i])
    ]
    axes.add_collection(PolyCollection(unknown, facecolors="none", hatch="////", edgecolors=palette.line, linewidths=0.0))
    axes.plot(range(n), range(n), "s", ms=72.0 * cell * 0.28, color=palette.line)
    small = 7.0 if cell > 0.2 else 6.0
    axes.set_yticks(range(n), [f"{name}  {k}" for k, name in enumerate(found.names, 1)], fontsize=small)
    axes.set_xticks(range(n), [str(k) for k in range(1, n + 1)], fontsize=small if n <= 30 else 5.0)
    axes.tick_params(length=0, labelcolor=palette.ink)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _runs(chosen: np.ndarray) -> list[tuple[int, int]]:
    """Where runs of true begin and end."""
    edges = np.flatnonzero(np.diff(np.r_[False, chosen, False].astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def correlation_width(found: Identification) -> float:
    """Of the chart above [inch]: cells and the longest name."""
    return 0.7 + _cell(len(found.names)) * len(found.names) + 0.055 * max((len(name) for name in found.names), default=0)


def _cell(count: int) -> float:
    """Width of a cell [inch]."""
    return min(0.42, max(0.15, 6.0 / max(count, 1)))


def singular_chart(found: Identification, palette: Palette) -> "Figure":
    """Singular values on a logarithmic scale, those of directions that are not identifiable hollow."""
    figure = new_figure(PANEL[0], 2.0)
    axes = figure.subplots()
    values = np.asarray(found.singular_values, float)
    x = np.arange(1, len(values) + 1)
    drawn = np.isfinite(values) & (values > 0.0)
    floor = values[drawn].min() if drawn.any() else 1.0
    heights = np.where(drawn, values, 0.3 * floor)
    known = np.asarray(found.identifiable, bool)
    axes.set_yscale("log")
    axes.vlines(x, 0.2 * floor, heights, color=palette.line, lw=1.0)
    axes.plot(x[known], heights[known], "o", ms=4.0, color=palette.after)
    axes.plot(x[~known], heights[~known], "o", ms=4.0, mfc=palette.page, mec=palette.before, mew=1.1)
    axes.set_ylim(0.2 * floor, 3.0 * float(heights.max(initial=floor)))
    axes.set_xlim(0.4, len(values) + 0.6)
    axes.locator_params(axis="x", integer=True)
    axes.grid(axis="y")
    axes.set_xlabel("direction, best known first", labelpad=1)
    axes.set_ylabel("singular value")
    return figure


def history_chart(found: Identification, palette: Palette) -> "Figure":
    """Objective and norm of its gradient over the iterations, on logarithmic scales."""
    figure = new_figure(PANEL[0], 2.0)
    axes = figure.subplots()
    other = axes.twinx()
    exact = [row for row in found.history if row.get("exact", True)]
    _curve(axes, exact, "objective", palette.after, "o-")
    _curve(other, found.history, "gradient_norm", palette.before, "--")
    other.spines["right"].set_visible(False)
    axes.grid(axis="y")
    axes.set_xlabel("iteration", labelpad=1)
    axes.set_ylabel("objective", color=palette.after)
    other.set_ylabel("gradient norm", color=palette.before)
    axes.set_xlim(-0.4, max((row["iteration"] for row in found.history), default=0) + 0.4 if len(found.history) > 1 else 1.4)
    axes.locator_params(axis="x", integer=True)
    return figure


def _curve(axes: Any, history: list[dict], key: str, colour: str, look: str) -> None:
    points = [
        (row["iteration"], row[key]) for row in history if row.get(key) is not None and row[key] > 0.0 and math.isfinite(row[key])
    ]
    axes.set_yscale("log")
    if points:
        x, y = np.array(points, float).T
        axes.plot(x, y, look, color=colour, lw=1.1, ms=2.6)
    else:
        axes.set_yticks([])


def forest_chart(found: Identification, palette: Palette) -> "Figure":
    """Start, value and 95 % interval of every parameter, each row to its own scale."""
    rows = found.estimates
    figure = new_figure(6.0, 0.6 + 0.2 * len(rows))
    axes = figure.subplots()
    for y, estimate in enumerate(rows):
        m = marks(estimate)
        colour = palette.after if kind(estimate) in ("well", "roughly") else palette.before
        if m.band is not None:
            axes.plot([m.band[0], m.band[1]], [y, y], color=colour, lw=4.5, alpha=0.35, solid_capstyle="butt")
        if m.value is not None:
            axes.plot(m.value, y, "o", ms=4.0, color=colour)
        if m.start is not None:
            axes.plot(m.start, y, "|", ms=7.0, mew=1.3, color=palette.ink)
    axes.set_yticks(range(len(rows)), [estimate.name for estimate in rows])
    axes.set_xlim(0.0, 100.0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xticks([])
    axes.grid(axis="y")
    axes.set_xlabel("start (bar), estimate (dot), 95 % interval (band); each row to its own scale")
    return figure
