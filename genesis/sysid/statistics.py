"""How certain estimates are, what the data cannot tell, and whether the residuals look like noise.

    covariance of z: s² H^-1 with the Gauss-Newton Hessian H of all residuals and priors, start states estimated along;
    clustered: H^-1 (sum over windows of g g^T) H^-1, which holds where residuals within a window are correlated.

Natural values follow by the delta method.
Source: Nocedal, Wright (2006), ch. 10; Ljung, System Identification (1999), §9.4 and §16.6; White, 1982 (sandwich); Ljung, Box, 1978.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from genesis.sysid.linearization import Block, Point
from genesis.sysid.result import Estimate, Whiteness
from genesis.sysid.solvers.solver import LeastSquares

RANK = 1e-7  # of a singular value relative to the largest: below it rounding decides
INVOLVED = 0.3  # part in a direction that makes a parameter not identifiable alone
UNINFORMED = 0.9  # of the prior's standard deviation that is left: the data have said nothing
INTERVAL = stats.norm.ppf(0.975)
LAGS = 20


@dataclass
class Certainty:
    """covariance, correlation (n, n) of natural values (nan where they cannot be told); singular_values (n,), directions (n, n),
    identifiable (n,) of the data alone, in scaled numbers; fixed (n,): at a bound; silent (n,): without effect; noise: s."""

    covariance: np.ndarray
    correlation: np.ndarray
    singular_values: np.ndarray
    directions: np.ndarray
    identifiable: np.ndarray
    fixed: np.ndarray
    silent: np.ndarray
    noise: float


def certainty(squares: LeastSquares, point: Point, blocks: Sequence[Block], errors: str = "residual") -> Certainty:
    """At an optimum.

    errors: "given": sigma of the channels is the noise; "residual": scaled so that the residuals have it; "clustered": sandwich.
    """
    problem, n = squares.problem, squares.problem.n
    z = torch.as_tensor(point.z)
    to_natural = torch.autograd.functional.jacobian(problem.natural, z).numpy() if n else np.zeros((0, 0))
    low, high = squares.bounds()
    fixed = (point.z <= low) | (point.z >= high)
    data = [block for block in blocks if block.label != "prior"]
    from_data = squares.normal(data).information()
    silent = np.diag(from_data) <= 0.0
    scale = scales(squares, point)
    s = np.diag(scale)
    values, vectors = np.linalg.eigh(s @ from_data @ s)
    order = np.argsort(-values)
    singular, directions = np.sqrt(np.maximum(values[order], 0.0)), vectors[:, order]
    identifiable = singular > RANK * max(singular.max(initial=0.0), 1e-300)
    noise = noise_level(data, n, errors)
    free = np.flatnonzero(~fixed)
    information = squares.normal(blocks).information()
    covariance = np.zeros((n, n))
    inverse, told = _inverse(information[np.ix_(free, free)], scale[free])
    middle = inverse * noise**2 if errors != "clustered" else inverse @ _scores(data, free, n) @ inverse
    covariance[np.ix_(free, free)] = middle
    covariance = to_natural @ covariance @ to_natural.T
    unknown = fixed.copy()
    unknown[free[~told]] = True
    unknown_natural = (np.abs(to_natural) > 0.0) @ unknown > 0 if n else unknown
    covariance[unknown_natural] = covariance[:, unknown_natural] = np.nan
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / np.outer(deviation, deviation)
    np.fill_diagonal(correlation, 1.0)
    return Certainty(covariance, correlation, singular, directions, identifiable, fixed, silent, noise)


def scales(squares: LeastSquares, point: Point) -> np.ndarray:
    """A reasonable size of a change of each free number (n,): the prior's, else the size of the number, of its bounds, or one."""
    low, high = squares.bounds()
    made = np.where(np.isfinite(high - low), 0.1 * (high - low), 1.0)
    sized = np.abs(point.z) > 1e-9
    made = np.where(sized, np.abs(point.z), made)
    for unknown, _, part in squares.problem.slices:
        deviation = unknown.deviation.numpy()
        if unknown.log:
            made[part] = 1.0
        elif np.isfinite(deviation).all() and len(deviation) == part.stop - part.start and type(unknown).__name__ != "Inertia":
            made[part] = deviation
    return made


