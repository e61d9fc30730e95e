"""Cubic splines through evenly spaced points, as matrices: the curve is W times the points.

SciPy has them too, but importing its interpolation costs half a second of every start.
"""

import numpy as np


def linear_weights(steps: int, count: int) -> np.ndarray:
    """W (steps, count) of the polygon through `count` points, seen at `steps` even times from the first to the last."""
    knots, times = np.linspace(0.0, 1.0, count), np.linspace(0.0, 1.0, steps)
    return np.stack([np.interp(times, knots, unit) for unit in np.eye(count)], -1)


def cubic_weights(steps: int, count: int, *, at_rest: bool) -> np.ndarray:
    """W (steps, count) of the cubic spline; its ends have slope zero if `at_rest`, else curvature zero (natural spline).

    Second derivatives m at the points solve the tridiagonal system m_{i−1} + 4 m_i + m_{i+1} = 6 (y_{i−1} − 2 y_i + y_{i+1}) / h².
    Source: de Boor, A Practical Guide to Splines (1978), chapter IV.
    """
    if count == 2 and not at_rest:
        return linear_weights(steps, count)
    spacing = 1.0 / (count - 1)
    left, right = np.zeros((count, count)), np.zeros((count, count))
    for i in range(1, count - 1):
        left[i, i - 1 : i + 2] = 1.0, 4.0, 1.0
        right[i, i - 1 : i + 2] = 1.0, -2.0, 1.0
    left[0, 0] = left[-1, -1] = 1.0
    if at_rest:
        left[0, :2], right[0, :2] = (2.0, 1.0), (-1.0, 1.0)
        left[-1, -2:], right[-1, -2:] = (1.0, 2.0), (1.0, -1.0)
    curvature = np.linalg.solve(left, right * 6.0 / spacing**2)
    times = np.linspace(0.0, 1.0, steps)
    piece = np.minimum((times / spacing).astype(int), count - 2)
    b = times / spacing - piece
    a = 1.0 - b
    points, bend = np.eye(count), spacing**2 / 6.0
    made: np.ndarray = (
        a[:, None] * points[piece]
        + b[:, None] * points[piece + 1]
        + bend * ((a**3 - a)[:, None] * curvature[piece] + (b**3 - b)[:, None] * curvature[piece + 1])
    )
    return made
