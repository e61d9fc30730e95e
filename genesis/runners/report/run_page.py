"""The report of a run as one HTML file, made from its folder."""

import math
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from genesis.runners.health import GROWN
from genesis.runners.report import run_charts as charts
from genesis.runners.report.digits import change, duration, percent, plain, power
from genesis.runners.report.facts import facts_of
from genesis.runners.report.folder import SIMULATE, SYSID, RunReport, node, report_of
from genesis.runners.report.judge import counted
from genesis.runners.report.motion import WORDS, Closeness, JointMotion, chosen_dofs, closeness, motion_of
from genesis.runners.report.page import fill, write_page
from genesis.runners.report.run_constraints import constraint_curves, constraint_rows, told_in_short
from genesis.runners.report.run_judge import amount, losses_of, metric_words, objectives, toned, total_seconds, verdict
from genesis.runners.report.style import Draw, Palette, svg

DOFS = 12  # degrees of freedom that are drawn
ERRORS = 4  # metrics over time that are drawn
METRIC_CARDS = 3
CHANGING = 1e-9  # relative, of a learning rate that is worth a curve
#: Of health and estimates: what is a share, in words.
SHARES = {
    "finite": "finite", "sign_agreement": "agree in sign", "without_gradient": "without a gradient", "alpha": "weight of exact gradients",
}  # fmt: skip
PASSIVE = "not driven"  # beside the name of a degree of freedom that nothing controls
EYEBROWS = {SIMULATE: "Simulation", SYSID: "System identification"}


@dataclass
class Chart:
    """A chart with its caption. legend: (CSS colour, name, more) of its curves; side: a word at the right end of the caption."""

    name: str
    svg: str
    side: str = ""
    legend: tuple[tuple[str, str, str], ...] = ()


def write_run_report(folder: Path, result: dict[str, Any] | None = None) -> Path:
    """Write ``report.html`` into the folder of a run, from what lies there; ``result``: what result.json will hold, where it is not there yet.

    Raises: InputError for a folder without a run.
    """
    return write_page(folder, render_run(report_of(folder, result)))


def render_run(run: RunReport) -> str:
    """The whole page."""
    motion = motion_of(run.arrays)
    near = closeness(motion) if motion is not None else []
    dofs = _dofs(motion)
    rows = constraint_rows(run)
    priced = {row.name for row in rows if row.hard}
    return fill(
        "run.html.j2",
        run=run,
        title=run.title,
        eyebrow=EYEBROWS.get(run.verb, "Optimisation"),
        tone=toned(run),
        verdict=verdict(run, near),
        cards=_cards(run),
        origin=run.origin,
        facts=facts_of(run),
        losses=[row for row in losses_of(run) if row["name"] not in priced],
        metrics=_metrics(run),
        course=_course(run),
        stages=run.result.get("stages") or [],
        growth=_growth(run),
        errors=_errors(run, motion),
        constraints=rows,
        constraint_charts=[
            _chart(one.name, one.draw, f"constraint {one.name} over time", side=one.side) for one in constraint_curves(run)
        ],
        near=[(one, WORDS[one.kind]) for one in near],
        motion=motion,
        dofs=dofs,
        left_out=0 if motion is None else sum(dof.controlled for dof in motion.dofs) - sum(c.side != PASSIVE for c in dofs),
        where=_where,
    )


def _chart(name: str, draw: Draw, said: str, **more: Any) -> Chart:
    return Chart(name, svg(draw, escape(said, quote=True)), **more)


def _colour(k: int) -> str:
    """CSS variable of a curve."""
    names = {value: name for name, value in vars(Palette()).items()}
    return f"var(--{names[Palette().curves[k]]})"


# ---- at a glance


