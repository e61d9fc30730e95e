"""The picture of a gradient check: errors over the step of the differences, and secants over wide intervals beside the gradient."""

import math
from typing import TYPE_CHECKING, Any

from genesis.grad.check import WITHIN, Direction, Report
from genesis.grad.verdict import EXACT, KINK, NOISE, UNDEFINED, WRONG, ZERO
from genesis.runners.report.style import Palette, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACROSS = 3  # panels in a row
FLOOR = 1e-16  # errors of zero are drawn here


def draw(report: Report, palette: Palette) -> "Figure":
    """Two panels for each parameter group: errors on top, secants below, as many groups in a row as `ACROSS`."""
    groups = list(dict.fromkeys(d.group for d in report.directions))
    columns = min(len(groups), ACROSS)
    bands = math.ceil(len(groups) / columns)
    figure = new_figure(max(3.3 * columns + 0.3, 4.6), 4.5 * bands + 0.45)
    axes = figure.subplots(2 * bands, columns, squeeze=False, gridspec_kw={"height_ratios": [3, 2] * bands})
    for place, group in enumerate(groups):
        row, column = 2 * (place // columns), place % columns
        own = [d for d in report.directions if d.group == group]
        title = (
            group
            if group not in report.surrogate
            else f"{group}, without its surrogate ({report.surrogate[group]:.0%} of the gradient)"
        )
        _errors(axes[row][column], own, report.tolerance, palette, title, column == 0)
        _secants(axes[row + 1][column], own, palette, column == 0)
    for place in range(len(groups), bands * columns):
        axes[2 * (place // columns)][place % columns].set_visible(False)
        axes[2 * (place // columns) + 1][place % columns].set_visible(False)
    _legend(figure, report, palette)
    return figure


def colour(verdict: str, palette: Palette) -> str:
    """Of the lines with a verdict."""
    colours = {
        EXACT: palette.after,
        ZERO: palette.measured,
        KINK: palette.warn,
        NOISE: palette.muted,
        UNDEFINED: palette.before,
        WRONG: palette.before,
    }
    return colours[verdict]


def _style(direction: Direction, palette: Palette) -> dict[str, Any]:
    thick = 1.8 if direction.name == "steepest" else 1.0
    return {
        "color": colour(direction.verdict, palette),
        "linewidth": thick,
        "marker": "o",
        "markersize": 1.8 + thick,
        "markeredgewidth": 0,
        "alpha": 0.9,
    }


def _errors(axis: Any, directions: list[Direction], tolerance: float, palette: Palette, title: str, first: bool) -> None:
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.grid(True, which="major")
    axis.set_axisbelow(True)
    axis.axhspan(FLOOR / 10.0, tolerance, color=palette.after, alpha=0.06, linewidth=0)
    axis.axhline(tolerance, color=palette.muted, linewidth=0.8, linestyle=(0, (4, 3)))
    for direction in directions:
        errors = [max(e, FLOOR) for e in direction.errors]
        axis.plot(direction.steps, errors, **_style(direction, palette))
    shown = [max(e, FLOOR) for d in directions for e in d.errors if math.isfinite(e)]
    low, high = min([tolerance, *shown]), max([tolerance, *shown])
    axis.set_ylim(low / 5.0, high * 5.0)
    axis.set_title(title, loc="left", fontweight="bold")
    axis.set_xlabel("step of the difference, relative to the parameters")
    if first:
        axis.set_ylabel("|difference − adjoint|, relative")


def _secants(axis: Any, directions: list[Direction], palette: Palette, first: bool) -> None:
    axis.set_xscale("log")
    axis.grid(True, axis="y")
    axis.set_axisbelow(True)
    axis.axhspan(1.0 / WITHIN, WITHIN, color=palette.after, alpha=0.06, linewidth=0)
    axis.axhline(1.0, color=palette.muted, linewidth=0.8, linestyle=(0, (4, 3)))
    axis.axhline(0.0, color=palette.line, linewidth=0.8)
    for direction in directions:
        if direction.follows is None:
            continue
        ratios = [min(max(secant / direction.adjoint, -1.0), 3.0) for _, secant in direction.trend]
        axis.plot([width for width, _ in direction.trend], ratios, **_style(direction, palette))
    widths = [width for width, _ in directions[0].trend]
    if all(direction.follows is None for direction in directions):
        axis.text(0.5, 0.62, "no slope to follow", transform=axis.transAxes, ha="center", color=palette.muted)
    axis.set_xlim(widths[0] / 1.25, widths[-1] * 1.25)
    axis.set_ylim(-1.1, 3.1)
    axis.set_yticks([-1, 0, 1, 2, 3], ["≤ −1", "0", "1", "2", "≥ 3"])
    axis.set_xticks(widths, [f"±{width:g}" for width in widths])
    axis.minorticks_off()
    axis.set_xlabel("half width of the interval")
    if first:
        axis.set_ylabel("secant / adjoint")


def _legend(figure: "Figure", report: Report, palette: Palette) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour(verdict, palette), marker="o", markersize=3.5, label=f"{verdict} ({count})")
        for verdict, count in report.counts().items()
    ]
    handles.append(
        Line2D([], [], color=palette.muted, linestyle=(0, (4, 3)), label=f"tolerance {report.tolerance:g}; secant = adjoint")
    )
    handles.append(Line2D([], [], color=palette.ink, linewidth=1.8, label="steepest direction"))
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), handlelength=1.8, columnspacing=1.4)
