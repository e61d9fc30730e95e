"""How certain estimates are, what the data cannot tell, and whether the residuals look like noise.

    covariance: H^-1 (s² D + P) H^-1, H = D + P, with the Gauss-Newton Hessians D of the residuals, start states estimated along, and P
    of the priors; clustered: the sum over windows of g g^T in place of s² D, which holds where residuals of a window are correlated.

Everything is said of natural values (masses, not logarithms or Cholesky factors) by the delta method.
Source: Nocedal, Wright (2006), ch. 10; Ljung, System Identification (1999), §9.4 and §16.6; White, 1982 (sandwich); Ljung, Box, 1978.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from genesis.methods.residuals import ResidualBlock
from genesis.parameters import Numbers
from genesis.sysid.nuisance import Followed, followed, held_starts
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import Residuals
from genesis.sysid.result import Estimate, Whiteness
from genesis.sysid.tied import tied_values

RANK = 1e-7  # of a singular value relative to the largest: below it rounding decides
SILENT = 1e-8  # of a sensitivity relative to the largest: rounding of a number that nothing depends on
UNINFORMED = 0.9  # of the prior's standard deviation that is left: the data have said nothing
EDGE = 1e-14  # relative distance from a bound that is none: rounding of a method that counts in units of its own
PRESSED = 1e-3  # of the way between bounds that are kept by a smooth map, which no value reaches
TOLD, UNTOLD = 1e-6, 0.9  # share of a number that lies in directions without information: none, and nearly all of it
KEPT = "not told by the data; kept"  # a note: where the description has it
NOT_TOLD = "none"  # errors that were not looked for
INTERVAL = stats.norm.ppf(0.975)
LAGS = 20
MANY, MANY_EACH = 30, 3  # windows, and windows for each estimate, that a sandwich over windows needs


@dataclass
class Certainty:
    """Of natural values; n of them.

    covariance, correlation (n, n): nan where they cannot be told. singular_values (n,), directions (n, n), identifiable (n,): of the
    data alone, in values over their sizes. fixed (n,): at a bound; silent (n,): without effect. noise: standard deviation of the
    residuals in units of sigma. errors: what they are taken for, see `certainty`. inflation (n,): standard deviations over those of white
    noise. untold (n,): kept where they are described, since the data tell nothing of them. used: numbers of the residuals that the fit can
    follow, starts among them. beyond (n,): see `Estimate`.
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
    inflation: np.ndarray
    untold: np.ndarray
    used: float
    beyond: np.ndarray


def certainty(residuals: Residuals, x: np.ndarray, blocks: Sequence[ResidualBlock], errors: str = "residual") -> Certainty:
    """At an optimum x (flat).

    errors: "given": sigma of the channels is the noise; "residual": white, as large as the residuals; "autocorrelated": as the residuals are
    correlated in time; "clustered": sandwich over windows; with no more windows than parameters that cannot be told, and "residual" takes its
    place; "auto": "residual" where the residuals are white, else "clustered" where there are many windows, else "autocorrelated".
    """
    problem = residuals.problem
    free, _ = problem.split(x)
    z = torch.as_tensor(free)
    natural = problem.natural(z)
    size = torch.cat([parameter.sizes(natural[part]) for parameter, _, part in problem.slices]).numpy()
    to_free = _inverse_of(torch.autograd.functional.jacobian(problem.natural, z).numpy(), size)
    fixed = at_bound(problem, free)
    data = [block for block in blocks if block.label not in ("prior", "described")]
    normal = residuals.normal(data)
    information = to_free.T @ normal.information() @ to_free
    silent = _silent(to_free.T @ normal.zz @ to_free, size)
    singular, directions = _directions(information, size)
    found = None if normal.between else followed(residuals, x, blocks)
    noise = 1.0 if errors == "given" else noise_level(residuals, data, found)
    beyond = _beyond(problem, natural.numpy(), to_free.T @ residuals.normal(blocks).gradient()[: problem.n], blocks, fixed)
    free = np.flatnonzero(~fixed)
    scores = _scores(data, to_free)[:, free]
    errors = _kind(errors, found, *scores.shape)
    believed, kept = (
        to_free.T @ residuals.normal([block for block in blocks if block.label == label]).zz @ to_free
        for label in ("prior", "described")
    )
    from_data, believed, kept = (table[np.ix_(free, free)] for table in (information, believed, kept))
    inverse, lost = _inverse(from_data + believed, kept, size[free])
    told = lost < TOLD
    untold = np.zeros(problem.n, bool)
    untold[free] = (lost > UNTOLD) & (np.diag(kept) > 0.0)
    if errors == "clustered":
        spread = len(scores) / (len(scores) - len(free)) * scores.T @ scores
    elif errors == "autocorrelated" and found is not None:
        spread = (to_free.T @ (found.noise().spread() + found.extra) @ to_free)[np.ix_(free, free)]
    elif found is not None and held_starts(residuals):
        spread = (to_free.T @ (noise**2 * (found.white - found.extra) + found.extra) @ to_free)[np.ix_(free, free)]
    else:
        spread = noise**2 * from_data
    made = inverse @ (spread + believed) @ inverse  # what a prior says is as uncertain as it says
    white = inverse @ (noise**2 * from_data + believed) @ inverse
    covariance, inflation = np.full((problem.n, problem.n), np.nan), np.ones(problem.n)
    sure = free[told]
    covariance[np.ix_(sure, sure)] = made[np.ix_(told, told)]
    inflation[sure] = np.sqrt(np.diag(made)[told] / np.maximum(np.diag(white)[told], 1e-300))
    weak = np.einsum("nk,nm,mk->k", directions * size[:, None], to_free.T @ residuals.normal(
        [block for block in blocks if block.label == "described"]
    ).zz @ to_free, directions * size[:, None])  # fmt: skip
    identifiable = singular > np.maximum(RANK * max(singular.max(initial=0.0), 1e-300), np.sqrt(weak))
    return Certainty(
        covariance, _correlation(covariance), singular, directions, identifiable, fixed, silent, noise, errors, inflation, untold,
        numbers_used(residuals, data, found), beyond,
    )  # fmt: skip


