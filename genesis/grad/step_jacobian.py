"""Jacobians of one control step at many states, in coordinates: what forward sensitivities of a trajectory are made of.

    x' = f(x, u, theta), x = (qpos, qvel):    df/dx (nx, nx), df/dtheta, df/du, and the same of the acceleration qacc

They are the `linearization` in tangents between G, how coordinates move with a tangent, and P, how a tangent does with coordinates: on
quaternions those of the normalised coordinates.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from genesis.grad.linearization import Linearization, linear_step
from genesis.grad.physics import Physics
from genesis.grad.tangent import columns_of, plus, rows_of


@dataclass
class Jacobian:
    """Derivatives of one vector (m numbers) at N states.

    state: (N, m, nx). parameters: (N, m, F) to chosen entries of theta. dof_ctrl: (N, m, nv). act_ctrl: (N, m, nu), None without.
    """

    state: Tensor
    parameters: Tensor
    dof_ctrl: Tensor
    act_ctrl: Tensor | None


@dataclass
class StepJacobian:
    """Of the next state (m = nx) and, if asked for, of the acceleration of the step (m = nv)."""

    next: Jacobian
    acceleration: Jacobian | None


def step_jacobian(
    physics: Physics,
    theta: Tensor,
    qpos: Tensor,
    qvel: Tensor,
    dof_ctrl: Tensor,
    act_ctrl: Tensor | None,
    columns: Tensor,
    acceleration: bool = False,
    qacc: Tensor | None = None,
) -> StepJacobian:
    """Linearise one control step.

    Args:
        theta: (P,), or (N, P): a row for each state.
        qpos (N, nq), qvel (N, nv), dof_ctrl (N, nv), act_ctrl (N, nu) or None: where.
        columns: (F,) entries of theta that derivatives are wanted to; none: an empty tensor.
        acceleration: also the Jacobian of qacc. qacc: (N, nv) of the first time step, where known.
    """
    made = linear_step(physics, theta, qpos, qvel, dof_ctrl, act_ctrl, columns, qacc)
    before = after = None
    if physics.nq > physics.nv:
        moved = made.qpos
        if moved is None:  # a single step of which qacc says the rest
            assert qacc is not None
            moved = plus(physics.model, qpos, physics.step_dt * (qvel + physics.step_dt * qacc))
        before, after = rows_of(physics.model, qpos), columns_of(physics.model, moved)
    return StepJacobian(_jacobian(made.next, before, after), _jacobian(made.acceleration, before, None) if acceleration else None)


def _jacobian(made: Linearization, before: Tensor | None, after: Tensor | None) -> Jacobian:
    """before (N, nv, nq): of the tangents at the start; after (N, nq, nv): of the coordinates at the end; None: the same numbers."""

    def rows(table: Tensor) -> Tensor:
        nv = 0 if after is None else after.shape[-1]
        return table if after is None else torch.cat([after @ table[:, :nv], table[:, nv:]], 1)

    state = made.state
    if before is not None:
        nv = before.shape[-2]
        state = torch.cat([state[..., :nv] @ before, state[..., nv:]], -1)
    return Jacobian(
        rows(state), rows(made.parameters), rows(made.dof_ctrl), None if made.act_ctrl is None else rows(made.act_ctrl)
    )
