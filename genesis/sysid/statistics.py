"""How certain estimates are, what the data cannot tell, and whether the residuals look like noise.

    covariance: H^-1 (s² D + P) H^-1, H = D + P, with the Gauss-Newton Hessians D of the residuals, start states estimated along, and P
    of the priors; clustered: the sum over windows of g g^T in place of s² D, which holds where residuals of a window are correlated.

Everything is said of natural values (masses, not logarithms or Cholesky factors) by the delta method.
Source: Nocedal, Wright (2006), ch. 10; Ljung, System Identification (1999), §9.4 and §16.6; White, 1982 (sandwich); Ljung, Box, 1978.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from genesis.methods.residuals import ResidualBlock
from genesis.parameters import Numbers
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import Residuals
from genesis.sysid.result import Estimate, Whiteness

RANK = 1e-7  # of a singular value relative to the largest: below it rounding decides
SILENT = 1e-8  # of a sensitivity relative to the largest: rounding of a number that nothing depends on
UNINFORMED = 0.9  # of the prior's standard deviation that is left: the data have said nothing
EDGE = 1e-14  # relative distance from a bound that is none: rounding of a method that counts in units of its own
INTERVAL = stats.norm.ppf(0.975)
LAGS = 20


@dataclass
class Certainty:
    """Of natural values; n of them.

    covariance, correlation (n, n): nan where they cannot be told. singular_values (n,), directions (n, n), identifiable (n,): of the
    data alone, in values over their sizes. fixed (n,): at a bound; silent (n,): without effect. noise: standard deviation of the
    residuals in units of sigma. errors: what they are taken for, see `certainty`.
    """

    covariance: np.ndarray
    correlation: np.ndarray
    singular_values: np.ndarray
    directions: np.ndarray
    identifiable: np.ndarray
    fixed: np.ndarray
    silent: np.ndarray
    noise: float
    errors: str


def certainty(residuals: Residuals, x: np.ndarray, blocks: Sequence[ResidualBlock], errors: str = "residual") -> Certainty:
    """At an optimum x (flat).

    errors: "given": sigma of the channels is the noise; "residual": scaled so that the residuals have it; "clustered": sandwich; with
    no more windows than parameters that cannot be told, and "residual" takes its place.
    """
    problem = residuals.problem
    free, _ = problem.split(x)
    z = torch.as_tensor(free)
    natural = problem.natural(z)
    size = torch.cat([parameter.sizes(natural[part]) for parameter, _, part in problem.slices]).numpy()
    to_free = _inverse_of(torch.autograd.functional.jacobian(problem.natural, z).numpy(), size)
    low, high = (bound.numpy() for bound in problem.bounds)
    fixed = (free <= low) | (free >= high) | np.isclose(free, low, EDGE, 0.0) | np.isclose(free, high, EDGE, 0.0)
    data = [block for block in blocks if block.label != "prior"]
    normal = residuals.normal(data)
    information = to_free.T @ normal.information() @ to_free
    silent = _silent(to_free.T @ normal.zz @ to_free, size)
    singular, directions = _directions(information, size)
    noise = noise_level(residuals, data, errors)
    free = np.flatnonzero(~fixed)
    scores = _scores(data, to_free)[:, free]
    errors = "residual" if errors == "clustered" and len(scores) <= len(free) else errors
    believed = to_free.T @ residuals.normal([block for block in blocks if block.label == "prior"]).zz @ to_free
    from_data, believed = (x[np.ix_(free, free)] for x in (information, believed))
    inverse, told = _inverse(from_data + believed, size[free])
    if errors == "clustered":
        spread = len(scores) / (len(scores) - len(free)) * scores.T @ scores
    else:
        spread = noise**2 * from_data
    inverse = inverse @ (spread + believed) @ inverse  # what a prior says is as uncertain as it says
    covariance = np.full((problem.n, problem.n), np.nan)
    sure = free[told]
    covariance[np.ix_(sure, sure)] = inverse[np.ix_(told, told)]
    return Certainty(
        covariance, _correlation(covariance), singular, directions, singular > RANK * max(singular.max(initial=0.0), 1e-300), fixed,
        silent, noise, errors,
    )  # fmt: skip


def _inverse_of(to_natural: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Derivative of free numbers to natural values of that size, (n, n); zero for a value that has underflown and moves no more."""
    scaled = to_natural / size[:, None]
    try:
        return np.linalg.inv(scaled) / size
    except np.linalg.LinAlgError:
        return np.linalg.pinv(scaled) / size


