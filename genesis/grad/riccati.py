"""The backward sweep of differential dynamic programming with bounds on the controls.

    V_x⁺ = v' + V' d,   Q_x = l_x + Aᵀ V_x⁺,   Q_u = l_u + Bᵀ V_x⁺
    Q_xx = l_xx + Aᵀ V' A,   Q_ux = l_ux + Bᵀ V' A,   Q_uu = l_uu + Bᵀ V' B + ρ 1
    k = argmin ½ kᵀ Q_uu k + Q_uᵀ k within low ≤ k ≤ high;  K = −Q_uu⁻¹ Q_ux, rows of k at a bound zero
    v = Q_x + Kᵀ Q_uu⁰ k + Kᵀ Q_u + Q_uxᵀ k,   V = Q_xx + Kᵀ Q_uu⁰ K + Kᵀ Q_ux + Q_uxᵀ K            (Q_uu⁰: without ρ)

Source: Tassa, Mansard, Todorov, Control-limited differential dynamic programming, ICRA 2014 (bounds, regularised value);
Mastalli et al., ICRA 2020 (gaps d).
"""

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
class Sweep:
    """k (T, m), gains (T, m, n), vx (T+1, n), vxx (T+1, n, n).

    slope, curve: expected change of the cost along step length α is α slope + ½ α² curve, with slope = Σ Q_uᵀ k, curve = Σ kᵀ Q_uu⁰ k (without
    what the gaps add). qu: largest |Q_u| of a free control over the steps. failed: the step whose Q_uu is not positive definite, −1 if none.
    """

    k: np.ndarray
    gains: np.ndarray
    vx: np.ndarray
    vxx: np.ndarray
    slope: float
    curve: float
    qu: float
    failed: int


def riccati(p: Quadratics, rho: float) -> Sweep:
    """From the last step to the first. rho: what is added to the diagonal of Q_uu."""
    horizon, n, m = p.b.shape
    k, gains = np.zeros((horizon, m)), np.zeros((horizon, m, n))
    vx, vxx = np.zeros((horizon + 1, n)), np.zeros((horizon + 1, n, n))
    vx[-1], vxx[-1] = p.lx[-1], p.lxx[-1]
    slope = curve = largest = 0.0
    for t in range(horizon - 1, -1, -1):
        a, b, value = p.a[t], p.b[t], vxx[t + 1]
        after = vx[t + 1] + value @ p.d[t]
        qx, qu = p.lx[t] + a.T @ after, p.lu[t] + b.T @ after
        va, vb = value @ a, value @ b
        qxx, qux, quu0 = p.lxx[t] + a.T @ va, p.lux[t] + b.T @ va, p.luu[t] + b.T @ vb
        quu = quu0 + rho * np.eye(m)
        try:
            np.linalg.cholesky(quu)
        except np.linalg.LinAlgError:
            return Sweep(k, gains, vx, vxx, slope, curve, largest, t)
        k[t], free = _box(quu, qu, p.low[t], p.high[t])
        if free.any():
            gains[t][free] = -np.linalg.solve(quu[np.ix_(free, free)], qux[free])
            largest = max(largest, float(np.abs(qu[free]).max()))
        slope += float(qu @ k[t])
        curve += float(k[t] @ quu0 @ k[t])
        vx[t] = qx + gains[t].T @ (quu0 @ k[t] + qu) + qux.T @ k[t]
        full = qxx + gains[t].T @ quu0 @ gains[t] + gains[t].T @ qux + qux.T @ gains[t]
        vxx[t] = 0.5 * (full + full.T)
    return Sweep(k, gains, vx, vxx, slope, curve, largest, -1)


def _box(h: np.ndarray, g: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The minimum of ½ xᵀ h x + gᵀ x within the box, and which numbers are free there, by projected Newton steps."""
    x = np.clip(np.zeros_like(g), low, high)
    free = np.ones(len(g), dtype=bool)
    for _ in range(50):
        slope = h @ x + g
        free = ~(((x <= low) & (slope > 0.0)) | ((x >= high) & (slope < 0.0)))
        if not free.any() or np.abs(slope[free]).max() < 1e-12 * (1.0 + np.abs(g).max()):
            break
        step = np.zeros_like(x)
        step[free] = -np.linalg.solve(h[np.ix_(free, free)], slope[free])
        before, length = 0.5 * x @ h @ x + g @ x, 1.0
        while length > 1e-10:
            y = np.clip(x + length * step, low, high)
            if 0.5 * y @ h @ y + g @ y <= before + 0.1 * slope @ (y - x):
                break
            length *= 0.6
        x = y
    return x, free
