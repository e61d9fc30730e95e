"""The answer of an identification from torques: estimates with errors that know of coloured noise, base parameters, errors on unseen data."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from genesis.methods.residuals import ResidualBlock
from genesis.observations.noise import noise_level
from genesis.scene.names import row_names
from genesis.sysid.answer import identified_parameters
from genesis.sysid.build import shared_numbers, validation_problem
from genesis.sysid.cause import likeliest_cause
from genesis.sysid.fit import ChannelResiduals, FitLimits, GoodnessOfFit, fit_of
from genesis.sysid.inverse_dynamics.base import correlated_spread, information
from genesis.sysid.inverse_dynamics.equations import Equations, TorqueEquations, TorqueOptions
from genesis.sysid.inverse_dynamics.residuals import CHANNEL, TorqueResiduals
from genesis.sysid.inverse_dynamics.solution import EXACT, TorqueError, TorqueSolution, TorqueSolver
from genesis.sysid.result import Answer, Estimate, Trace
from genesis.sysid.statistics import RANK, SILENT, Certainty, at_bound, estimates, whiteness
from genesis.sysid.trust import absurd

FLOOR = 1.1  # times the floor of the linear least squares: above it, that bodies must exist costs something
HARD = 0.5  # relative standard deviation of a base parameter that the motion hardly excites


@dataclass
class JudgedForces:
    """Forces (rows, nv) of a recording, filtered: those that acted, and those that the motion needs at the start and at the estimate."""

    part: Equations
    split: str
    applied: np.ndarray
    before: np.ndarray
    after: np.ndarray


def torque_answer(torques: TorqueResiduals, start: np.ndarray, best: np.ndarray, limits: FitLimits) -> Answer:
    """At the best of free numbers z (n,). limits: when a fit is bad."""
    problem, solution = torques.problem, _solution_at(torques, best)
    judged = [_judged(torques.equations, part, "train", start, best) for part in torques.equations.parts]
    point = problem.z0.numpy() if len(torques.solver.linear) == problem.n else best
    errors = _consistent_errors(torques, judged, [replace(error) for error in solution.errors])
    held_out = validation_problem(problem)
    if held_out is not None:
        shared = shared_numbers(problem)
        equations = TorqueEquations(held_out, _same_filter(torques), torques.tell)
        others = [_judged(equations, part, "validation", start[shared], best[shared]) for part in equations.parts]
        judged += others
        _validated(_base_left(equations, solution, point[shared]), others, equations.dofs, errors)
    known = torque_certainty(torques, best)
    made = estimates(problem, best, known)
    names = problem.names()
    labels = [torques.equations.labels[d] for d in torques.equations.dofs]
    left = [(one.after - one.applied)[:, torques.equations.dofs] for one in judged if one.split == "train"]
    return Answer(
        estimates=made, names=names, covariance=known.covariance, correlation=known.correlation, singular_values=known.singular_values,
        directions=known.directions, identifiable=known.identifiable, rmse=_rmse(torques.equations, judged),
        traces=_traces(torques.equations, judged), whiteness=whiteness(CHANNEL, labels, left),
        errors=known.errors, warnings=_warnings(torques, solution, made, errors),
        base_parameters=[asdict(one) for one in solution.parameters], torque_errors=[asdict(one) for one in errors],
        fit=_goodness(torques, solution, judged, made, best, limits),
    )  # fmt: skip


def _same_filter(torques: TorqueResiduals) -> TorqueOptions:
    """The options with the filters of the training recordings, so that errors can be compared."""
    samples = [part.samples for part in torques.equations.parts]
    own = torques.options
    cutoff = own.cutoff if own.cutoff is not None else float(np.median([s.cutoff for s in samples]))
    equations = own.equations if own.equations is not None else float(np.median([s.equations for s in samples]))
    return replace(own, cutoff=cutoff, equations=equations)


def _judged(equations: TorqueEquations, part: Equations, split: str, start: np.ndarray, best: np.ndarray) -> JudgedForces:
    """What acted is that of the estimate, in units of its gains and offsets."""
    first, last = torch.as_tensor(start), torch.as_tensor(best)
    applied = equations.applied(part, last)
    before = equations.residual(part, first) + applied
    return JudgedForces(part, split, applied, before, equations.needed(part, last))


def _goodness(
    torques: TorqueResiduals,
    solution: TorqueSolution,
    judged: list[JudgedForces],
    found: list[Estimate],
    best: np.ndarray,
    limits: FitLimits,
) -> GoodnessOfFit:
    """JudgedForces as every channel is: sigma is the noise of the torques within the filter, the trivial prediction no force."""
    problem, dofs = torques.problem, torques.equations.dofs
    sigma = _noise(torques)[dofs]
    channels = []
    for split in ("train", "validation"):
        own = [one for one in judged if one.split == split]
        if own:
            left, trivial = (
                np.concatenate([x[:, dofs] for x in table]) / sigma
                for table in ([one.after - one.applied for one in own], [one.applied for one in own])
            )
            window = np.concatenate([one.part.samples.piece + 1000 * k for k, one in enumerate(own)])
            labels, units = ([names[d] for d in dofs] for names in (torques.equations.labels, torques.equations.units))
            unit = " | ".join(dict.fromkeys(units))
            before, after = (
                _rms(np.concatenate(x)[:, dofs] / sigma)
                for x in ([one.before - one.applied for one in own], [one.after - one.applied for one in own])
            )
            channels.append(
                ChannelResiduals(
                    CHANNEL,
                    split,
                    unit,
                    left,
                    trivial,
                    window,
                    sigma,
                    given=False,
                    labels=labels,
                    units=units,
                    against=_over(after, before),
                )  # fmt: skip
            )
    made = fit_of(channels, len(solution.beta), limits)
    described = {name: value.numpy() for name, value in problem.described.items()}
    links = row_names(problem.solver.model, "link_mass")
    made.doubts = absurd(found, described, identified_parameters(problem, best), links, limits.absurd)
    if problem.n and not any(np.isfinite(p.std) for p in solution.parameters):
        made.doubts.insert(0, "the forces tell no combination of what is learned")
    if made.reasons:
        made.cause = likeliest_cause(problem, None if made.doubts else best)
    return made


def _noise(torques: TorqueResiduals) -> np.ndarray:
    """(nv,) standard deviation of the noise of filtered torques: of what differences of fourth order leave of those that were recorded."""
    levels, equations = [], torques.equations
    for part in equations.parts:
        samples, step = part.samples, 1.0 / part.samples.rate
        raw = equations.recorded(part, torques.problem.z0)
        first = samples.lengths[0]
        inside = 1.0 if not np.isfinite(samples.equations) else min(1.0, 2.0 * samples.equations / samples.rate)
        time = step * np.arange(first)
        levels.append([noise_level(time, raw[:first, d]) * inside**0.5 for d in range(equations.nv)])
    size = np.sqrt(np.mean(np.concatenate([equations.applied(part, torques.problem.z0) for part in equations.parts]) ** 2, 0))
    return np.maximum(np.median(levels, 0), EXACT * np.where(size > 0.0, size, max(float(size.max(initial=0.0)), 1e-12)))


# ---- errors


def _consistent_errors(torques: TorqueResiduals, judged: list[JudgedForces], errors: list[TorqueError]) -> list[TorqueError]:
    """Training errors at the point that the run has ended with."""
    power = np.concatenate([one.applied for one in judged])
    left = np.concatenate([one.after - one.applied for one in judged])
    for error, dof in zip(errors, torques.equations.dofs, strict=True):
        error.rms = _rms(power[:, dof])
        error.consistent_train = _over(_rms(left[:, dof]), error.rms)
    return errors


def _validated(base: np.ndarray | None, judged: list[JudgedForces], dofs: np.ndarray, errors: list[TorqueError]) -> None:
    """Errors on recordings that were held out, in place. base (rows, nv): what base parameters leave."""
    power = np.concatenate([one.applied for one in judged])
    left = np.concatenate([one.after - one.applied for one in judged])
    for error, dof in zip(errors, dofs, strict=True):
        rms = _rms(power[:, dof])
        error.consistent_validation = _over(_rms(left[:, dof]), rms)
        if base is not None:
            error.base_validation = _over(_rms(base[:, dof]), rms)


def _base_left(equations: TorqueEquations, solution: TorqueSolution, at: np.ndarray) -> np.ndarray | None:
    """(rows, nv) what base parameters leave, around z (n,); None where recordings have numbers of their own."""
    if not equations.problem.n or equations.problem.n <= max(solution.linear, default=0):
        return None
    solver = TorqueSolver(equations, at=at)
    solver.linear = solution.linear
    systems = [solver.system(part) for part in equations.parts]
    return np.concatenate([s.target - s.columns[:, :, solution.base.chosen] @ solution.beta for s in systems])


def _solution_at(torques: TorqueResiduals, best: np.ndarray) -> TorqueSolution:
    """That of the start where everything is linear, else one around the estimate; the weights of the run stay."""
    if len(torques.solver.linear) == torques.problem.n:
        return torques.solution
    sigma = torques.equations.sigma
    made = TorqueSolver(torques.equations, torques.tell, at=best).solution()
    torques.equations.sigma = sigma
    return made


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean())) if len(values) else float("nan")


def _over(value: float, size: float) -> float:
    return value / size if size > 0.0 else float("nan")


def _rmse(equations: TorqueEquations, judged: list[JudgedForces]) -> list[dict[str, Any]]:
    """Rows of recordings and of all, over the joints."""
    dofs = equations.dofs
    unit = " | ".join(dict.fromkeys(equations.units[d] for d in dofs))
    made = []
    for split in ("train", "validation"):
        chosen = [one for one in judged if one.split == split]
        groups = [(one.part.recording.name, [one]) for one in chosen] + ([("all", chosen)] if chosen else [])
        for name, group in groups:
            values = {
                side: _rms(np.concatenate([(getattr(one, side) - one.applied)[:, dofs] for one in group]).reshape(-1))
                for side in ("before", "after")
            }
            made.append({"recording": name, "split": split, "channel": CHANNEL, "unit": unit, **values})
    return made


def _traces(equations: TorqueEquations, judged: list[JudgedForces]) -> list[Trace]:
    made = []
    for one in judged:
        piece = one.part.samples.piece
        starts = np.flatnonzero(np.r_[True, np.diff(piece) != 0])
        for dof in equations.dofs:
            made.append(
                Trace(
                    one.part.recording.name,
                    one.split,
                    CHANNEL,
                    equations.labels[dof],
                    equations.units[dof],
                    one.part.samples.instants,
                    one.applied[:, dof],
                    one.before[:, dof],
                    one.after[:, dof],
                    starts,
                )  # fmt: skip
            )
    return made


# ---- certainty


def torque_certainty(torques: TorqueResiduals, best: np.ndarray) -> Certainty:
    """Of natural values: H^-1 S H^-1 with the spread S of scores that are correlated in time and between joints, without the divergence."""
    problem, equations = torques.problem, torques.equations
    z = torch.as_tensor(best)
    natural = problem.natural(z)
    size = torch.cat([parameter.sizes(natural[part]) for parameter, _, part in problem.slices]).numpy()
    to_natural = torch.autograd.functional.jacobian(problem.natural, z).numpy()
    to_free = np.linalg.pinv(to_natural / size[:, None]) / size
    blocks = [b for b in torques.blocks(best) if b.label == CHANNEL]
    data = np.concatenate([b.z for b in blocks]) @ to_free
    data = np.linalg.qr(data, mode="r") if len(data) > problem.n else data
    priors = [b.z @ to_free for b in _priors(torques.blocks(best))]
    fixed = at_bound(problem, best)
    free = np.flatnonzero(~fixed)
    scores = [_scores(torques, part, z) @ to_free for part in equations.parts]
    pieces, last = [], 0
    for part in equations.parts:
        pieces.append(part.samples.piece + last)
        last += int(part.samples.piece.max(initial=0)) + 1
    spread = correlated_spread(np.concatenate(scores)[:, free], np.concatenate(pieces))
    believed = sum((p.T @ p for p in priors), np.zeros((problem.n, problem.n)))[np.ix_(free, free)]
    inverse, told = information(np.concatenate([data, *priors])[:, free])
    inside = inverse @ (spread + believed) @ inverse
    covariance = np.full((problem.n, problem.n), np.nan)
    sure, untold = free[told], np.zeros(problem.n, bool)
    untold[free[~told]] = True
    covariance[np.ix_(sure, sure)] = inside[np.ix_(told, told)]
    _, singular, right = np.linalg.svd(data * size, full_matrices=True)
    singular = np.concatenate([singular, np.zeros(problem.n - len(singular))])
    effect = np.linalg.norm(data * size, axis=0)
    silent = effect <= SILENT * effect.max(initial=0.0)
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / np.outer(deviation, deviation)
    np.fill_diagonal(correlation, 1.0)
    return Certainty(
        covariance, correlation, singular, right.T, singular > RANK * max(singular.max(initial=0.0), 1e-300), fixed, silent, 1.0,
        "autocorrelated",
        np.ones(problem.n), untold, float(problem.n), np.full(problem.n, np.nan),
    )  # fmt: skip


def _priors(blocks: list[ResidualBlock]) -> list[ResidualBlock]:
    return [b for b in blocks if b.label == "prior"]


def _scores(torques: TorqueResiduals, part: Equations, z: torch.Tensor) -> np.ndarray:
    """(rows, n) gradient to z of the cost of each instant, over all joints."""
    equations = torques.equations
    weighted = np.zeros((part.samples.rows, equations.nv))
    dofs = equations.dofs
    weighted[:, dofs] = (equations.residual(part, z) / equations.sigma**2)[:, dofs]
    made: np.ndarray = np.einsum("td,tdn->tn", weighted, torques.equations.slope(part, z))
    return made


# ---- words


def _warnings(torques: TorqueResiduals, solution: TorqueSolution, made: list[Estimate], errors: list[TorqueError]) -> list[str]:
    said = list(solution.notes)
    lost = [e.name for e in made if e.note in ("not identifiable alone", "no effect on any residual")]
    if lost and len(solution.beta):
        kept = "they stay where the description has them" if torques.bodies() else "give a prior, or freeze them"
        said.append(
            f"{len(lost)} of {torques.problem.n} numbers cannot be told one by one ({', '.join(lost[:3])}{', …' if len(lost) > 3 else ''}), "
            f"only in the {len(solution.beta)} combinations of the base parameters; {kept}."
        )
    if solution.cost > FLOOR * solution.floor:
        said.append(
            f"Bodies that exist cost {solution.cost:.5g}, linear least squares without that condition {solution.floor:.5g}: gains, axes or the "
            "friction law of the model may be wrong, or the motion excites too little."
        )
    hard = [p["name"] for p in (asdict(p) for p in solution.parameters) if _hard(p)]
    if hard:
        said.append(
            f"{len(hard)} of {len(solution.parameters)} base parameters are hardly excited (standard deviation over half of their value): "
            f"{', '.join(hard[:3])}{', …' if len(hard) > 3 else ''}."
        )
    passive = [error.joint for error in errors if not error.rms > 0.0]
    if passive:
        said.append(f"No force acts on {', '.join(passive[:4])}; relative errors are of the other joints.")
    return said


def _hard(parameter: dict[str, Any]) -> bool:
    size = max(abs(parameter["value"]), abs(parameter["start"]))
    return size > 0.0 and not parameter["std"] <= HARD * size
