"""The charts of a run: its course over the iterations, its motion over time."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from genesis.runners.report.digits import SUPERSCRIPT, plain
from genesis.runners.report.folder import Iterations
from genesis.runners.report.motion import Dof, JointMotion
from genesis.runners.report.style import Palette, new_figure
from genesis.runners.report.thin import thin

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 3.6, 1.9  # inch
MARGINS = (42.0, 7.0, 27.0, 8.0)
MOST = 240  # points of a curve
DRAWN = 3  # environments of a batch that have a curve of their own
TERMS = 7  # loss terms that have a colour of their own; smaller ones share the last
MARKED_STAGES = 12
LOGARITHMIC = 20.0  # largest over least from which a logarithmic scale says more


def course_figure(course: Iterations, palette: Palette, label: str) -> tuple["Figure", Any]:
    """An empty chart over the iterations, with the beginnings of stages."""
    figure = new_figure(WIDTH, HEIGHT, MARGINS)
    axes = figure.subplots()
    starts = course.first_of_stages()
    for iteration, _ in starts if len(starts) <= MARKED_STAGES else []:
        axes.axvline(iteration - 0.5, color=palette.muted, lw=0.7, ls=":")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.set_xlabel("iteration", labelpad=1)
    last = float(course.iterations[-1]) if len(course) else 1.0
    margin = 0.02 * max(last, 1.0) + 0.05
    axes.set_xlim(float(course.iterations[0]) - margin if len(course) else 0.0, max(last, 1.0) + margin)
    axes.locator_params(axis="x", integer=True, nbins=7)
    _label(axes, label)
    return figure, axes


def objective_chart(course: Iterations, palette: Palette, best: int | None) -> "Figure":
    """Objective, the best point marked; crosses at the bottom: iterations in which something diverged."""
    figure, axes = course_figure(course, palette, "objective")
    there = course.exact & np.isfinite(course.objective)
    x, y = course.iterations[there], course.objective[there]
    _scale(axes, [y])
    noisy = ~course.exact & np.isfinite(course.objective)
    if noisy.any():
        axes.plot(*thin(course.iterations[noisy], course.objective[noisy], MOST), color=palette.measured, lw=0.8)
    marker = {"marker": "o", "ms": 2.4} if len(x) <= 60 else {}
    axes.plot(*thin(x, y, 2 * MOST), color=palette.after, lw=1.2, **marker)
    row = course.row(best)
    if row is not None and np.isfinite(course.objective[row]):
        axes.plot(course.iterations[row], course.objective[row], "o", ms=7.0, mfc="none", mec=palette.before, mew=1.4)
    bad = (course.failed > 0) | (course.lost > 0)
    if bad.any():
        axes.plot(
            course.iterations[bad][:MOST], np.full(min(int(bad.sum()), MOST), 0.03), "x", ms=3.2, mew=0.9, color=palette.warn,
            transform=axes.get_xaxis_transform(), clip_on=False,
        )  # fmt: skip
    return figure


def ordered_terms(course: Iterations) -> list[tuple[str, np.ndarray]]:
    """(name, share (n,) of the objective) of each loss term, those that matter most first; smaller ones as "others". Empty where a term is
    negative, so that there are no shares."""
    values = {name: np.nan_to_num(x) for name, x in course.terms.items()}
    if not values or min(float(x.min()) for x in values.values()) < 0.0:
        return []
    whole = np.sum(list(values.values()), axis=0)
    shares = {name: np.divide(x, whole, out=np.zeros_like(x), where=whole > 0.0) for name, x in values.items()}
    order = sorted(shares, key=lambda name: -float(shares[name].mean()))
    named = [(name, shares[name]) for name in order[:TERMS]]
    return named + ([("others", np.sum([shares[name] for name in order[TERMS:]], axis=0))] if order[TERMS:] else [])


def terms_chart(course: Iterations, palette: Palette) -> "Figure":
    """Shares of the loss terms in the objective, one on the other; their values, where one of them is negative."""
    shares = ordered_terms(course)
    figure, axes = course_figure(course, palette, "share" if shares else "value")
    if shares:
        rows = np.unique(np.linspace(0, len(course) - 1, min(len(course), MOST)).round().astype(int))
        x, tables = course.iterations[rows], [share[rows] for _, share in shares]
        if len(x) == 1:
            x, tables = np.array([x[0] - 0.4, x[0] + 0.4]), [np.repeat(table, 2) for table in tables]
        axes.stackplot(x, *tables, colors=palette.curves, alpha=0.82, lw=0)
        axes.set_ylim(0.0, 1.0)
        axes.set_yticks([0.0, 0.5, 1.0], ["0 %", "50 %", "100 %"])
        axes.grid(False)
    else:
        for (_, values), colour in zip(list(course.terms.items())[:TERMS], palette.curves, strict=False):
            axes.plot(*thin(course.iterations, values, MOST), color=colour, lw=1.1)
    return figure


def curves_chart(
    course: Iterations,
    table: dict[str, np.ndarray],
    palette: Palette,
    label: str,
    limit: float | None = None,
    shares: bool = False,
) -> "Figure":
    """Some numbers over the iterations. limit: below it all is well. shares: they are between 0 and 1."""
    figure, axes = course_figure(course, palette, label)
    if shares:
        axes.set_ylim(-0.04, 1.04)
    else:
        _scale(axes, list(table.values()), limit, low_ends=2.0 if limit else 12.0)
    logarithmic = axes.get_yscale() == "log"
    for values, colour in zip(table.values(), palette.curves, strict=False):
        x, y = thin(course.iterations, np.where(values > 0.0, values, math.nan) if logarithmic else values, MOST)
        axes.plot(x, y, color=colour, lw=1.1, marker="o" if len(x) <= 60 else None, ms=2.0)
    if limit is not None:
        low = axes.get_ylim()[0]
        axes.axhspan(low, limit, color=palette.s3, alpha=0.10, lw=0)
        axes.axhline(limit, color=palette.s3, lw=0.9, ls=(0, (4, 2)))
        axes.set_ylim(bottom=low)
    return figure


def growth_chart(logs: dict[str, np.ndarray], dt: float, limit: float, palette: Palette) -> "Figure":
    """log10 of the growth of small changes along the first (dashed) and the final motion; shaded where gradients are noise."""
    figure, axes = time_figure(palette, "log₁₀ growth")
    longest = max(len(x) for x in logs.values())
    for name, values in logs.items():
        look = {"ls": (0, (3, 1.6)), "color": palette.before} if name == "first" else {"color": palette.after}
        axes.plot(*thin(dt * np.arange(len(values)), values, MOST), lw=1.1, **look)
    low, high = axes.get_ylim()
    if math.isfinite(limit) and high > 0.6 * limit:
        high = max(high, 1.15 * limit)
        axes.axhspan(limit, high, color=palette.before, alpha=0.10, lw=0)
        axes.axhline(limit, color=palette.before, lw=0.9, ls=(0, (4, 2)))
    axes.set_ylim(min(low, 0.0), high)
    axes.set_xlim(0.0, max(dt * (longest - 1), 1e-9))
    return figure


def time_figure(palette: Palette, label: str) -> tuple["Figure", Any]:
    """An empty chart over time."""
    figure = new_figure(WIDTH, HEIGHT, MARGINS)
    axes = figure.subplots()
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.set_xlabel("time [s]", labelpad=1)
    _label(axes, label)
    return figure, axes


def error_chart(
    time: np.ndarray, values: np.ndarray, label: str, limit: float | None, logarithmic: bool, palette: Palette
) -> "Figure":
    """A metric (T+1, B) over time, with what it may be at most."""
    figure, axes = time_figure(palette, label)
    if limit is not None or logarithmic:
        _scale(axes, [values], limit, low_ends=2.0 if limit else 6.0)
    _band(axes, time, values, palette)
    if limit is not None:
        low = axes.get_ylim()[0]
        axes.axhspan(low, limit, color=palette.s3, alpha=0.10, lw=0)
        axes.axhline(limit, color=palette.s3, lw=0.9, ls=(0, (4, 2)))
        axes.set_ylim(bottom=low)
    axes.set_xlim(time[0], max(time[-1], time[0] + 1e-9))
    return figure


def constraint_chart(time: np.ndarray, values: np.ndarray, label: str, lines: tuple[float, float], palette: Palette) -> "Figure":
    """The worst number (T+1, B) of a constraint over time, with its limits; beyond them shaded."""
    figure, axes = time_figure(palette, label)
    _band(axes, time, values, palette)
    low, high = _window(values, np.array([line for line in lines if math.isfinite(line)]))
    for end, out in zip(lines, (low, high), strict=True):
        if low <= end <= high:
            axes.axhspan(end, out, color=palette.before, alpha=0.13, lw=0)
            axes.axhline(end, color=palette.before, lw=0.9)
    axes.set_ylim(low, high)
    axes.set_xlim(time[0], max(time[-1], time[0] + 1e-9))
    return figure


def dof_chart(motion: JointMotion, dof: Dof, palette: Palette) -> "Figure":
    """Force, position and velocity of one degree of freedom, one under the other; beyond limits shaded, bounds of controls dotted."""
    kinds = [kind for kind in ("force", "position", "velocity") if kind in dof.values]
    figure = new_figure(WIDTH, 0.45 + 0.78 * len(kinds), (46.0, 7.0, 26.0, 6.0))
    rows = figure.subplots(len(kinds), 1, sharex=True, squeeze=False)[:, 0]
    for axes, kind in zip(rows, kinds, strict=True):
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        values, time = dof.values[kind], motion.time
        if kind in dof.targets:
            asked = _first_finite(dof.targets[kind])
            axes.plot(*_steps(time, asked), color=palette.before, lw=0.9, ls=(0, (3, 1.6)))
        _band(axes, time, values, palette)
        low, high = _window(values, dof.targets.get(kind))
        bounds = dof.bounds if kind == motion.control else (-math.inf, math.inf)
        low, high = _reach(low, high, *dof.limits[kind])
        low, high = _reach(low, high, *bounds)
        for end, out in zip(dof.limits[kind], (low, high), strict=True):
            if low < end < high:
                axes.axhspan(end, out, color=palette.before, alpha=0.13, lw=0)
                axes.axhline(end, color=palette.before, lw=0.7)
        for end in bounds:
            if low < end < high and end not in dof.limits[kind]:
                axes.axhline(end, color=palette.warn, lw=0.9, ls=":")
        axes.set_ylim(low, high)
        axes.locator_params(axis="y", nbins=3)
        axes.tick_params(axis="x", length=0 if axes is not rows[-1] else 2.5)
        _label(axes, getattr(dof.unit, kind), size=6.8)
    rows[-1].set_xlim(motion.time[0], max(motion.time[-1], motion.time[0] + 1e-9))
    rows[-1].set_xlabel("time [s]", labelpad=1)
    return figure


# ---- parts


def _label(axes: Any, text: str, size: float = 7.5) -> None:
    axes.set_ylabel(text, fontsize=size)
    axes.yaxis.set_label_coords(-35.0 / (72.0 * WIDTH - 49.0), 0.5)


def _scale(axes: Any, tables: list[np.ndarray], limit: float | None = None, low_ends: float = 12.0) -> None:
    """Logarithmic where all is positive and reaches far; ``low_ends``: decades shown below the largest, or below the limit."""
    values = np.concatenate([x.reshape(-1) for x in tables]) if tables else np.zeros(0)
    values = values[np.isfinite(values)]
    if not len(values) or values.min() < 0.0 or values.max() <= 0.0:
        return
    positive = values[values > 0.0]
    reach = min(float(positive.min()), limit or math.inf)
    if float(values.max()) > LOGARITHMIC * reach:
        axes.set_yscale("log")
        high = max(float(values.max()), limit or 0.0)
        low = max(float(positive.min()), min(high, limit or high) * 10.0**-low_ends)
        low = min(low, 0.3 * limit) if limit else low
        axes.set_ylim(low / 1.6, high * 1.9)
        power_ticks(axes.yaxis, low / 1.6, high * 1.9)


def power_ticks(axis: Any, low: float, high: float) -> None:
    """Ticks of a logarithmic axis at powers of ten, as plain text: formulas take as long to set as all else. Within a decade at 1, 2 and 5."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = max(1, math.ceil(math.log10(high / low) / 5.0))
    exponents = [p for p in range(first, last + 1) if p % step == 0 and low <= 10.0**p <= high]
    if len(exponents) > 1:
        axis.set_ticks([10.0**p for p in exponents], labels=[f"10{str(p).translate(SUPERSCRIPT)}" for p in exponents])
    else:
        ticks = [x for p in range(first - 1, last + 1) for x in (10.0**p, 2 * 10.0**p, 5 * 10.0**p) if low <= x <= high]
        axis.set_ticks(ticks, labels=[plain(x, 2) for x in ticks])
    axis.set_tick_params(which="minor", length=0)