def _cards(run: RunReport) -> list[tuple[str, str, str]]:
    """(title, figure, line below)."""
    first, best = objectives(run)
    cards = []
    if run.verb == SIMULATE:
        cards.append(("Objective", plain(best), f"of {counted(len(node(run.result, 'terms')), 'loss term')}"))
    elif first is not None and best is not None and min(first, best) > 0.0:
        cards.append(("Objective", change(first, best), f"{plain(first)} → {plain(best)}"))
    else:
        cards.append(("Objective", plain(best), f"{plain(first)} at the start"))
    metrics, limits = _without_violations(run, "metrics"), _without_violations(run, "tolerances")
    for name in [*limits, *(name for name in metrics if name not in limits and not limits)][
        : METRIC_CARDS - bool(node(run.result, "constraints"))
    ]:
        words = metric_words(name)[0]
        below = f"at most {amount(name, limits[name])}" if name in limits else "no tolerance"
        if name in limits and metrics.get(name) is not None:
            below += ", met" if metrics[name] <= limits[name] else ", not met"
        cards.append((words[:1].upper() + words[1:], amount(name, metrics.get(name)), below))
    if node(run.result, "constraints"):
        cards.append(("Constraints", *told_in_short(run)))
    seconds = total_seconds(run)
    parts = [
        f"{word} {duration(float(v))}"
        for word in ("engine", "build", "loop", "rollout")
        if (v := node(run.result, "seconds").get(word)) is not None
    ]
    if seconds is not None:
        cards.append(("Time", duration(seconds), ", ".join(parts)))
    if run.verb != SIMULATE:
        evaluations = run.result.get("evaluations", run.result.get("simulations"))
        below = f"best in iteration {run.result['best_iteration']}" if run.result.get("best_iteration") is not None else ""
        below = f"{counted(evaluations, 'evaluation')}{', ' if below else ''}{below}" if evaluations is not None else below
        cards.append(("Iterations", str(run.result.get("iterations", len(run.course))), below))
    return cards


def _without_violations(run: RunReport, table: str) -> dict[str, Any]:
    """Of the metrics or tolerances those that are no constraints', which are told apart."""
    return {name: value for name, value in node(run.result, table).items() if name not in node(run.result, "constraints")}


def _metrics(run: RunReport) -> list[dict[str, Any]]:
    """A row for each metric of the best point, but violations, which have a table: words, text, tolerance, whether it is met, raw value."""
    limits = node(run.result, "tolerances")
    rows = []
    for name, value in _without_violations(run, "metrics").items():
        limit = limits.get(name)
        met = None if limit is None or value is None else value <= limit
        first = run.course.metrics.get(name)
        rows.append(
            {
                "name": name, "words": metric_words(name)[0], "value": value, "text": amount(name, value), "met": met,
                "limit": "" if limit is None else amount(name, limit),
                "first": amount(name, float(first[0])) if first is not None and len(first) else "",
            }
        )  # fmt: skip
    return rows


# ---- its course


def _course(run: RunReport) -> list[Chart]:
    course = run.course
    if not np.isfinite(course.objective).any():
        return []
    best = run.result.get("best_iteration")
    first, last = objectives(run)
    stages = [label for _, label in course.first_of_stages()]
    made = [
        _chart(
            "Objective", lambda p: charts.objective_chart(course, p, best), "objective by iteration",
            side=f"{plain(first, 3)} → {plain(last, 3)}", legend=_marks(run, stages),
        )
    ]  # fmt: skip
    if len(course.terms) > 1:
        shares = charts.ordered_terms(course)
        at = course.row(best)
        names = [(name, x) for name, x in shares] or list(course.terms.items())[: charts.TERMS]
        legend = [
            (_colour(k), name, percent(float(x[-1 if at is None else at])) if shares else "") for k, (name, x) in enumerate(names)
        ]
        said = "share of each loss term in the objective by iteration" if shares else "loss terms by iteration"
        made.append(
            _chart(
                "Loss terms",
                lambda p: charts.terms_chart(course, p),
                said,
                side="shares, at the best" if shares else "",
                legend=tuple(legend),
            )
        )
    limits = node(run.result, "tolerances")
    ratios = {name: course.metrics[name] / limit for name, limit in limits.items() if limit and name in course.metrics}
    if ratios and len(course) > 1:
        legend = list(_legend([metric_words(name)[0] for name in ratios]))
        said = "metrics relative to their tolerances by iteration"
        made.append(
            _chart(
                "Metrics over their tolerances", lambda p: charts.curves_chart(course, ratios, p, "metric / tolerance", 1.0), said,
                side="met in the shaded part", legend=tuple(legend),
            )
        )  # fmt: skip
    for name, table, label in (
        ("Gradient norm", course.norms, "gradient norm"),
        ("Learning rate", _changing(course.rates), "learning rate"),
    ):
        some = dict(list(table.items())[: len(Palette().curves)])
        if some and len(course) > 1:
            made.append(
                _chart(
                    name, lambda p, some=some, label=label: charts.curves_chart(course, some, p, label), f"{label} by iteration",  # type: ignore[misc]
                    legend=_legend(list(some)) if len(some) > 1 else (),
                )
            )  # fmt: skip
    return made + _health(run)


