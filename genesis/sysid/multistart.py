"""Many starts: candidates spread over the bounds, judged in one batched simulation; the best of them are where solvers begin."""

import numpy as np
from scipy.stats import qmc

from genesis.sysid.linearization import Point
from genesis.sysid.population import population_costs
from genesis.sysid.solvers.solver import LeastSquares

REACH = 3.0  # factor around a start that has no bounds


def spread_starts(squares: LeastSquares, count: int, keep: int, seed: int) -> list[Point]:
    """The start and the best of ``count`` candidates (Sobol points between the bounds, or within a factor of the start), at most ``keep``."""
    first = squares.first()
    low, high = box(squares)
    sampler = qmc.Sobol(len(first.z), seed=seed)
    points = low + (high - low) * sampler.random(1 << max(count - 1, 0).bit_length())[:count]
    candidates = [first.z, *points]
    costs = population_costs(squares.problem, candidates)
    order = [int(k) for k in np.argsort(costs) if np.isfinite(costs[k])]
    chosen = ([0] if np.isfinite(costs[0]) else []) + [k for k in order if k != 0]
    return [Point(np.asarray(candidates[k]), None if first.starts is None else first.starts.copy()) for k in chosen[:keep]]


def box(squares: LeastSquares) -> tuple[np.ndarray, np.ndarray]:
    """Finite bounds of the free numbers (n,)."""
    low, high = squares.bounds()
    z = squares.first().z
    logs = np.zeros(len(z), bool)
    for unknown, _, part in squares.problem.slices:
        logs[part] = unknown.log
    size = np.maximum(np.abs(z), 1e-3)
    guess_low = np.where(logs, z - np.log(REACH), np.where(z > 0, z / REACH, z - REACH * size))
    guess_high = np.where(logs, z + np.log(REACH), np.where(z > 0, z * REACH, z + REACH * size))
    return np.where(np.isfinite(low), low, np.minimum(guess_low, high)), np.where(
        np.isfinite(high), high, np.maximum(guess_high, low)
    )
