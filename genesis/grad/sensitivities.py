"""How a trajectory moves with the numbers that made it: two recursions over the Jacobians of its steps.

    x_(k+1) = f(x_k, u_k, theta):    A_k = df/dx,  c_k = what changes x_(k+1) directly (B_k du_k/dz + df/dtheta dtheta/dz)

    forward:    S_0 = dx_0/dz,       S_(k+1) = A_k S_k + c_k,        S_k = dx_k/dz:         a column for each number
    reverse:    L_T = dr/dx_T,       L_k = dr/dx_k + L_(k+1) A_k,    L_k = what x_k does to r: a row for each residual

    dr/dz = sum_k (dr/dx_k) S_k = L_0 dx_0/dz + sum_k L_(k+1) c_k

Source: Griewank, Walther, Evaluating Derivatives (2008), §3.1, §3.2; Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I
(1993), §I.14.
"""

import numpy as np
import torch
from torch import Tensor

from genesis.grad.physics import Physics
from genesis.grad.step_jacobian import Jacobian, StepJacobian, step_jacobian


def along(
    physics: Physics,
    theta: Tensor,
    x: Tensor,
    dof_ctrl: Tensor,
    act_ctrl: Tensor | None,
    columns: Tensor,
    acceleration: bool = False,
    qacc: Tensor | None = None,
) -> StepJacobian:
    """Jacobians (T, B, m, ·) of every step of a trajectory.

    Args:
        theta: (P,) or (B, P). x: (T, B, nx) states at the start of the steps. dof_ctrl: (T, B, nv), act_ctrl: (T, B, nu) or None.
        columns, acceleration: as in `step_jacobian`. qacc: (T, B, nv) at the start of the steps, where known.
    """
    horizon, batch = x.shape[:2]
    qpos, qvel = (part.contiguous() for part in x.flatten(0, 1).split([physics.nq, physics.nv], -1))
    driven = dof_ctrl.flatten(0, 1).contiguous(), None if act_ctrl is None else act_ctrl.flatten(0, 1).contiguous()
    rows = theta if theta.dim() == 1 else theta.repeat(horizon, 1)
    known = None if qacc is None else qacc.flatten(0, 1).contiguous()
    made = step_jacobian(physics, rows, qpos, qvel, *driven, columns, acceleration, known)

    def folded(jacobian: Jacobian) -> Jacobian:
        state, parameters, to_dof_ctrl = (
            table.unflatten(0, (horizon, batch)) for table in (jacobian.state, jacobian.parameters, jacobian.dof_ctrl)
        )
        to_act_ctrl = None if jacobian.act_ctrl is None else jacobian.act_ctrl.unflatten(0, (horizon, batch))
        return Jacobian(state, parameters, to_dof_ctrl, to_act_ctrl)

    return StepJacobian(folded(made.next), None if made.acceleration is None else folded(made.acceleration))


def forward(a: Tensor, direct: Tensor, start: Tensor) -> Tensor:
    """S (T+1, B, nx, n) from A (T, B, nx, nx), c (T, B, nx, n) and dx_0/dz (B, nx, n)."""
    made = direct.new_empty(len(a) + 1, *direct.shape[1:])
    made[0] = start
    if made.device.type == "cpu":
        _numpy_recursion(made.numpy(), direct.numpy(), a.numpy(), ahead=True)
        return made
    for k in range(len(a)):
        torch.baddbmm(direct[k], a[k], made[k], out=made[k + 1])
    return made


def reverse(a: Tensor, seeds: Tensor) -> Tensor:
    """L (T+1, B, R, nx) from A (T, B, nx, nx) and dr/dx (T+1, B, R, nx)."""
    made = torch.empty_like(seeds)
    made[-1] = seeds[-1]
    if made.device.type == "cpu":
        _numpy_recursion(made.numpy(), seeds.numpy(), a.numpy(), ahead=False)
        return made
    for k in range(len(a) - 1, -1, -1):
        torch.baddbmm(seeds[k], made[k + 1], a[k], out=made[k])
    return made


def _numpy_recursion(made: np.ndarray, added: np.ndarray, a: np.ndarray, *, ahead: bool) -> None:
    """The loops of `forward` and `reverse`: thousands of products so small that torch's calls cost several times what they compute."""
    if made.shape[1] == 1:
        made, added, a = made[:, 0], added[:, 0], a[:, 0]
    product = np.dot if made.ndim == 3 else np.matmul
    for k in range(len(a)) if ahead else range(len(a) - 1, -1, -1):
        if ahead:
            product(a[k], made[k], out=made[k + 1])
            made[k + 1] += added[k]
        else:
            product(made[k + 1], a[k], out=made[k])
            made[k] += added[k]