def noise_level(data: Sequence[Block], n: int, errors: str) -> float:
    """Standard deviation of the residuals in units of sigma."""
    if errors == "given":
        return 1.0
    channels = [block for block in data if block.label not in ("start", "gap")]
    count = sum(len(block.r) for block in channels)
    return float(np.sqrt(2.0 * sum(block.cost() for block in channels) / max(count - n, 1)))


def _inverse(information: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse over the directions that anything is known about, and which numbers lie in them alone."""
    if not len(scale):
        return information, np.zeros(0, bool)
    s = np.diag(scale)
    values, vectors = np.linalg.eigh(s @ information @ s)
    known = values > RANK**2 * max(values.max(initial=0.0), 1e-300)
    part = vectors[:, known]
    inverse = s @ (part / values[known]) @ part.T @ s
    told = (vectors[:, ~known] ** 2).sum(1) < 1e-6
    return inverse, told


def _scores(data: Sequence[Block], free: np.ndarray, n: int) -> np.ndarray:
    """Sum over windows of the outer product of their gradients, with the correction for few windows."""
    gradients: dict[int, np.ndarray] = {}
    for block in (b.weighted() for b in data):
        terms = block.z * block.r[:, None]
        for w in np.unique(block.window):
            gradients[int(w)] = gradients.get(int(w), np.zeros(n)) + terms[block.window == w].sum(0)
    table = np.array(list(gradients.values()))[:, free]
    count = len(table)
    return table.T @ table * (count / max(count - len(free), 1))


def estimates(squares: LeastSquares, point: Point, known: Certainty) -> list[Estimate]:
    """One for each learned number, then those that were held."""
    problem = squares.problem
    start, value = (problem.natural(torch.as_tensor(z)).numpy() for z in (problem.z0.numpy(), point.z))
    made: list[Estimate] = []
    names = problem.names()
    for unknown, _, part in problem.slices:
        for k in range(part.start, part.stop):
            i = k - part.start
            deviation = float(np.sqrt(known.covariance[k, k])) if np.isfinite(known.covariance[k, k]) else float("nan")
            low, high = float(unknown.low[i]), float(unknown.high[i])
            prior = (float(unknown.mean[i]), float(unknown.deviation[i])) if bool(torch.isfinite(unknown.deviation[i])) else None
            note = _note(known, k, deviation, point.z[k], problem.bounds, prior)
            reach = INTERVAL * deviation
            unit = unknown.unit_of(i) if hasattr(unknown, "unit_of") else unknown.unit
            made.append(
                Estimate(
                    names[k],
                    unknown.group,
                    unit,
                    start[k],
                    value[k],
                    deviation,
                    value[k] - reach,
                    value[k] + reach,
                    (low, high),
                    prior,
                    note,
                )
            )
    for unknown in problem.unknowns.values():
        if not unknown.learn:
            for i, label in enumerate(unknown.labels):
                held = float(unknown.start[i])
                bounds = float(unknown.low[i]), float(unknown.high[i])
                made.append(
                    Estimate(
                        f"{unknown.group}/{label}",
                        unknown.group,
                        unknown.unit,
                        held,
                        held,
                        0.0,
                        held,
                        held,
                        bounds,
                        None,
                        "frozen",
                    )
                )
    return made


def _note(known: Certainty, k: int, deviation: float, z: float, bounds, prior) -> str:
    if known.silent[k]:
        return "no effect on any residual" if prior is None else "decided by the prior"
    if z <= float(bounds[0][k]):
        return "at its lower bound"
    if z >= float(bounds[1][k]):
        return "at its upper bound"
    if prior is not None and np.isfinite(deviation) and deviation > UNINFORMED * prior[1]:
        return "decided by the prior"
    loose = known.directions[:, ~known.identifiable]
    if loose.size and np.abs(loose[k]).max() > INVOLVED and prior is None:
        return "not identifiable alone"
    return ""


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
