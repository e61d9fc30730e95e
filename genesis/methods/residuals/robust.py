"""Robust losses ρ(s) of a squared residual s, with ρ(s) ~ s near zero, and their first two derivatives.

Source: the forms of scipy.optimize.least_squares; Triggs et al., Bundle adjustment - a modern synthesis, 2000, §4.3.
"""

import numpy as np

Three = tuple[np.ndarray, np.ndarray, np.ndarray]


def linear(s: np.ndarray) -> Three:
    """s"""
    return s, np.ones_like(s), np.zeros_like(s)


def huber(s: np.ndarray) -> Three:
    """s up to 1, then 2 sqrt(s) - 1"""
    far = np.maximum(s, 1.0)
    inside = s <= 1.0
    return (
        np.where(inside, s, 2.0 * np.sqrt(far) - 1.0),
        np.where(inside, 1.0, far**-0.5),
        np.where(inside, 0.0, -0.5 * far**-1.5),
    )


def soft_l1(s: np.ndarray) -> Three:
    """2 (sqrt(1 + s) - 1)"""
    t = 1.0 + s
    return 2.0 * (np.sqrt(t) - 1.0), t**-0.5, -0.5 * t**-1.5


def cauchy(s: np.ndarray) -> Three:
    """log(1 + s)"""
    t = 1.0 + s
    return np.log1p(s), 1.0 / t, -1.0 / t**2


def arctan(s: np.ndarray) -> Three:
    """arctan(s)"""
    t = 1.0 + s**2
    return np.arctan(s), 1.0 / t, -2.0 * s / t**2


LOSSES = {"linear": linear, "huber": huber, "soft_l1": soft_l1, "cauchy": cauchy, "arctan": arctan}
