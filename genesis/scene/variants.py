"""The controls of one trajectory in many environments that differ: in physical parameters, in where they start."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from genesis.grad.controllers import controller_force, parameter
from genesis.grad.physics import Physics
from genesis.grad.tensor import plain

if TYPE_CHECKING:
    from genesis.scene.trajectory import Trajectory


@dataclass(frozen=True)
class Variants:
    """B motions under the same controls, plain tensors: qpos (T+1, B, nq), qvel (T+1, B, nv), qacc (T, B, nv) at the start of each step,
    dof_ctrl (T, B, nv) of the joint controllers, and the packed parameters theta (B, P) that made them."""

    physics: Physics
    theta: torch.Tensor
    qpos: torch.Tensor
    qvel: torch.Tensor
    qacc: torch.Tensor
    dof_ctrl: torch.Tensor

    @property
    def force(self) -> torch.Tensor:
        """What the joint controllers ask for (T, B, nv), before the bounds of force."""
        return controller_force(self.physics, self.theta, self.dof_ctrl, self.qpos[:-1], self.qvel[:-1])


def roll_out_variants(
    physics: Physics,
    kind: str,
    theta: torch.Tensor,
    controls: torch.Tensor,
    columns: list[int],
    shifts: torch.Tensor,
    start: tuple[torch.Tensor, torch.Tensor],
    bounded: bool = True,
) -> Variants:
    """One launch of B environments, however many the scene has.

    Args:
        kind: of the controls.
        theta: (P,) packed parameters of the trajectory; controls: (T, nv).
        columns: entries of theta that vary; shifts: (B, len(columns)) what is added to them.
        start: qpos (B, nq), qvel (B, nv).
        bounded: joint forces keep to their bounds.
    """
    if not bounded:
        theta = _without_bounds(physics, theta)
    index = torch.tensor(columns, dtype=torch.int64, device=theta.device)
    rows = theta.expand(len(shifts), -1).index_add(1, index, shifts)
    dof_ctrl = controls.unsqueeze(1).expand(-1, len(shifts), -1)
    if kind != "force":
        dof_ctrl = parameter(physics, rows, "dof_kp" if kind == "position" else "dof_kv") * dof_ctrl
    qpos, qvel = start
    qpos, qvel, qacc = physics.rollout(rows, qpos.contiguous(), qvel.contiguous(), dof_ctrl.contiguous())
    return Variants(physics, rows, qpos, qvel, qacc, dof_ctrl)


def _without_bounds(physics: Physics, theta: torch.Tensor) -> torch.Tensor:
    """theta (P,) with joint forces of any size."""
    theta = theta.clone()
    for name, end in (("dof_force_lo", -torch.inf), ("dof_force_hi", torch.inf)):
        first, length = physics.model.parameter_offsets[name]
        theta[first : first + length] = end
    return theta


def some_envs(trajectory: "Trajectory", envs: torch.Tensor, *, flat: bool = False) -> "Trajectory":
    """The same `Trajectory` of some environments (n,) of several; what it is asked for is of these alone. flat: of one, without its axis."""
    theta = trajectory._theta if trajectory._theta.dim() == 1 else trajectory._theta.index_select(0, envs)
    q, v, a = (plain(x).index_select(1, envs) for x in (trajectory.qpos, trajectory.qvel, trajectory.qacc))
    driven = (trajectory._controls, trajectory._act_ctrl)
    controls, act_ctrl = (None if x is None else plain(x).index_select(1, envs) for x in driven)
    if flat:
        theta = theta if theta.dim() == 1 else theta[0]
        q, v, a = q.squeeze(1), v.squeeze(1), a.squeeze(1)
        controls, act_ctrl = (None if x is None else x.squeeze(1) for x in (controls, act_ctrl))
    return type(trajectory)(
        trajectory._solver, theta, (q, v, a), controls, trajectory.dt, trajectory._start, trajectory.kind, act_ctrl
    )  # fmt: skip
