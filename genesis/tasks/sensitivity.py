"""How measurements change with the unknowns, by central differences over environments.

Second derivatives of the simulation are not written, and these need none: all 2 (n + m) shifted worlds are one batched rollout, whose
ordinary adjoint carries the gradient of what is made of the differences back to the controls.
"""

import torch
from torch import Tensor

from genesis.scene.rotation import multiply
from genesis.selection import Joint, joints_of
from genesis.setting import Setting
from genesis.tasks.measurements import Channel, Motion, whitened
from genesis.tasks.unknowns import Unknowns
from genesis.view import View


class Sensitivity:
    """The whitened Jacobian (N, m + n) of the measurements of a trajectory.

    Args:
        every: steps between samples.
        step: of the differences, in units of each unknown's scale (of the start: rad, m, rad/s, m/s).
        start_unknown: the state at the start is estimated too: m = 2 nv of the robot columns, by positions and velocities, else m = 0.
    """

    def __init__(
        self, setting: Setting, unknowns: Unknowns, channels: list[Channel], *, every: int, step: float, start_unknown: bool
    ) -> None:
        self.unknowns, self.channels, self.every, self.step = unknowns, channels, every, step
        self.joints: list[Joint] = joints_of(setting.robot) if start_unknown else []
        degrees = [dof for joint in self.joints for dof in joint.dofs]
        names = [joint.name for joint in self.joints for _ in joint.dofs]
        self.nuisance = 2 * len(degrees)
        self.names = [f"start position {n}" for n in names] + [f"start velocity {n}" for n in names] + unknowns.names
        self.degrees = degrees
        size = len(unknowns)
        self.scale = torch.cat([torch.ones(self.nuisance).to(unknowns.scale), unknowns.scale])
        self.prior = torch.cat([torch.zeros(self.nuisance).to(unknowns.prior), unknowns.prior])
        # One row an environment: +step and −step of every column.
        steps = step * torch.eye(self.nuisance + size).to(unknowns.scale)
        self.offsets = torch.stack([steps, -steps], 1).flatten(0, 1)

    def jacobian(self, trajectory: View) -> Tensor:
        """(N, m + n)"""
        measured = self.measure(trajectory, self.offsets)
        return (measured[0::2] - measured[1::2]).T / (2.0 * self.step)

    def measure(self, trajectory: View, offsets: Tensor) -> Tensor:
        """Whitened measurements (B, N) under the trajectory's controls, with start and unknowns shifted by offsets (B, m + n), in units
        of their scale.

        Joint forces have no bounds here. The motion is to keep within them, and then it is the same; but a force at its bound opens the
        loop of the controller, which tells much, so that a search would be drawn to the bounds and end in their kinks.
        """
        shifts = offsets * self.scale
        qpos, qvel = self._start(trajectory, shifts[:, : self.nuisance])
        made = trajectory.trajectory.variants(self.unknowns.columns, shifts[:, self.nuisance :], qpos, qvel, bounded=False)
        return whitened(self.channels, Motion(made.qpos, made.qvel, made.force), self.every)

    def _start(self, trajectory: View, shifts: Tensor) -> tuple[Tensor, Tensor]:
        """States (B, nq), (B, nv): positions shifted as the robot moves, quaternions by a turn in their own axes."""
        rows, n = len(shifts), len(self.degrees)
        qpos, qvel = trajectory.qpos[0].expand(rows, -1), trajectory.qvel[0].expand(rows, -1)
        if not n:
            return qpos, qvel
        places = torch.tensor(self.degrees, device=shifts.device)
        qvel = qvel.index_add(1, places, shifts[:, n:])
        first = 0
        for joint in self.joints:
            own = shifts[:, first : first + len(joint.dofs)]
            first += len(joint.dofs)
            qpos = _moved(qpos, joint, own)
        return qpos, qvel


def _moved(qpos: Tensor, joint: Joint, shift: Tensor) -> Tensor:
    """qpos (B, nq) with one joint moved by (B, nv of the joint)."""
    places = torch.tensor(joint.qs, device=qpos.device)
    here = qpos[:, places]
    if joint.is_scalar:
        return qpos.index_copy(1, places, here + shift)
    plain = joint.kind.plain
    turn = shift[:, plain:]
    angle = turn.norm(dim=1, keepdim=True)
    # sin(a/2)/a stays finite at zero
    half = torch.cat([torch.cos(0.5 * angle), 0.5 * torch.sinc(angle / (2.0 * torch.pi)) * turn], 1)
    moved = multiply(here[:, plain:], half)
    return qpos.index_copy(1, places, torch.cat([here[:, :plain] + shift[:, :plain], moved], 1))
