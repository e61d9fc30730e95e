"""Oracles in the plainest form: a closed loop step by step, and the Riccati sweep in numpy."""

import numpy as np
import torch
from torch import Tensor

from genesis.grad.physics import Physics
from genesis.grad.quadratics import BackwardPass, Quadratics
from genesis.grad.tangent import minus, plus


def closed_loop(
    physics: Physics, theta: Tensor, qpos: Tensor, qvel: Tensor, dof_ctrl: Tensor, dofs: list[int], low: Tensor, high: Tensor,
    feedforward: Tensor, gains: Tensor, gaps: Tensor | None, lengths: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """As `genesis.grad.closed_loop.closed_loop`, one launch a step."""
    model, nv, count = physics.model, physics.nv, len(lengths)
    which = torch.tensor(list(dofs), dtype=torch.int64)
    stays = (1.0 - lengths)[:, None]
    q, v = qpos[:1].repeat(count, 1), qvel[:1].repeat(count, 1)
    made: list[list[Tensor]] = [[q], [v], [], []]
    with torch.no_grad():
        for t in range(len(dof_ctrl)):
            off = torch.cat([minus(model, q, qpos[t]), v - qvel[t]], -1)
            u = dof_ctrl[t].repeat(count, 1)
            u[:, which] = torch.clamp(u[:, which] + lengths[:, None] * feedforward[t] + off @ gains[t].mT, low, high)
            q, v, a = physics.step(theta, q, v, u)
            if gaps is not None:
                q, v = plus(model, q, -stays * gaps[t, :nv]), v - stays * gaps[t, nv:]
            for series, value in zip(made, (q, v, a, u), strict=True):
                series.append(value)
    made_q, made_v, made_a, made_u = (torch.stack(series) for series in made)
    return made_q, made_v, made_a, made_u


def riccati(p: Quadratics, rho: float) -> BackwardPass:
    """As `genesis.grad.riccati.riccati`."""
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
            return BackwardPass(k, gains, vx, vxx, slope, curve, largest, t)
        k[t], free = box(quu, qu, p.low[t], p.high[t])
        if free.any():
            gains[t][free] = -np.linalg.solve(quu[np.ix_(free, free)], qux[free])
            largest = max(largest, float(np.abs(qu[free]).max()))
        slope += float(qu @ k[t])
        curve += float(k[t] @ quu0 @ k[t])
        vx[t] = qx + gains[t].T @ (quu0 @ k[t] + qu) + qux.T @ k[t]
        full = qxx + gains[t].T @ quu0 @ gains[t] + gains[t].T @ qux + qux.T @ gains[t]
        vxx[t] = 0.5 * (full + full.T)
    return BackwardPass(k, gains, vx, vxx, slope, curve, largest, -1)


def box(h: np.ndarray, g: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
