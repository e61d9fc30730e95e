"""Motions that are held to a path of states by linear feedback, for many step lengths at once.

    u_t = clamp(ū_t + α k_t + K_t (x̂_t ⊖ x_t)),    x̂_(t+1) = F(x̂_t, u_t) ⊕ (−(1 − α) d_(t+1)),    x̂_0 = x_0

Source: Mastalli et al., Crocoddyl: an efficient and versatile framework for multi-contact optimal control, ICRA 2020 (gaps).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from genesis.grad.physics import Physics
from genesis.grad.tangent import minus, plus

States = tuple[Tensor, Tensor, Tensor, Tensor]


def closed_loop(
    physics: Physics,
    theta: Tensor,
    qpos: Tensor,
    qvel: Tensor,
    dof_ctrl: Tensor,
    dofs: Sequence[int],
    low: Tensor,
    high: Tensor,
    feedforward: Tensor,
    gains: Tensor,
    gaps: Tensor | None,
    lengths: Tensor,
) -> States:
    """C motions, one for each step length.

    Args:
        theta: (P,). qpos (T+1, nq), qvel (T+1, nv): path x. dof_ctrl: (T, nv) ū.
        dofs: n degrees of freedom whose controls answer, within low and high (n,); the others keep theirs.
        feedforward: k (T, n). gains: K (T, n, 2nv). gaps: d (T, 2nv), of which (1 − α) stays; None: zero. lengths: α (C,).
    Returns: qpos (T+1, C, nq), qvel (T+1, C, nv), qacc (T, C, nv), and the dof_ctrl (T, C, nv) that acted.
    """
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