def _silent(information: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(n,) which values no residual depends on."""
    effect = np.sqrt(np.maximum(np.diag(information), 0.0)) * size
    return effect <= SILENT * effect.max(initial=0.0)


def _directions(information: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values (n,) and directions (n, n) of the scaled sensitivity, best known first."""
    values, vectors = np.linalg.eigh(information * np.outer(size, size))
    order = np.argsort(-values)
    return np.sqrt(np.maximum(values[order], 0.0)), vectors[:, order]


def _correlation(covariance: np.ndarray) -> np.ndarray:
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        made = covariance / np.outer(deviation, deviation)
    np.fill_diagonal(made, 1.0)
    return made


def noise_level(residuals: Residuals, data: Sequence[ResidualBlock], errors: str) -> float:
    """Standard deviation of the residuals in units of sigma: what is left, over how many numbers are not used up by the fit."""
    if errors == "given":
        return 1.0
    channels = [block for block in data if block.label not in ("start", "gap")]
    used = float(residuals.problem.n)
    if residuals.nt:  # a start state with a prior uses up only the part of a number that the channels decide
        ours, everything = residuals.normal(channels).ss, residuals.normal(data).ss
        used += sum(float(np.trace(own @ np.linalg.pinv(all_of_it))) for own, all_of_it in zip(ours, everything, strict=True))
    count = sum(len(block.r) for block in channels)
    return float(np.sqrt(2.0 * sum(block.cost() for block in channels) / max(count - used, 1.0)))


def _inverse(information: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse over the directions that anything is known about, and which numbers lie in them alone."""
    values, vectors = np.linalg.eigh(information * np.outer(size, size))
    known = values > RANK**2 * max(values.max(initial=0.0), 1e-300)
    part = vectors[:, known]
    inverse = (part / values[known]) @ part.T * np.outer(size, size)
    told = (vectors[:, ~known] ** 2).sum(1) < 1e-6
    return inverse, told


def _scores(data: Sequence[ResidualBlock], to_free: np.ndarray) -> np.ndarray:
    """(windows, n) gradient of the cost of each window to the natural values.

    At an optimum the gradients to free start states vanish, so that these are those of the cost with the starts fitted along.
    """
    gradients: dict[int, np.ndarray] = {}
    for block in (b.weighted() for b in data):
        terms = block.z * block.r[:, None]
        for w in np.unique(block.window):
            gradients[int(w)] = gradients.get(int(w), 0.0) + terms[block.window == w].sum(0)
    return np.array(list(gradients.values())) @ to_free


def estimates(problem: RecordingProblem, x: np.ndarray, known: Certainty) -> list[Estimate]:
    """One for each learned number, then those that were held."""
    z, _ = problem.split(x)
    start, value = (problem.natural(torch.as_tensor(free)).numpy() for free in (problem.z0.numpy(), z))
    low, high = (bound.numpy() for bound in problem.bounds)
    made, names = [], problem.names()
    for parameter, _, part in problem.slices:
        for i, k in enumerate(range(part.start, part.stop)):
            deviation = float(np.sqrt(known.covariance[k, k]))
            one = _estimate(parameter, i, names[k], float(start[k]), float(value[k]), deviation)
            one.note = _note(known, k, one, "upper" if abs(z[k] - high[k]) < abs(z[k] - low[k]) else "lower")
            made.append(one)
    for parameter in problem.parameters.values():
        if not parameter.learn:
            for i, label in enumerate(parameter.labels()):
                held = float(parameter.value()[i])
                one = _estimate(parameter, i, f"{parameter.name}/{label}", held, held, 0.0)
                one.prior, one.note = None, "frozen"
                made.append(one)
    return made


def _estimate(parameter: Numbers, i: int, name: str, start: float, value: float, deviation: float) -> Estimate:
    """The i-th number of a parameter, without a note."""
    reach = INTERVAL * deviation
    prior = None if parameter.prior is None else (float(parameter.prior[0][i]), float(parameter.prior[1][i]))
    return Estimate(
        name, parameter.name, parameter.unit_of(i), start, value, deviation, value - reach, value + reach,
        (float(parameter.low[i]), float(parameter.high[i])), prior, natural=parameter.natural,
    )  # fmt: skip


def _note(known: Certainty, k: int, estimate: Estimate, bound: str) -> str:
    """What limits the estimate."""
    if known.silent[k]:
        return "no effect on any residual" if estimate.prior is None else "decided by the prior"
    if known.fixed[k]:
        return f"at its {bound} bound"
    if not np.isfinite(estimate.std):
        return "not identifiable alone"
    return "decided by the prior" if estimate.prior is not None and estimate.std > UNINFORMED * estimate.prior[1] else ""


def whiteness(channel: str, labels: Sequence[str], series: Sequence[np.ndarray]) -> list[Whiteness]:
    """Tests of residuals (N, m) in the order of time, each window a series of its own."""
    made = []
    for k, label in enumerate(labels):
        pieces = [x[:, k][np.isfinite(x[:, k])] for x in series]
        pieces = [x for x in pieces if len(x) > LAGS + 1]
        if not pieces:
            made.append(Whiteness(channel, label, float("nan"), float("nan"), float("nan")))
            continue
        mean = np.concatenate(pieces).mean()
        centred = [x - mean for x in pieces]
        power = sum(float(x @ x) for x in centred)
        count = sum(len(x) for x in centred)
        rho = np.array([sum(float(x[lag:] @ x[:-lag]) for x in centred) for lag in range(1, LAGS + 1)]) / max(power, 1e-300)
        q = count * (count + 2.0) * float((rho**2 / (count - np.arange(1, LAGS + 1))).sum())
        normal = float(stats.normaltest(np.concatenate(centred)).pvalue) if count >= 20 and power > 0 else float("nan")
        made.append(Whiteness(channel, label, float(rho[0]), float(stats.chi2.sf(q, LAGS)), normal))
    return made
