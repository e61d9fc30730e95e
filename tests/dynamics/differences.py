"""Directional derivatives by central differences, extrapolated to the sixth order (Romberg): good to about 1e-11.

Source: Ridders, Accurate computation of F'(x) and F'(x) F''(x), Advances in Engineering Software 4 (1982).
"""

import numpy as np

STEPS = (4e-3, 2e-3, 1e-3)
OFFSETS = tuple(s * h for h in STEPS for s in (1.0, -1.0))


def extrapolated(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(derivative, its estimated error) from values (..., 6) of the function at OFFSETS along a direction."""
    coarse, middle, fine = ((values[..., 2 * k] - values[..., 2 * k + 1]) / (2.0 * h) for k, h in enumerate(STEPS))
    first, second = middle + (middle - coarse) / 3.0, fine + (fine - middle) / 3.0
    best = second + (second - first) / 15.0
    return best, np.abs(best - second)