def _health(run: RunReport) -> list[Chart]:
    """How far gradients can be trusted: their growth on the way back through time, and shares between 0 and 1."""
    course, made = run.course, []
    known = {name: x for name, x in course.health.items() if np.isfinite(x).any()}
    growth = known.get("gradient_growth")
    if len(course) < 2:
        return []
    if growth is not None:
        side = f"up to {power(float(np.nanmax(growth)))}, worth a warning beyond {power(GROWN)}"
        made.append(
            _chart(
                "Growth of the gradient", lambda p: charts.curves_chart(course, {"growth": growth}, p, "log₁₀ growth"),
                "growth of the gradient from the last step back to the first by iteration", side=side,
            )
        )  # fmt: skip
    shares = {words: known[name] for name, words in SHARES.items() if name in known}
    if shares:
        made.append(
            _chart(
                "Health of the gradient", lambda p: charts.curves_chart(course, shares, p, "share", shares=True),
                "health of the gradient by iteration",
                side="1: all", legend=_legend(list(shares)),
            )
        )  # fmt: skip
    return made


def _marks(run: RunReport, stages: list[str]) -> tuple[tuple[str, str, str], ...]:
    """What the marks in the chart of the objective mean."""
    course = run.course
    marks = [("ring", "best", "")] if course.row(run.result.get("best_iteration")) is not None else []
    marks += [("cross", "something diverged", "")] if (course.failed > 0).any() or (course.lost > 0).any() else []
    marks += [("noisy", "of a mini-batch", "")] if not course.exact.all() else []
    if 0 < len(stages) <= charts.MARKED_STAGES:
        marks.append(
            ("dotted", f"begins: {', '.join(stages)}" if len(", ".join(stages)) < 60 else f"{len(stages) + 1} stages", "")
        )
    return tuple(marks)


def _legend(names: list[str]) -> tuple[tuple[str, str, str], ...]:
    return tuple((_colour(k), name, "") for k, name in enumerate(names[: len(Palette().curves)]))


def _changing(rates: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    known = {name: x for name, x in rates.items() if np.isfinite(x).any()}
    return {name: x for name, x in known.items() if np.nanmax(x) - np.nanmin(x) > CHANGING * abs(np.nanmax(x))}


def _growth(run: RunReport) -> Chart | None:
    logs = {name: x for name, x in run.growth.items() if len(x) > 1 and np.isfinite(x).all()}
    if not logs:
        return None
    limits = [told.get("log10_noise") for told in node(run.result, "growth").values()]
    limit = next((float(x) for x in limits if x is not None), math.inf)
    time = run.arrays.get("time")
    dt = float(time[1] - time[0]) if time is not None and len(time) > 1 else 1.0
    most = max(float(x.max()) for x in logs.values())
    legend = tuple(("dashed" if name == "first" else _colour(0), f"{name} motion", "") for name in logs)
    return _chart(
        "Growth of small changes", lambda p: charts.growth_chart(logs, dt, limit, p), "growth of small changes over time",
        side=f"up to {power(most)}" + (f", noise beyond {power(limit)}" if math.isfinite(limit) else ""), legend=legend,
    )  # fmt: skip


# ---- its motion


def _errors(run: RunReport, motion: JointMotion | None) -> list[Chart]:
    """The goal's metrics over time."""
    made = []
    limits = node(run.result, "tolerances")
    for name, values in list(run.series.items())[:ERRORS] if motion is not None else []:
        assert motion is not None
        table = values if values.ndim == 2 else values[:, None]
        if len(table) != len(motion.time) or not np.isfinite(table).any():
            continue
        words, unit = metric_words(name)
        words, label = words.removeprefix("final ").removeprefix("largest "), unit.replace("°", "deg") or "rad/s, m/s"
        ends = table[-1][np.isfinite(table[-1])]
        side = f"{amount(name, float(ends.max()))} at the end" if len(ends) else ""
        draw = partial(charts.error_chart, motion.time, table, label, limits.get(name), "error" in name or "miss" in name)
        made.append(_chart(words[:1].upper() + words[1:], draw, f"{words} over time", side=side))
    return made


def _dofs(motion: JointMotion | None) -> list[Chart]:
    if motion is None:
        return []
    return [
        _chart(
            dof.name, lambda p, dof=dof: charts.dof_chart(motion, dof, p), f"force, position and velocity of {dof.name} over time",  # type: ignore[misc]
            side="" if dof.controlled else PASSIVE,
        )
        for dof in chosen_dofs(motion, DOFS)
    ]  # fmt: skip


def _where(one: Closeness, motion: JointMotion) -> str:
    """When, and in which environment."""
    env = f", environment {one.env}" if motion.envs > 1 else ""
    return f"{plain(one.time, 3)} s{env}" if math.isfinite(one.time) else ""