def nothing_known(problem: RecordingProblem, x: np.ndarray) -> Certainty:
    """Of a flat point at which nothing can be told: all numbers are nan."""
    n, free = problem.n, problem.split(x)[0]
    table, none = np.full((n, n), np.nan), np.zeros(n, bool)
    return Certainty(
        table, table.copy(), np.full(n, np.nan), table.copy(), none, at_bound(problem, free), none.copy(), math.nan, NOT_TOLD, np.ones(n),
        none.copy(), float(n), np.full(n, np.nan),
    )  # fmt: skip


def at_bound(problem: RecordingProblem, z: np.ndarray) -> np.ndarray:
    """(n,) which of the free numbers z (n,) stand at a bound; where a smooth map keeps it, which have gone all but there."""
    low, high = (bound.numpy() for bound in problem.bounds)
    made = (z <= low) | (z >= high) | np.isclose(z, low, EDGE, 0.0) | np.isclose(z, high, EDGE, 0.0)
    for parameter, _, part in problem.slices:
        if parameter.smooth:
            made[part] |= _pressed(parameter, z[part], problem.z0[part].numpy())
    return np.asarray(made)


def _pressed(parameter: Numbers, z: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(k,) values within `PRESSED` of a bound that they have not started at; without a second bound of the way from the start."""
    ends = [
        parameter.low.numpy(),
        parameter.high.numpy(),
        *(parameter.values_of(torch.as_tensor(x)).detach().numpy() for x in (z, first)),
    ]
    with np.errstate(divide="ignore"):
        low, high, value, start = (np.log(np.maximum(x, 0.0)) if parameter.log else x for x in ends)
    width = np.where(np.isfinite(high - low), high - low, np.inf)
    made = np.zeros(len(z), bool)
    for bound in (low, high):
        way = np.minimum(width, np.where(np.isfinite(bound), np.abs(start - bound), 0.0))
        made |= np.isfinite(bound) & (np.abs(value - bound) <= PRESSED * way) & (value != start)
    return made


def _beyond(
    problem: RecordingProblem, value: np.ndarray, slope: np.ndarray, blocks: Sequence[ResidualBlock], fixed: np.ndarray
) -> np.ndarray:
    """(n,) share of the cost that its slope (n,) to the natural values leaves between a bound and the value that means none; nan elsewhere."""
    total, made = sum(block.cost() for block in blocks), np.full(problem.n, np.nan)
    for parameter, _, part in problem.slices:
        for i, k in enumerate(range(part.start, part.stop)):
            natural = parameter.natural_of(i)
            if natural is not None and fixed[k]:
                made[k] = max(float(slope[k] * (value[k] - natural)), 0.0) / max(total, 1e-300)
    return made


def _kind(errors: str, found: Followed | None, windows: int, count: int) -> str:
    """What errors are taken for, of so many windows and estimates."""
    if errors == "clustered":
        return "clustered" if windows > count else "residual"
    if found is None:  # gaps tie the windows to each other
        return "residual" if errors in ("auto", "autocorrelated") else errors
    if errors != "auto":
        return errors
    if not found.noise().correlated():
        return "residual"
    return "clustered" if windows >= max(MANY, MANY_EACH * count) else "autocorrelated"


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


def noise_level(residuals: Residuals, data: Sequence[ResidualBlock], found: Followed | None = None) -> float:
    """Standard deviation of the residuals in units of sigma: what is left, over how many numbers are not used up by the fit.

    found: what the fit can follow; None where windows are tied to each other, or to find it out, at a point without priors.
    """
    used = numbers_used(residuals, data, found)
    if found is not None:
        left, count = sum(float(block.r @ block.r) for block in found.blocks), found.count
    else:
        channels = _of_channels(data)
        left, count = 2.0 * sum(block.cost() for block in channels), sum(len(block.r) for block in channels)
    return float(np.sqrt(left / max(count - used, 1.0)))


def numbers_used(residuals: Residuals, data: Sequence[ResidualBlock], found: Followed | None = None) -> float:
    """How many numbers of the channels the fit can follow whatever they are: those that a chi-square has fewer degrees of freedom."""
    if found is not None:
        return float(found.used)
    used = float(residuals.problem.n)
    if residuals.nt:  # a start state with a prior uses up only the part of a number that the channels decide
        ours, everything = residuals.normal(_of_channels(data)).ss, residuals.normal(data).ss
        used += sum(float(np.trace(own @ np.linalg.pinv(all_of_it))) for own, all_of_it in zip(ours, everything, strict=True))
    return used


def _of_channels(data: Sequence[ResidualBlock]) -> list[ResidualBlock]:
    return [block for block in data if block.label not in ("start", "gap")]


def _inverse(information: np.ndarray, kept: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse over the directions that more is known about than the description says weakly, and how much of each number lies in the others."""
    scale = np.outer(size, size)
    values, vectors = np.linalg.eigh(information * scale)
    weak = np.einsum("nk,nm,mk->k", vectors, kept * scale, vectors)
    known = values > np.maximum(RANK**2 * max(values.max(initial=0.0), 1e-300), weak)
    part = vectors[:, known]
    inverse = (part / values[known]) @ part.T * scale
    return inverse, (vectors[:, ~known] ** 2).sum(1)


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
            one.note = _note(known, k, one, _side(one, z[k], low[k], high[k]), parameter.smooth)
            one.beyond = float(known.beyond[k])
            made.append(one)
    followers = tied_values(problem, z, known.covariance)
    for parameter in problem.parameters.values():
        if not parameter.learn:
            follows = parameter.name in followers
            first, held, deviations = followers[parameter.name] if follows else (parameter.value().detach(),) * 2 + (None,)
            for i, label in enumerate(parameter.labels()):
                deviation = 0.0 if deviations is None else float(deviations[i])
                one = _estimate(parameter, i, f"{parameter.name}/{label}", float(first[i]), float(held[i]), deviation)
                one.prior, one.note = None, "tied" if follows else "frozen"
                made.append(one)
    return made


def _estimate(parameter: Numbers, i: int, name: str, start: float, value: float, deviation: float) -> Estimate:
    """The i-th number of a parameter, without a note."""
    reach = INTERVAL * deviation
    prior = None if parameter.prior is None else (float(parameter.prior[0][i]), float(parameter.prior[1][i]))
    return Estimate(
        name, parameter.name, parameter.unit_of(i), start, value, deviation, value - reach, value + reach,
        (float(parameter.low[i]), float(parameter.high[i])), prior, natural=parameter.natural_of(i),
    )  # fmt: skip


def _side(estimate: Estimate, z: float, low: float, high: float) -> str:
    """The bound that is nearer: of free numbers, or of values where these have none."""
    if not (math.isfinite(low) or math.isfinite(high)):
        z, (low, high) = estimate.value, estimate.bounds
    return "upper" if abs(z - high) < abs(z - low) else "lower"


def _note(known: Certainty, k: int, estimate: Estimate, bound: str, smooth: bool) -> str:
    """What limits the estimate. At the end of a smooth map nothing has an effect any more."""
    if known.silent[k] and not (smooth and known.fixed[k]):
        return "no effect on any residual" if estimate.prior is None else "decided by the prior"
    if known.fixed[k]:
        return f"at its {bound} bound"
    if not np.isfinite(estimate.std) and known.errors == NOT_TOLD:
        return ""
    if not np.isfinite(estimate.std):
        return KEPT if known.untold[k] else "not identifiable alone"
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
