"""How measurements change with the unknowns, by central differences over environments.

Second derivatives of the simulation are not written, and these need none: all 2 (n + m) shifted worlds are one batched rollout, whose
ordinary adjoint carries the gradient of what is made of the differences back to the controls.
"""

import torch
from torch import Tensor

from genesis.channels import Channel, Sample
from genesis.errors import InputError
from genesis.grad.rotation import multiply
from genesis.parameters import Inputs
from genesis.scene.variants import Variants
from genesis.selection import SceneJoint, indices, joints_of
from genesis.setting import Setting
from genesis.tasks.experiment import Planned, Unknowns, changes_of
from genesis.view import View


class CentralDifferences:
    """The whitened Jacobian (N, m + n) of the measurements of a trajectory.

    Args:
        inputs: of the start, whose physical parameters are the expected ones.
        every: steps between samples.
        step: of the differences, in units of each unknown's scale (of the start: rad, m, rad/s, m/s).
        start_unknown: the state at the start is estimated too: m = 2 nv of the robot columns, by positions and velocities, else m = 0.
    """

    def __init__(
        self,
        setting: Setting,
        inputs: Inputs,
        unknowns: Unknowns,
        channels: list[Planned],
        *,
        every: int,
        step: float,
        start_unknown: bool,
    ) -> None:
        self.setting, self.unknowns, self.channels, self.every, self.step = setting, unknowns, channels, every, step
        self.described = {**setting.described, **{name: value.detach() for name, value in inputs.physical.items()}}
        self.joints: list[SceneJoint] = joints_of(setting.robot) if start_unknown else []
        degrees = [dof for joint in self.joints for dof in joint.dofs]
        names = [joint.name for joint in self.joints for _ in joint.dofs]
        self.nuisance = 2 * len(degrees)
        self.names = [f"start position {n}" for n in names] + [f"start velocity {n}" for n in names] + unknowns.names
        self.degrees = degrees
        self.prior = torch.cat([torch.zeros(self.nuisance).to(unknowns.prior), unknowns.prior])
        # One row an environment: +step and −step of every column.
        steps = step * torch.eye(self.nuisance + len(unknowns)).to(unknowns.scale)
        self.offsets = torch.stack([steps, -steps], 1).flatten(0, 1)
        self._moved = self._model(self.offsets[:, self.nuisance :])

    def jacobian(self, trajectory: View) -> Tensor:
        """(N, m + n)"""
        measured = self.measure(trajectory, self.offsets)
        plus, minus = ([values[:, first::2] for values in measured] for first in (0, 1))
        made = self.whitened(plus, minus).T / (2.0 * self.step)
        to_unit = self.unknowns.to_unit
        return made if to_unit is None else torch.cat([made[:, : self.nuisance], made[:, self.nuisance :] @ to_unit], 1)

    def measure(self, trajectory: View, offsets: Tensor) -> list[Tensor]:
        """What each channel shows, (samples, B, width), under the trajectory's controls, with start and unknowns moved by offsets
        (B, m + n): of the start in SI units, of the free numbers of unknowns in units of their `sizes`.

        Joint forces have no bounds here. The motion is to keep within them, and then it is the same; but a force at its bound opens the
        loop of the controller, which tells much, so that a search would be drawn to the bounds and end in their kinks.
        """
        columns, shifts, sensors = self._moved if offsets is self.offsets else self._model(offsets[:, self.nuisance :])
        qpos, qvel = self._start(trajectory, offsets[:, : self.nuisance])
        made = trajectory.trajectory.variants(columns, shifts, qpos, qvel, bounded=False)
        return [self._shown(planned, made, sensors) for planned in self.channels]

    def whitened(self, shown: list[Tensor], expected: list[Tensor]) -> Tensor:
        """Residuals (B, N) in units of their noise of what was shown over what was expected, each (samples, B, width)."""
        parts = []
        for planned, values, others in zip(self.channels, shown, expected, strict=True):
            seen, meant = values.flatten(0, 1), others.flatten(0, 1)
            if planned.channel.plain:
                residual = seen / planned.sigma - meant / planned.sigma
            else:
                residual = planned.channel.residual(seen, meant) / planned.sigma
            parts.append(residual.unflatten(0, values.shape[:2]).transpose(0, 1).flatten(1))
        return torch.cat(parts, 1)

    def _model(self, offsets: Tensor) -> tuple[list[int], Tensor, dict[tuple[str, str], Tensor]]:
        """What the unknowns change: columns of theta, what is added to them (B, columns), and properties of sensors (B, width)."""
        moves = offsets * self.unknowns.sizes
        columns, change = changes_of(self.setting, self.described, self.unknowns.parameters, moves)
        tables = [self.unknowns.inputs(self.described, offset).sensors for offset in offsets]
        return columns, change, {key: torch.stack([table[key] for table in tables]) for key in tables[0]}

    def _shown(self, planned: Planned, made: Variants, sensors: dict[tuple[str, str], Tensor]) -> Tensor:
        """(samples, B, width)"""
        sample = sample_of(made, self.setting.dt, planned.channel, self.every)
        shown = planned.channel.predict(sample).unflatten(0, (-1, made.qpos.shape[1]))
        gain, bias = (sensors.get((planned.name, what)) for what in ("gain", "bias"))
        shown = shown if gain is None else shown * gain
        return shown if bias is None else shown + bias

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


def sample_of(made: Variants, dt: float, channel: Channel, every: int) -> Sample:
    """The instants of B motions that a channel samples, all motions at one time, then at the next: from the start to the end, but those at
    which a time step starts where the channel reads the step.
    """
    horizon = len(made.qacc)
    at = indices(range(0, horizon + (0 if channel.uses_acceleration else 1), every))
    step = at.clamp(max=horizon - 1)

    def rows(series: Tensor, which: Tensor) -> Tensor:
        return series.index_select(0, which).flatten(0, 1)

    here = rows(made.qpos, at), rows(made.qvel, at)
    left, right = here, here
    if channel.uses_acceleration:
        right = rows(made.qpos, step + 1), rows(made.qvel, step + 1)
    return Sample(made.physics, made.theta, dt, *here, left, right, rows(made.qacc, step), rows(made.dof_ctrl, step))


def _moved(qpos: Tensor, joint: SceneJoint, shift: Tensor) -> Tensor:
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


def stride(setting: Setting, rate: float | None) -> int:
    """Steps from one sample to the next; rate in Hz, None: every step.

    Raises: InputError for a rate that has no whole number of steps.
    """
    if rate is None:
        return 1
    steps = 1.0 / (rate * setting.dt)
    every = max(1, round(steps))
    if abs(steps - every) > 1e-6 * every or every > setting.horizon:
        nearest = 1.0 / (every * setting.dt)
        raise InputError(
            f"task.rate: {rate:g} Hz is no whole number of steps of {setting.dt:g} s between samples; nearest: {nearest:g} Hz."
        )
    return every
