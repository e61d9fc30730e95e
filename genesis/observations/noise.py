"""Noise level of a sampled signal, without a model of it."""

from math import sqrt

import numpy as np

ORDER = 4  # polynomials of lower degree leave no trace in the differences
MAD_TO_STD = 1.4826  # of a normal distribution
LEAST = 1e-6  # of the largest value: a signal without noise still has a scale


def noise_level(time: np.ndarray, values: np.ndarray) -> float:
    """Standard deviation of the white noise on values (N,) at times (N,): what divided differences of fourth order leave.

    Robust (median) against jumps, exact for uneven times, at least the rounding error quantum / sqrt(12); noise that a filter
    has smoothed, or that repeats over samples, comes out too small. 0 for a constant.

    Source: Gasser, Sroka, Jennen-Steinmetz, Residual variance and residual pattern in nonlinear regression (1986), §2.
    """
    good = np.isfinite(values)
    time, values = time[good], values[good]
    if len(values) < 2:
        return 0.0
    order = min(ORDER, len(values) - 1)
    windows = np.lib.stride_tricks.sliding_window_view(time, order + 1)
    gaps = windows[:, :, None] - windows[:, None, :] + np.eye(order + 1)
    weights = 1.0 / np.prod(gaps / np.mean(np.diff(time)), axis=2)  # of the divided difference
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    left = np.sum(weights * np.lib.stride_tricks.sliding_window_view(values, order + 1), 1)
    spread = MAD_TO_STD * float(np.median(np.abs(left)))
    return max(spread, quantum(values) / sqrt(12.0), LEAST * float(np.abs(values).max()))


def quantum(values: np.ndarray) -> float:
    """The smallest step between two different values; rounding of the text of a file is no step."""
    distinct = np.unique(values)
    if len(distinct) < 2:
        return 0.0
    steps = np.diff(distinct)
    steps = steps[steps > LEAST * np.abs(distinct).max()]
    return float(steps.min()) if len(steps) else 0.0
