"""The answer of an identification: estimates with their certainty, the fit, what users should know before they trust it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from genesis.errors import InputError
from genesis.parameters import Inputs
from genesis.scene.names import row_names
from genesis.selection import match
from genesis.sysid.cause import likeliest_cause
from genesis.sysid.fit import FitLimits, GoodnessOfFit, beyond_sigma, fit_of
from genesis.sysid.measure import far_clocks
from genesis.sysid.outcome import Comparison, compare
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.profile import profile_interval
from genesis.sysid.residuals import Residuals
from genesis.sysid.result import Answer, Estimate
from genesis.sysid.statistics import KEPT, Certainty, certainty, estimates, nothing_known
from genesis.sysid.trust import doubts_of

WHITE = 0.2  # of the autocorrelation at lag 1: above it, standard errors of white noise are too small
NAMED = 12  # estimates in a sentence
NOTED = ("no effect on any residual", "not identifiable alone")  # notes of estimates that are warnings too


@dataclass
class Asked:
    """errors: see `statistics.certainty`. profile: glob patterns of parameters whose intervals come from the profile likelihood.
    fit: when a fit is bad."""

    errors: str = "auto"
    profile: list[str] = field(default_factory=list)
    fit: FitLimits = field(default_factory=FitLimits)

    def profiled(self, problem: RecordingProblem) -> list[int]:
        """Numbers of the parameters that the patterns choose. Raises: UnknownNameError, InputError for one without a profile."""
        if not self.profile:
            return []
        names = problem.names()
        chosen = match("statistics.profile", "parameter", self.profile, names)
        for parameter, _, part in problem.slices:
            inside = [k for k in chosen if part.start <= k < part.stop]
            if parameter.coupled and inside:
                raise InputError(
                    f"statistics.profile: {names[inside[0]]} is one of several numbers that are learned together and has no profile; "
                    "choose parameters of other kinds."
                )
            if parameter.smooth and inside:
                raise InputError(f"{parameter.where}.transform: smooth bounds have no profile (statistics.profile); use clamp.")
        return chosen


def answer_of(
    residuals: Residuals, start: np.ndarray, best: np.ndarray, asked: Asked, profiled: Sequence[int], stop: Callable[[], bool]
) -> Answer:
    """At the best of flat points.

    profiled: numbers whose intervals come from the profile likelihood, which takes long; no further one once ``stop()`` is true.
    """
    problem = residuals.problem
    known = certainty(residuals, best, residuals.blocks(best), asked.errors)
    made, fit = estimates(problem, best, known), compare(problem, start, best)
    goodness = _goodness(problem, best, asked, known, made, fit)
    done: list[int] = []
    while len(done) < len(profiled) and not stop():
        done.append(profiled[len(done)])
        _profile(residuals, best, known, made[done[-1]], done[-1])
    left_out = [made[k].name for k in profiled[len(done) :]]
    told = _warnings(known, asked, made, fit) + beyond_sigma(goodness, asked.fit) + _of_left_out(left_out)
    return _answer(problem, known, made, fit, goodness, told)


def answer_without_intervals(problem: RecordingProblem, start: np.ndarray, best: np.ndarray, asked: Asked) -> Answer:
    """At a flat point that the windows of the problem cannot be simulated at."""
    known = nothing_known(problem, best)
    made, fit = estimates(problem, best, known), compare(problem, start, best)
    return _answer(problem, known, made, fit, fit_of(fit.standardised, known.used, asked.fit), [])


def _answer(
    problem: RecordingProblem,
    known: Certainty,
    made: list[Estimate],
    fit: Comparison,
    goodness: GoodnessOfFit,
    warnings: list[str],
) -> Answer:
    return Answer(
        estimates=made, names=problem.names(), covariance=known.covariance, correlation=known.correlation,
        singular_values=known.singular_values, directions=known.directions, identifiable=known.identifiable, rmse=fit.rmse,
        traces=fit.traces, whiteness=fit.whiteness, errors=known.errors, fit=goodness, warnings=warnings,
    )  # fmt: skip


def _goodness(
    problem: RecordingProblem, best: np.ndarray, asked: Asked, known: Certainty, made: list[Estimate], fit: Comparison
) -> GoodnessOfFit:
    """The fit with what speaks against it, and the likeliest cause where it is bad."""
    goodness = fit_of(fit.standardised, known.used, asked.fit)
    described = {name: value.numpy() for name, value in problem.described.items()}
    links = row_names(problem.solver.model, "link_mass")
    goodness.doubts = doubts_of(made, described, identified_parameters(problem, best), links, asked.fit.absurd)
    goodness.doubts += far_clocks(problem, torch.as_tensor(problem.split(best)[0]))
    if goodness.reasons:
        goodness.cause = likeliest_cause(problem, None if goodness.doubts else problem.split(best)[0])
    return goodness


def _profile(residuals: Residuals, best: np.ndarray, known: Certainty, estimate: Estimate, k: int) -> None:
    """Replace the interval of number k, unless it has no width to begin with."""
    parameter = next(u for u, _, part in residuals.problem.slices if part.start <= k < part.stop)
    width = estimate.std / max(abs(estimate.value), 1e-300) if parameter.log else estimate.std
    if math.isfinite(width):
        low, high = profile_interval(residuals, best, k, known.noise * float(known.inflation[k]), width)
        estimate.low, estimate.high = (math.exp(low), math.exp(high)) if parameter.log else (low, high)


def _of_left_out(names: Sequence[str]) -> list[str]:
    """That the intervals of these are not what was asked for."""
    if not names:
        return []
    return [
        f"The run was stopped before the profiles (statistics.profile) of {', '.join(names)}: their intervals are those of the "
        "standard errors. --resume computes them."
    ]


def _warnings(known: Certainty, asked: Asked, made: list[Estimate], fit: Comparison) -> list[str]:
    said = []
    correlated = [w.label for w in fit.whiteness if w.lag1 > WHITE]
    if asked.errors == "clustered" and known.errors != asked.errors:
        said.append(
            f"statistics.errors={asked.errors} needs more windows than parameters: standard errors are those of white residuals. "
            "A shorter shooting.window makes more of them, or statistics.errors=autocorrelated needs fewer."
        )
    elif correlated and asked.errors == "residual":
        said.append(
            f"The residuals of {', '.join(correlated[:4])} are correlated in time (the model is not the whole truth): standard errors "
            "are too small. statistics.errors=auto takes that into account."
        )
    kept = [e.name for e in made if e.note == KEPT]
    if kept:
        more = f" and {len(kept) - NAMED} more" if len(kept) > NAMED else ""
        said.append(f"Not told by the data and kept as described: {', '.join(kept[:NAMED])}{more}.")
    return said + [f"{e.name}: {e.note}." for e in made if e.note in NOTED]


def identified_parameters(problem: RecordingProblem, x: np.ndarray) -> dict[str, np.ndarray]:
    """Physical parameters of the whole scene with the estimates in them, by core name.

    Those that each recording has of its own keep their described values.
    """
    made, z = Inputs(described=problem.described), torch.as_tensor(problem.split(x)[0])
    with torch.no_grad():
        parts = {id(parameter): z[part] for parameter, recording, part in problem.slices if recording is None}
        for name, parameter in problem.parameters.items():
            if not parameter.each_recording:
                made.take(name, parameter.with_leaves([parts.get(id(parameter), parameter.free)]))
    return {name: value.numpy() for name, value in made.physical.items()}
