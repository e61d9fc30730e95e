"""The overview of a sweep as one HTML file: its jobs best first, what was swept against what came of it."""

import math
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genesis.runners.report.digits import duration, plain
from genesis.runners.report.judge import GOOD, Sentence, counted
from genesis.runners.report.page import Origin, fill, write_page
from genesis.runners.report.run_charts import LOGARITHMIC, MARGINS, WIDTH, power_ticks
from genesis.runners.report.run_judge import amount, metric_words
from genesis.runners.report.run_page import Chart
from genesis.runners.report.style import Palette, new_figure, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KEYS = 9  # swept settings that have a chart
METRICS = 3  # columns of the table
LINES = 400  # jobs that have a line across the settings
SHOWN = 500  # rows of the table
AGREE = "agree"


@dataclass
class SweptJob:
    """One job. settings: what is swept, as typed. values: the same as numbers or texts. link: to its folder, report: to its report."""

    number: int
    status: str
    reason: str
    objective: float | None
    settings: dict[str, str]
    values: dict[str, Any]
    metrics: dict[str, float]
    iterations: int | None
    seconds: float | None
    link: str
    report: str = ""

    @property
    def good(self) -> bool:
        """It has met its aim."""
        return self.status in (*GOOD, AGREE)


@dataclass
class SweepReport:
    """What a sweep has come to. jobs: best first. keys: what is swept. influences: (key, share, verdict in words). left: jobs to go on with.

    compared: name of the number that jobs are compared by, which stands in `objective` of each; why: it is another, in words.
    """

    title: str
    jobs: list[SweptJob]
    keys: list[str]
    maximize: bool = False
    influences: list[tuple[str, float, str]] = field(default_factory=list)
    left: int = 0
    origin: Origin = field(default_factory=Origin)
    compared: str = "objective"
    why: str = ""


def write_sweep_report(folder: Path, sweep: SweepReport) -> Path:
    """Write ``report.html`` into the folder of a sweep and return its path."""
    return write_page(folder, render_sweep(sweep))


def render_sweep(sweep: SweepReport) -> str:
    """The whole page."""
    counts: dict[str, int] = {}
    for job in sweep.jobs:
        counts[job.status] = counts.get(job.status, 0) + 1
    good = sum(job.good for job in sweep.jobs)
    metrics = list(dict.fromkeys(name for job in sweep.jobs for name in job.metrics))[:METRICS]
    worst = max((abs(job.objective) for job in sweep.jobs if job.objective is not None), default=0.0)
    return fill(
        "sweep.html.j2",
        sweep=sweep,
        title=sweep.title,
        tone="good" if good == len(sweep.jobs) else "bad" if not good else "warn",
        status=f"{good} of {len(sweep.jobs)} succeeded",
        verdict=_verdict(sweep, counts),
        cards=_cards(sweep, counts),
        origin=sweep.origin,
        jobs=sweep.jobs[:SHOWN],
        metrics=[(name, metric_words(name)[0]) for name in metrics],
        charts=_charts(sweep),
        counts=sorted(counts.items(), key=lambda item: -item[1]),
        bars=not _decades(sweep.jobs),
        lengths={job.number: _length(job.objective, worst) for job in sweep.jobs},
        amount=amount,
        left_out=max(len(sweep.jobs) - SHOWN, 0),
    )


def _decades(jobs: list[SweptJob]) -> bool:
    """Objectives reach too far for bars."""
    values = np.array([job.objective for job in jobs if job.objective is not None], float)
    return bool(len(values)) and _logarithmic(values)


def _length(value: float | None, worst: float) -> float:
    return 100.0 * abs(value) / worst if value is not None and worst > 0.0 else 0.0


def _best(sweep: SweepReport) -> SweptJob | None:
    return next((job for job in sweep.jobs if job.objective is not None), None)


def _verdict(sweep: SweepReport, counts: dict[str, int]) -> list[Sentence]:
    words = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in sorted(counts.items(), key=lambda x: -x[1]))
    said = [Sentence(f"{counted(len(sweep.jobs), 'job')}: {words}.", "good" if all(job.good for job in sweep.jobs) else "warn")]
    best = _best(sweep)
    if best is None:
        said.append(Sentence(f"No job has {article(sweep.compared)} yet.", "bad"))
    else:
        settings = ", ".join(f"{key}={value}" for key, value in best.settings.items()) or "nothing swept"
        said.append(
            Sentence(
                f"Best: job {best.number} ({best.status.replace('_', ' ')}) with {settings}, {sweep.compared} {plain(best.objective)}.",
                "good" if best.good else "plain",
            )
        )
    if sweep.why:
        said.append(Sentence(sweep.why.replace("`", "")))
    said += [Sentence(f"{key} explains {100.0 * share:.0f} %: {words}.") for key, share, words in sweep.influences[:3]]
    if sweep.left:
        said.append(Sentence(f"Next: {counted(sweep.left, 'job')} to go on with, by genesis sweep resume.", "next"))
    return said


def article(word: str) -> str:
    """an objective, a measure"""
    return f"{'an' if word[0] in 'aeio' else 'a'} {word}"


def _cards(sweep: SweepReport, counts: dict[str, int]) -> list[tuple[str, str, str]]:
    best = _best(sweep)
    values = [job.objective for job in sweep.jobs if job.objective is not None]
    seconds = [job.seconds for job in sweep.jobs if job.seconds is not None]
    cards = [("Jobs", str(len(sweep.jobs)), ", ".join(f"{n} {s.replace('_', ' ')}" for s, n in counts.items()))]
    if best is not None:
        cards.append((f"Best {sweep.compared}", plain(best.objective), f"job {best.number}"))
        cards.append(
            (
                f"Median {sweep.compared}",
                plain(float(np.median(values))),
                f"worst {plain(min(values) if sweep.maximize else max(values))}",
            )
        )
    if seconds:
        cards.append(("Time of the jobs", duration(sum(seconds)), f"a job {duration(float(np.median(seconds)))} (median)"))
    return cards


