"""Reasonable sizes of changes of free numbers, in which methods that know nothing of residuals count."""

import numpy as np

from genesis.sysid.problem import RecordingProblem

SMALLEST = 1e-3  # of a number that starts at zero and has no bounds


def sizes_of(problem: RecordingProblem) -> np.ndarray:
    """(n + W nt,) how far each number may reasonably be from its start: the width of its bounds, else its size, of a logarithm one.

    Of start states the standard deviations of their priors, else the scales of gaps.
    """
    z, (low, high) = problem.z0.numpy(), (bound.numpy().copy() for bound in problem.bounds)
    own = np.maximum(np.abs(z), SMALLEST)
    for parameter, _, part in problem.slices:
        if parameter.limits is not None and parameter.limits.smooth:  # free numbers have no bounds, but the width of their values
            low[part], high[part] = parameter.limits.low.numpy(), parameter.limits.high.numpy()
        known = parameter.free_sizes()
        own[part] = known.numpy() if known is not None else 1.0 if parameter.log else own[part]
    made = np.where(np.isfinite(high - low) & (high > low), high - low, own)
    if not problem.nt:
        return made
    half, shooting = problem.space.nv, problem.shooting
    scales = np.concatenate([np.full(half, shooting.position_scale), np.full(half, shooting.velocity_scale)])
    return np.concatenate([made, np.where(np.isfinite(problem.start_std), problem.start_std, scales).reshape(-1)])
