"""What a backward pass through the steps of a trajectory takes and gives, in arrays; see `genesis.grad.riccati`."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Quadratics:
    """Of a trajectory of T steps: dynamics a (T, n, n), b (T, n, m), gaps d (T, n); cost lx (T+1, n), lxx (T+1, n, n), lu (T, m),
    luu (T, m, m), lux (T, m, n); low, high (T, m): room of a change of the controls. All float64."""

    a: np.ndarray
    b: np.ndarray
    d: np.ndarray
    lx: np.ndarray
    lxx: np.ndarray
    lu: np.ndarray
    luu: np.ndarray
    lux: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class BackwardPass:
    """k (T, m), gains (T, m, n), vx (T+1, n), vxx (T+1, n, n).

    slope, curve: expected change of the cost along step length α is α slope + ½ α² curve, with slope = Σ Q_uᵀ k, curve = Σ kᵀ Q_uu⁰ k (without
    what the gaps add). qu: largest |Q_u| of a free control over the steps. failed: the step whose Q_uu is not positive definite (or not a
    number, or so near to singular that no end is found within the bounds), −1 if none; everything from there on backward is zero.
    """

    k: np.ndarray
    gains: np.ndarray
    vx: np.ndarray
    vxx: np.ndarray
    slope: float
    curve: float
    qu: float
    failed: int
