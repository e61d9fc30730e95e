"""Derivatives of one control step at many states, in the tangent space of the configurations.

x' ⊖ x'_0 = A (x ⊖ x_0) + B (u − u_0) + ...
"""

from dataclasses import dataclass

from torch import Tensor

from genesis.grad.physics import Physics
from genesis.grad.step_jacobian import step_jacobian
from genesis.grad.tangent import columns_of, rows_of


@dataclass(frozen=True)
class Linearization:
    """At N states: state A (N, 2nv, 2nv), dof_ctrl B (N, 2nv, nv), act_ctrl (N, 2nv, nu) or None, parameters (N, 2nv, F)."""

    state: Tensor
    dof_ctrl: Tensor
    act_ctrl: Tensor | None
    parameters: Tensor


def linearization(
    physics: Physics,
    theta: Tensor,
    qpos: Tensor,
    qvel: Tensor,
    dof_ctrl: Tensor,
    act_ctrl: Tensor | None,
    columns: Tensor | None = None,
    qacc: Tensor | None = None,
) -> Linearization:
    """Linearise one control step.

    Args:
        theta: (P,) or (N, P). qpos (N, nq), qvel (N, nv), dof_ctrl (N, nv), act_ctrl (N, nu) or None: where.
        columns: (F,) entries of theta that derivatives are wanted to. qacc: (N, nv) accelerations of the first time step, where known.
    """
    model, nq = physics.model, physics.nq
    none = qpos.new_zeros(0).long()
    made = step_jacobian(physics, theta, qpos, qvel, dof_ctrl, act_ctrl, none if columns is None else columns).next
    q = physics.step(theta, qpos, qvel, dof_ctrl, act_ctrl)[0]

    def rows(table: Tensor) -> Tensor:
        whole = qpos.new_empty(len(qpos), 2 * physics.nv, table.shape[-1])
        whole[:, : physics.nv], whole[:, physics.nv :] = rows_of(model, q) @ table[:, :nq], table[:, nq:]
        return whole

    state = qpos.new_empty(len(qpos), nq + physics.nv, 2 * physics.nv)
    state[..., : physics.nv], state[..., physics.nv :] = made.state[..., :nq] @ columns_of(model, qpos), made.state[..., nq:]
    act = None if made.act_ctrl is None else rows(made.act_ctrl)
    return Linearization(rows(state), rows(made.dof_ctrl), act, rows(made.parameters))