def _band(axes: Any, time: np.ndarray, values: np.ndarray, palette: Palette) -> None:
    """The curve of one environment; of several a band from least to largest, and some of them in it. Shorter series hold over a step."""
    at = time[: len(values)]
    known = values[:, np.isfinite(values).any(0)]
    if known.shape[1] > 1:
        low, high = np.nanmin(known, 1), np.nanmax(known, 1)
        rows = np.unique(np.linspace(0, len(at) - 1, min(len(at), MOST)).round().astype(int))
        axes.fill_between(at[rows], low[rows], high[rows], color=palette.after, alpha=0.20, lw=0)
    for column in known.T[:DRAWN]:
        held = len(values) < len(time)
        axes.plot(
            *(_steps(time, column) if held else thin(at, column, MOST)),
            color=palette.after,
            lw=1.1 if known.shape[1] == 1 else 0.7,
        )


def _steps(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A series that holds over its steps, as stairs where they can be seen."""
    at = time[: len(values)]
    if len(values) > MOST // 2:
        return thin(at, values, MOST)
    ends = time[1 : len(values) + 1] if len(time) > len(values) else np.append(at[1:], at[-1:])
    return np.column_stack([at, ends]).reshape(-1), np.repeat(values, 2)


def _first_finite(values: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(values).any(0))
    column: np.ndarray = values[:, known[0] if len(known) else 0]
    return column


def _window(*tables: np.ndarray | None) -> tuple[float, float]:
    """Vertical range of the values with a margin; what hardly moves is not blown up."""
    values = np.concatenate([x.reshape(-1) for x in tables if x is not None])
    values = values[np.isfinite(values)]
    if not len(values):
        return -1.0, 1.0
    low, high = float(values.min()), float(values.max())
    least = max(1e-3 * max(abs(low), abs(high)), 1e-6)
    if high - low < least:
        low, high = low - 0.5 * least, high + 0.5 * least
    margin = 0.10 * (high - low)
    return low - margin, high + margin


def _reach(low: float, high: float, least: float, largest: float) -> tuple[float, float]:
    """The range as far as a limit and a little more, where that is near enough to be worth seeing."""
    span = high - low
    if math.isfinite(least) and low - least < 0.8 * span:
        low = min(low, least - 0.12 * span)
    if math.isfinite(largest) and largest - high < 0.8 * span:
        high = max(high, largest + 0.12 * span)
    return low, high
