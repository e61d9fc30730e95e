"""Many starts: candidates spread over the bounds, judged in one batched simulation; the best of them are where methods begin."""

import numpy as np
import torch
from scipy.stats import qmc

from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import Residuals

REACH = 3.0  # factor around a start that has no bounds


def spread_starts(residuals: Residuals, count: int, keep: int, seed: int) -> list[np.ndarray]:
    """The start and the best of ``count`` candidates (Sobol points between the bounds, or within a factor of the start), at most ``keep``.

    Flat points; start states of windows as measured.
    """
    first, problem = residuals.first(), residuals.problem
    low, high = box(problem)
    sampler = qmc.Sobol(problem.n, seed=seed)
    points = low + (high - low) * sampler.random(1 << max(count - 1, 0).bit_length())[:count]
    candidates = [first, *(np.concatenate([_free(problem, values), first[problem.n :]]) for values in points)]
    costs = residuals.costs(candidates)
    order = [int(k) for k in np.argsort(costs) if np.isfinite(costs[k])]
    chosen = ([0] if np.isfinite(costs[0]) else []) + [k for k in order if k != 0]
    return [candidates[k] for k in chosen[:keep]]


def _free(problem: RecordingProblem, values: np.ndarray) -> np.ndarray:
    """Free numbers z (n,) of values, or their logarithms, within their bounds."""
    z = torch.tensor(values)
    for parameter, _, part in problem.slices:
        z[part] = z[part] if parameter.limits is None else parameter.limits.invert(z[part])
    return z.numpy()


def box(problem: RecordingProblem) -> tuple[np.ndarray, np.ndarray]:
    """Finite bounds (n,) of the values, or their logarithms: those that there are, else a factor around the start."""
    z, low, high = (np.full(problem.n, end) for end in (0.0, -np.inf, np.inf))
    logs = np.zeros(len(z), bool)
    for parameter, _, part in problem.slices:
        free, limits = parameter.free.detach(), parameter.limits
        z[part] = (free if limits is None else limits.apply(free)).numpy()
        if limits is not None:
            low[part], high[part] = limits.low.numpy(), limits.high.numpy()
        logs[part] = parameter.log
    size = np.maximum(np.abs(z), 1e-3)
    guess_low = np.where(logs, z - np.log(REACH), np.where(z > 0, z / REACH, z - REACH * size))
    guess_high = np.where(logs, z + np.log(REACH), np.where(z > 0, z * REACH, z + REACH * size))
    return np.where(np.isfinite(low), low, np.minimum(guess_low, high)), np.where(
        np.isfinite(high), high, np.maximum(guess_high, low)
    )