# ---- charts


def _charts(sweep: SweepReport) -> list[Chart]:
    """Objective over each setting; of three and more settings also one line a job across all of them."""
    known = [job for job in sweep.jobs if job.objective is not None and math.isfinite(job.objective)]
    made = []
    for key in sweep.keys[:KEYS] if len(known) > 1 else []:
        own = [job for job in known if key in job.values]
        if len({str(job.values[key]) for job in own}) > 1:
            said = escape(f"objective over {key}", quote=True)
            made.append(Chart(key, svg(lambda p, key=key, own=own: _scatter(own, key, p), said)))  # type: ignore[misc]
    if len(made) > 2:
        chosen = [chart.name for chart in made]
        drawn = [job for job in known if all(key in job.values for key in chosen)][:LINES]
        if len(drawn) > 1:
            made.append(
                Chart(
                    "All settings",
                    svg(lambda p: _parallel(drawn, chosen, p), "a line for each job across all settings"),
                    side="wide",
                )
            )
    return made


def _numeric(jobs: list[SweptJob], key: str) -> bool:
    return all(isinstance(job.values[key], (int, float)) for job in jobs)


def _logarithmic(values: np.ndarray) -> bool:
    return bool((values > 0.0).all() and values.max() > LOGARITHMIC * values.min())


def _scatter(jobs: list[SweptJob], key: str, palette: Palette) -> "Figure":
    figure = new_figure(WIDTH, 2.1, MARGINS)
    axes = figure.subplots()
    y = np.array([job.objective for job in jobs], float)
    if _numeric(jobs, key):
        x = np.array([job.values[key] for job in jobs], float)
        if _logarithmic(x):
            axes.set_xscale("log")
            power_ticks(axes.xaxis, 0.7 * float(x.min()), 1.4 * float(x.max()))
            axes.set_xlim(0.7 * float(x.min()), 1.4 * float(x.max()))
        elif len(set(x)) <= 6:
            axes.set_xticks(sorted(set(x)), [plain(value, 3) for value in sorted(set(x))])
            axes.margins(x=0.12)
    else:
        names = list(dict.fromkeys(str(job.values[key]) for job in jobs))
        spread = 0.12 * np.sin(2.4 * np.arange(len(jobs)))  # apart, the same each time
        x = np.array([names.index(str(job.values[key])) for job in jobs], float) + spread
        short = [name if len(name) <= 14 else f"{name[:13]}…" for name in names]
        axes.set_xticks(range(len(names)), short if len(names) <= 6 else [""] * len(names))
        axes.set_xlim(-0.5, len(names) - 0.5)
    if _logarithmic(y):
        axes.set_yscale("log")
        margin = (float(y.max()) / float(y.min())) ** 0.08
        power_ticks(axes.yaxis, float(y.min()) / margin, float(y.max()) * margin)
        axes.set_ylim(float(y.min()) / margin, float(y.max()) * margin)
    good = np.array([job.good for job in jobs])
    axes.plot(x[~good], y[~good], "o", ms=4.0, mfc="none", mec=palette.before, mew=1.1)
    axes.plot(x[good], y[good], "o", ms=4.0, color=palette.after, alpha=0.85)
    axes.plot(x[0], y[0], "o", ms=8.5, mfc="none", mec=palette.ink, mew=1.2)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.set_ylabel("objective")
    axes.yaxis.set_label_coords(-35.0 / (72.0 * WIDTH - 49.0), 0.5)
    return figure


def _parallel(jobs: list[SweptJob], keys: list[str], palette: Palette) -> "Figure":
    """A line for each job; the better, the bluer and the fuller."""
    figure = new_figure(11.0, 3.0, (24.0, 24.0, 30.0, 16.0))
    axes = figure.subplots()
    columns = [*keys, "objective"]
    table = np.zeros((len(jobs), len(columns)))
    ends: list[tuple[str, str]] = []
    for k, key in enumerate(columns):
        raw = [job.objective if key == "objective" else job.values[key] for job in jobs]
        if all(isinstance(value, (int, float)) for value in raw):
            values = np.array(raw, float)
            shown = np.log10(values) if _logarithmic(values) else values
            span = float(np.ptp(shown)) or 1.0
            table[:, k] = (shown - shown.min()) / span
            ends.append((plain(float(values.min()), 3), plain(float(values.max()), 3)))
        else:
            names = sorted({str(value) for value in raw})
            table[:, k] = [names.index(str(value)) / max(len(names) - 1, 1) for value in raw]
            ends.append((names[0], names[-1]))
    for rank in reversed(range(len(jobs))):
        share = rank / max(len(jobs) - 1, 1)
        colour = palette.after if share < 0.34 else palette.measured if share < 0.67 else palette.before
        axes.plot(range(len(columns)), table[rank], color=colour, lw=2.2 if rank == 0 else 0.9, alpha=1.0 if rank == 0 else 0.55)
    for k, (low, high) in enumerate(ends):
        axes.axvline(k, color=palette.line, lw=0.9, zorder=0)
        axes.text(k, -0.05, low, ha="center", va="top", color=palette.muted, fontsize=7.0)
        axes.text(k, 1.05, high, ha="center", va="bottom", color=palette.muted, fontsize=7.0)
    axes.set_xlim(-0.3, len(columns) - 0.7)
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([])
    axes.set_xticks(range(len(columns)), [key.rpartition(".")[2] or key for key in columns])
    axes.tick_params(axis="x", length=0, pad=14, labelcolor=palette.ink)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure
