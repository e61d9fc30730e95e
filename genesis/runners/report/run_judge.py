"""What the numbers of a run say: the verdict in words, and what to do next where it has not met its aim."""

import math
import re
from typing import Any

import numpy as np

from genesis.problems.status import CONVERGED, FINISHED, INTERRUPTED, NOT_CONVERGED, OVERFLOWED, PRUNED
from genesis.runners.names import RESULT
from genesis.runners.report.digits import change, duration, plain, power
from genesis.runners.report.folder import SIMULATE, RunReport, node
from genesis.runners.report.judge import Sentence, counted, tone_of
from genesis.runners.report.motion import WORDS, Closeness

#: Units that names of metrics end in.
UNITS = {"mm": "mm", "deg": "°", "m": "m", "percent": "%", "si": ""}
FALLING = 0.02  # of the objective over the last fifth of the iterations: it was still on its way
NO_GRADIENT = 1e-14  # of the largest norm of a run
#: What to try where an optimizer has come to a halt.
OTHERS = {
    "first_order": "lbfgs or levenberg_marquardt, which know curvature",
    "episodes": "another start (runtime.seed), a smaller optimizer.lr, or more task.envs",
    "lbfgs": "levenberg_marquardt or ddp, which know more of the motion",
    "else": "other starts (restarts.count=5), or cmaes, which needs no gradient",
}


def metric_words(name: str) -> tuple[str, str]:
    """A metric in words, and its unit: ("position error", "mm"), ("joint torque: violation", "Nm")."""
    violated, mark, slug = name.rpartition("_violation_")
    if mark:
        return f"{violated.replace('_', ' ')}: violation", slug.replace("_per_", "/").replace("m2", "m²").removeprefix("1")
    group, _, rest = name.rpartition("/")
    first, _, last = rest.rpartition("_")
    unit = UNITS.get(last) if first else None
    head = f"{group}: " if group else ""
    return (head + (first if unit is not None else rest).replace("_", " "), unit or "")


def amount(name: str, value: float | None) -> str:
    """0.167 mm"""
    unit = metric_words(name)[1]
    return f"{plain(value, 3)}{'' if unit in ('', '°') else ' '}{unit}"


def verdict(run: RunReport, near: list[Closeness]) -> list[Sentence]:
    """The paragraph at the top, sentence by sentence."""
    said = [
        _ending(run),
        _objective(run),
        *_tolerances(run),
        *_divergences(run),
        *(_beyond(one) for one in near),
        *_left(run),
        *_advice(run),
    ]
    return [sentence for sentence in said if sentence.text]


def _ending(run: RunReport) -> Sentence:
    result, tone = run.result, tone_of(run.status)
    if not result and RESULT in run.unreadable:
        return Sentence(f"How it ended is not known: {RESULT} cannot be read.", "warn")
    seconds = total_seconds(run)
    if run.verb == SIMULATE:
        time = run.arrays.get("time")
        steps = f"{counted(len(time) - 1, 'step')}, {plain(float(time[-1]), 4)} s of motion, " if time is not None else ""
        if "control" in result:
            return Sentence(
                f"In closed loop over {steps}{str(run.status).replace('_', ' ')}: {result.get('reason')}.", tone_of(run.status)
            )
        return Sentence(f"Simulated {steps}in {duration(float(node(result, 'seconds').get('rollout', math.nan)))}.", "good")
    counts = [counted(int(result.get("iterations", len(run.course))), "iteration")]
    counts += [counted(result[name], name.removesuffix("s")) for name in ("evaluations", "simulations") if name in result]
    head = f"{run.status.replace('_', ' ').capitalize()} after {', '.join(counts)}"
    head += f", {duration(seconds)}" if seconds is not None else ""
    reason = str(result.get("reason") or "").partition("\n")[0].rstrip(".")
    if not result:
        return Sentence(
            f"It has not ended, or its process died: there are {counted(len(run.course), 'iteration')} and no result.", "warn"
        )
    return Sentence(f"{head}: {reason}." if reason else f"{head}.", tone)


def total_seconds(run: RunReport) -> float | None:
    """Of the parts that do not contain each other."""
    seconds = node(run.result, "seconds")
    parts = [float(v) for k, v in seconds.items() if k in ("engine", "build", "loop", "rollout") and v is not None]
    return sum(parts) if parts else None


def objectives(run: RunReport) -> tuple[float | None, float | None]:
    """Of the start and of the best point."""
    result = run.result
    exact = run.course.objective[run.course.exact & np.isfinite(run.course.objective)] if len(run.course) else []
    first = result.get("objective_first", float(exact[0]) if len(exact) else None)
    best = result.get("objective_best", result.get("objective", float(min(exact)) if len(exact) else None))
    return first, best


def _objective(run: RunReport) -> Sentence:
    first, best = objectives(run)
    if best is None:
        return Sentence("No point had a value, so nothing was learned." if run.verb != SIMULATE else "", "bad")
    if first is None:
        return Sentence(f"Objective {plain(best)}.")
    fell = change(first, best) if min(first, best) > 0.0 else ""
    return Sentence(
        f"Objective {plain(first)} → {plain(best)}{f' ({fell})' if fell else ''}.", "plain" if best < first else "warn"
    )


def _tolerances(run: RunReport) -> list[Sentence]:
    metrics, limits = node(run.result, "metrics"), node(run.result, "tolerances")
    met: list[str] = []
    failed: list[str] = []
    constraints = node(run.result, "constraints")
    holding = [name for name in limits if constraints.get(name, {}).get("holds")]
    if holding:
        met.append("every constraint" if len(holding) == sum(bool(one.get("hard")) for one in constraints.values()) else
                   counted(len(holding), "constraint"))  # fmt: skip
    for name, largest in limits.items():
        if name in holding:
            continue
        value = metrics.get(name)
        words = f"{metric_words(name)[0]} {amount(name, value)} (at most {amount(name, largest)})"
        (met if value is not None and value <= largest else failed).append(words)
    bad = run.status != CONVERGED and run.verb != SIMULATE
    return [
        Sentence(f"Met: {'; '.join([*met[1:], met[0]] if holding else met)}." if met else "", "good" if not failed else "plain"),
        Sentence(f"Not met: {'; '.join(failed)}." if failed else "", "bad" if bad else "warn"),
    ]


def _divergences(run: RunReport) -> list[Sentence]:
    told = node(run.result, "divergences")
    failed, lost = int(told.get("failed_evaluations") or 0), node(told, "environments")
    said = []
    if failed:
        said.append(
            Sentence(f"{counted(failed, 'evaluation')} diverged and {'was' if failed == 1 else 'were'} left out.", "warn")
        )
    if lost:
        said.append(Sentence(f"{counted(len(lost), 'environment')} of the batch diverged in some iterations.", "warn"))
    for name in run.unreadable:
        said.append(Sentence(f"{name} is there and cannot be read: what it says is missing here.", "bad"))
    if run.course.torn:
        said.append(Sentence(f"{counted(run.course.torn, 'line')} of metrics.jsonl cannot be read.", "warn"))
    return said


def _beyond(one: Closeness) -> Sentence:
    if not one.beyond:
        return Sentence("")
    more = f", and {counted(len(one.beyond) - 1, 'other')} too" if len(one.beyond) > 1 else ""
    what = "asks for more than its motor gives, by" if one.kind == "force" else f"leaves its {WORDS[one.kind]} by"
    return Sentence(f"{one.dof} {what} {plain(one.excess, 3)} {one.unit} at {plain(one.time, 3)} s{more}.", "warn")


# ---- what next


def _advice(run: RunReport) -> list[Sentence]:
    if run.status in (CONVERGED, FINISHED, PRUNED) or not run.result:
        return []
    if run.status == INTERRUPTED:
        return [Sentence("Next: --resume goes on from here.", "next")]
    if run.status == OVERFLOWED:
        return [Sentence("Next: more room for contacts (scene.max_contacts), or a start without so many.", "next")]
    if run.status != NOT_CONVERGED:
        words = "a smaller scene.dt, smaller controls (bounds) or a start nearer to what is wanted"
        return [Sentence(f"Next: {words}; the last point with a value, if there was one, is saved.", "next")]
    found = _of_constraints(run) or [*_of_growth(run), *_of_gradient(run)] or _of_course(run)
    return [Sentence(f"Next: {text}", "next") for text in found]


def _left(run: RunReport) -> list[Sentence]:
    """Which loss most of the objective is left in, where the run ended before it was done."""
    if run.status != NOT_CONVERGED or len(run.course) < 2:
        return []
    rows = [row for row in losses_of(run) if math.isfinite(row["best"]) and row["name"] not in node(run.config, "constraint")]
    whole = sum(abs(row["best"]) for row in rows)
    if not whole > 0.0:
        return []
    most = {**rows[0], "share": abs(rows[0]["best"]) / whole}
    fell = change(most["first"], most["best"]) if min(most["first"], most["best"]) > 0.0 else ""
    return [
        Sentence(f"Most of the objective is left in {most['name']}: {100.0 * most['share']:.0f} %{f' ({fell})' if fell else ''}.")
    ]


def unfinished(run: RunReport) -> list[str]:
    """A line or two on a run that ended before it was done: which loss dominates, whether it was still falling, and what to try."""
    return [sentence.text for sentence in (*_left(run), *_advice(run)) if sentence.text] if run.status == NOT_CONVERGED else []


def _of_constraints(run: RunReport) -> list[str]:
    """Where constraints do not hold: which one is farthest from it."""
    broken = [one for one in node(run.result, "constraints").values() if one.get("hard") and not one.get("holds")]
    if not broken:
        return []
    worst = max(broken, key=lambda one: float(one["violation"]) / max(float(one["tolerance"]), 1e-300))
    return [
        f"{str(worst['text']).partition(':')[0]} does not hold. Where the limits leave room, more rounds find it "
        "(augmented_lagrangian.rounds, .iterations), or a start that keeps them; where they leave none, more time (task.horizon), a wider "
        "limit, or hard=false, which weighs it against the losses."
    ]


def _of_growth(run: RunReport) -> list[str]:
    """Where a gradient through the whole motion is noise."""
    if "multiple_shooting" in run.result or node(run.config, "optimizer").get("kind") in ("ddp", "cmaes", "mppi"):
        return []
    for name, told in node(run.result, "growth").items():
        if told.get("noise_time") is not None:
            where = f"from {plain(told['noise_time'], 3)} s on the gradient of the {name} motion is noise"
            grown = power(round(told["log10_largest"]))
            return [
                f"small changes grow by {grown}, {where}: take optimizer=ddp, cut the motion (multiple_shooting.segments=16), or make it "
                "shorter."
            ]
    return []


def _of_gradient(run: RunReport) -> list[str]:
    """Groups that the objective does not depend on, at all or any more."""
    sizes = {name: x[np.isfinite(x)] for name, x in run.course.norms.items()}
    sizes = {name: x for name, x in sizes.items() if len(x)}
    least = NO_GRADIENT * max((float(x.max()) for x in sizes.values()), default=0.0)
    never = [f"parameter.{name}" for name, x in sizes.items() if float(x.max()) <= least]
    gone = [f"parameter.{name}" for name, x in sizes.items() if float(x[-1]) <= least < float(x.max())]
    said = []
    if never:
        said.append(
            f"the gradient of {', '.join(never)} is zero: nothing that is asked for depends on it. Check its joints and the losses; where "
            "bodies have to meet first, scene.contact_reach lets them feel each other before, gradient.estimator=mixed asks points around, and "
            "cmaes needs no gradient."
        )
    if gone:
        said.append(
            f"the gradient of {', '.join(gone)} has vanished: its values are pressed against their bounds, or the motion has left what the "
            "losses see. A smaller optimizer.lr stays nearer to the start."
        )
    return said


def _of_course(run: RunReport) -> list[str]:
    """Whether it was still on its way when it ended."""
    reason, course = str(run.result.get("reason") or ""), run.course
    best = np.minimum.accumulate(np.where(course.exact & np.isfinite(course.objective), course.objective, np.inf))
    kind = str(node(run.config, "optimizer").get("kind"))
    word = (
        "episodes"
        if node(run.config, "task").get("kind") == "episodes"
        else "first_order"
        if _plain_descent(kind)
        else "lbfgs"
        if kind.startswith("lbfgs")
        else kind
    )
    others = OTHERS.get(word, OTHERS["else"])
    if "used up" in reason and len(best) >= 5 and math.isfinite(best[-1]):
        before = best[max(len(best) - max(len(best) // 5, 2), 0)]
        if math.isfinite(before) and before - best[-1] > FALLING * max(abs(before), 1e-300):
            more = "stop.seconds" if "seconds" in reason else "stop.iterations"
            given = node(run.config, "stop").get(more.removeprefix("stop."))
            value = f"{3 * given:g}" if isinstance(given, (int, float)) else "…"
            return [f"the objective was still falling: go on with --resume and {more}={value}, or take {others}."]
    if re.search("used up|no better|progress|tolerance|step|gradient", reason):
        return [
            f"the objective has stopped falling: take {others}; look below which loss is left, and whether its weight says what you want."
        ]
    return [f"take {others}."]


def _plain_descent(kind: str) -> bool:
    return kind not in ("lbfgs", "lbfgsb", "levenberg_marquardt", "least_squares", "gauss_newton", "ddp", "cmaes", "mppi")


def toned(run: RunReport) -> str:
    """good, warn or bad; a simulation has nothing to fail."""
    return "good" if run.verb == SIMULATE else tone_of(run.status)


def losses_of(run: RunReport) -> list[dict[str, Any]]:
    """A row for each loss term: kind, weight, value at the start and at the best point, its share there; largest first."""
    course = run.course
    at = course.row(run.result.get("best_iteration"))
    at = len(course) - 1 if at is None and len(course) else at
    ends = {name: (float(x[0]), float(x[at if at is not None else -1])) for name, x in course.terms.items()}
    if not ends:
        ends = {name: (math.nan, float(v)) for name, v in node(run.result, "terms").items() if v is not None}
    whole = sum(abs(last) for _, last in ends.values())
    told = {**node(run.config, "loss"), **node(run.config, "constraint")}
    rows = [
        {
            "name": name, "kind": node(told, name).get("kind", "prior of the parameters" if name == "prior" else ""),
            "weight": node(told, name).get("weight"), "first": first, "best": last, "share": abs(last) / whole if whole > 0.0 else 0.0,
        }
        for name, (first, last) in ends.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -float(row["share"]))
