"""Coordinates that no channel of joints measures, from markers and poses of links.

    q* = argmin |(frames(q) - measured) / sigma|^2 by Gauss-Newton steps with the Jacobian of the engine, damped as of Levenberg and Marquardt

Instants are taken in small groups, one after the other, each from the pose of the one before. Motions that nothing sees stay where they are.
Source: Buss, Introduction to inverse kinematics with Jacobian transpose, pseudoinverse and damped least squares methods (2009), §6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import tau

import numpy as np
import torch
from torch import Tensor

from genesis.channels import Channel, make_channel
from genesis.channels.frames import Frames, frames
from genesis.grad.rotation import normalized, rotate_inverse
from genesis.grad.tangent import plus
from genesis.observations.dataset import Dataset
from genesis.observations.recording import Recording
from genesis.observations.series import Series
from genesis.selection import SceneJoint, joints_of, limits, quaternion_error
from genesis.setting import Setting

SEEING = ("marker", "camera", "link_position", "link_orientation")
GROUP = 16  # instants solved side by side
STARTS = 32  # poses that the first instant is looked for from
STEPS = 30
CLOSE = 1e-10  # a step this small [rad | m] is the last one
UNSEEN = 1e-6  # singular value relative to the largest: nothing sees this motion
OFTEN = 0.5  # of the instants
ALIKE = 0.05  # [rad | m] between poses that count as one
AS_WELL = 1.2  # factor between residuals that tell two poses apart
FAR_OFF = 0.25  # of the spread of what was measured


@dataclass
class Poses:
    """Found poses of a recording: time (N,), qpos (N, nq); seen (nv,): motions that the channels tell; told: what is odd."""

    time: np.ndarray
    qpos: np.ndarray
    seen: np.ndarray
    told: list[str]


@dataclass
class _Seen:
    """A channel of frames: how it predicts, and its noise (residuals,)."""

    name: str
    channel: Channel
    frames: Frames
    matrix: Tensor | None
    sigma: Tensor


class InverseKinematics:
    """Poses of a scene from its channels of frames.

    joints: those whose coordinates are looked for; qpos (nq): of the scene's start.
    """

    def __init__(self, setting: Setting, dataset: Dataset, joints: Sequence[SceneJoint], qpos: np.ndarray) -> None:
        self.physics, self.model = setting.scene.rigid_solver.physics, setting.scene.rigid_solver.model
        with torch.no_grad():
            self.theta = self.physics.pack()
        self.setting, self.joints, self.home = setting, list(joints), qpos
        self.dofs = [dof for joint in joints for dof in joint.dofs]
        self.channels = [self._channel(setting, spec) for spec in dataset.specs.values() if spec.kind in SEEING]
        self._known: list[tuple[Recording, Poses]] = []

    @staticmethod
    def _channel(setting: Setting, spec) -> _Seen:
        options = spec.options
        channel = make_channel(setting, spec.where, spec.kind, spec.names, options)
        held = {key: options.get(key) for key in ("local_pos",)} | {"held_by": options.get("frames")}
        matrix = None if spec.kind != "camera" else torch.as_tensor(options["matrix"], dtype=torch.float64)
        place = frames(setting, spec.where, spec.names, spec.entity, **held)
        sigma = torch.as_tensor(np.where(spec.sigma > 0.0, spec.sigma, 1.0))
        if len(sigma) != channel.residual_width:
            sigma = torch.ones(channel.residual_width, dtype=torch.float64)
        return _Seen(spec.name, channel, place, matrix, sigma)

    def of(self, recording: Recording, known: np.ndarray, time: np.ndarray) -> Poses:
        """Of a recording; known (N, nq): what other channels measure at times (N,) of `times`, the start's else. Kept."""
        for other, poses in self._known:
            if other is recording:
                return poses
        poses = self._solved(recording, known, time)
        self._known.append((recording, poses))
        return poses

    def times(self, recording: Recording) -> np.ndarray:
        """(N,) [s] of the channel with the most samples."""
        return max((recording.channels[c.name].time for c in self.channels), key=len)

    def _solved(self, recording: Recording, known: np.ndarray, time: np.ndarray) -> Poses:
        measured = [self._measured(recording, channel, time) for channel in self.channels]
        counts = sum(np.isfinite(m.numpy()).sum(1) for m in measured)
        first = int(np.argmax(counts))
        qpos, told = torch.as_tensor(known).clone(), []
        columns = [q for joint in self.joints for q in joint.qs]
        qpos[first], alike = self._first(qpos[first], [m[first : first + 1] for m in measured])
        if alike:
            told.append(alike)
        seen = np.zeros(self.model.nv)
        order = [np.arange(first + 1, len(time)), np.arange(first - 1, -1, -1)]
        for direction in order:
            last = qpos[first]
            for k in range(0, len(direction), GROUP):
                rows = direction[k : k + GROUP]
                start = qpos[rows].clone()
                start[:, columns] = last[columns]
                qpos[rows], _ = self._descend(start, [m[rows] for m in measured])
                last = qpos[rows[-1]]
        for k in range(0, len(time), GROUP):
            seen[self.dofs] += self._told(qpos[k : k + GROUP], [m[k : k + GROUP] for m in measured])
        told += self._off(recording, qpos, measured)
        return Poses(time, qpos.numpy(), seen / len(time) > OFTEN, told)

    def _measured(self, recording: Recording, one: _Seen, time: np.ndarray) -> Tensor:
        """(N, width) at the times; missing where a neighbour is."""
        series = recording.channels[one.name]
        made = torch.as_tensor(_lines(series, time))
        return made if one.channel.plain else normalized(made.unflatten(1, (-1, 4))).flatten(1)

    def _first(self, qpos: Tensor, measured: list[Tensor]) -> tuple[Tensor, str]:
        """The pose (nq) that fits best, of those that fit as well the nearest to the start; and a word where there are others."""
        random = np.random.default_rng(0)
        starts = qpos.expand(STARTS, -1).clone()
        for joint in self.joints:
            starts[1:, list(joint.qs)] = torch.as_tensor(self._drawn(joint, random, starts[1:, list(joint.qs)].numpy()))
        made, costs = self._descend(starts, [m.expand(STARTS, -1) for m in measured])
        for q in [joint.qs[0] for joint in self.joints if joint.is_periodic]:
            made[:, q] -= tau * torch.round((made[:, q] - qpos[q]) / tau)
        least = float(costs.min())
        fitting = torch.nonzero(costs <= AS_WELL * least + 1e-6)[:, 0]
        away = torch.stack([self._between(made[k], qpos) for k in fitting])
        chosen = made[fitting[int(away.argmin())]]
        others = [k for k in fitting if float(self._between(made[k], chosen)) > ALIKE]
        seen = bool(self._told(chosen[None], measured).all())
        text = "several poses fit what was measured; the one nearest to the start of the scene is taken (robot.home)"
        return chosen, text if others and seen else ""

    def _between(self, a: Tensor, b: Tensor) -> Tensor:
        """Largest distance of two poses in the joints that are looked for, angles modulo a turn."""
        parts = []
        for joint in self.joints:
            here, there, plain = a[list(joint.qs)], b[list(joint.qs)], joint.kind.plain
            if joint.is_scalar:
                delta = here - there
                parts.append(2.0 * torch.sin(0.5 * delta) if joint.is_periodic else delta)
            else:
                parts.append(here[:plain] - there[:plain])
                parts.append(2.0 * quaternion_error(here[plain:], there[plain:]))
        return torch.cat(parts).abs().max()

    def _drawn(self, joint: SceneJoint, random: np.random.Generator, start: np.ndarray) -> np.ndarray:
        """Poses of a joint (n, coordinates) by chance: within its limits, else a turn around, or a metre around the start."""
        made, plain = start.copy(), joint.kind.plain
        if joint.is_scalar:
            entity = next(e for e in self.setting.entities.values() if any(j.name == joint.name for j in joints_of(e)))
            low, high = (x.double().cpu().numpy() for x in limits(entity, [joint], "position"))
            half = np.pi if joint.turns else 1.0
            low, high = np.maximum(low, made - half), np.minimum(high, made + half)
            return random.uniform(np.minimum(low, high), np.maximum(low, high))
        made[:, :plain] += random.uniform(-1.0, 1.0, (len(made), plain))
        quats = random.standard_normal((len(made), 4))
        made[:, plain:] = quats / np.linalg.norm(quats, axis=1, keepdims=True)
        return made

    # ---- one group of instants

    def _residuals(self, qpos: Tensor, measured: list[Tensor], jacobian: bool) -> tuple[Tensor, Tensor | None]:
        """(n, m) in sigma, zero where nothing was measured, and (n, m, dofs)."""
        count, width = len(qpos), len(self.dofs) if jacobian else 0
        moved = torch.zeros(width + 1, count, self.model.nv, dtype=qpos.dtype)
        for k in range(width):
            moved[k + 1, :, self.dofs[k]] = 1.0
        states = [x.reshape(-1, x.shape[-1]) for x in (qpos.expand(width + 1, -1, -1), moved)]
        with torch.no_grad():
            kinematics = self.physics.kinematics(self.theta, *(x[:, None] for x in states))
        kinematics = tuple(x[:, 0] for x in kinematics)
        values, slopes = [], []
        for one, seen in zip(self.channels, measured, strict=True):
            value, slope = _predicted(one, kinematics, seen, count)
            known = torch.isfinite(value)
            values.append(torch.where(known, value, 0.0) / one.sigma)
            slopes.append(torch.where(known, slope, 0.0) / one.sigma)
        r = torch.cat(values, 1)
        return r, torch.cat(slopes, 2).permute(1, 2, 0) if jacobian else None

    def _descend(self, qpos: Tensor, measured: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Poses (n, nq) and their squared residuals (n,) from poses (n, nq)."""
        count = len(qpos)
        damping = torch.full((count, 1, 1), 1e-6, dtype=qpos.dtype)
        r, jacobian = self._residuals(qpos, measured, True)
        cost = r.square().sum(1)
        for _ in range(STEPS):
            assert jacobian is not None
            square = jacobian.mT @ jacobian
            scale = square.diagonal(dim1=1, dim2=2).amax(1).clamp(min=1e-12)[:, None, None]
            eye = torch.eye(len(self.dofs), dtype=qpos.dtype)
            step = -torch.linalg.solve(square + damping * scale * eye, (jacobian.mT @ r.unsqueeze(-1)))[..., 0]
            tangent = torch.zeros(count, self.model.nv, dtype=qpos.dtype)
            tangent[:, self.dofs] = step
            tried = plus(self.model, qpos, tangent)
            r_tried, jacobian_tried = self._residuals(tried, measured, True)
            assert jacobian_tried is not None
            cost_tried = r_tried.square().sum(1)
            better = cost_tried <= cost
            qpos = torch.where(better[:, None], tried, qpos)
            r = torch.where(better[:, None], r_tried, r)
            jacobian = torch.where(better[:, None, None], jacobian_tried, jacobian)
            done = (better & (step.abs().amax(1) < CLOSE)) | (damping[:, 0, 0] > 1e6)
            still = better & (cost - cost_tried <= 1e-12 * cost)
            cost = torch.where(better, cost_tried, cost)
            damping = torch.where(better[:, None, None], (0.1 * damping).clamp(min=1e-9), 10.0 * damping)
            if bool((done | still).all()):
                break
        return qpos, cost

    def _told(self, qpos: Tensor, measured: list[Tensor]) -> np.ndarray:
        """(dofs,) at how many of the instants the channels see each of the motions."""
        _, jacobian = self._residuals(qpos, measured, True)
        assert jacobian is not None
        _, s, v = torch.linalg.svd(jacobian, full_matrices=True)
        full = torch.zeros(len(qpos), len(self.dofs), dtype=s.dtype)
        full[:, : s.shape[1]] = s
        unseen = full <= UNSEEN * full[:, :1].clamp(min=1e-300)
        share = (v.square() * unseen.unsqueeze(-1)).sum(1)  # of each motion that lies where nothing is seen
        return (share < 0.5).double().sum(0).numpy()

    def _off(self, recording: Recording, qpos: Tensor, measured: list[Tensor]) -> list[str]:
        """Channels that no pose comes near to."""
        told = []
        parts = [
            self._residuals(qpos[k : k + GROUP], [m[k : k + GROUP] for m in measured], False)[0]
            for k in range(0, len(qpos), GROUP)
        ]
        r, first = torch.cat(parts), 0
        for one, seen in zip(self.channels, measured, strict=True):
            own = r[:, first : first + len(one.sigma)] * one.sigma
            first += len(one.sigma)
            values = seen.numpy()
            spread = float(np.sqrt(np.nanmean(np.square(values - np.nanmean(values, 0))))) if one.channel.plain else 1.0
            rms = float(own.square().mean().sqrt())
            if rms > FAR_OFF * spread and rms > 10.0 * float(one.sigma.mean()):
                told.append(
                    f'{recording.name}: the nearest pose of the robot is {rms:.3g} {one.channel.unit} rms away from channel "{one.name}"; are '
                    "its unit, its axes and its place (frames, local_pos) right?"
                )
        return told


def _predicted(one: _Seen, kinematics, measured: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Residuals (n, m), and their slopes (dofs, n, m) to unit velocities, which fill the kinematics after the first n rows."""
    still = tuple(x[:count] for x in kinematics)
    moving = tuple(x[count:] for x in kinematics)
    if not one.channel.plain:
        here, there = one.frames.orientation(still), measured.unflatten(1, (-1, 4))
        nearer = torch.where((here * there).sum(-1, keepdim=True) < 0.0, -1.0, 1.0)
        value = (2.0 * nearer * quaternion_error(here, there)).flatten(1)
        turned = one.frames.angular(moving).unflatten(0, (-1, count))
        return value, rotate_inverse(there.expand(*turned.shape[:-1], 4), turned).flatten(2)
    value, slope = one.frames.position(still), one.frames.velocity(moving)
    if one.matrix is not None:
        value, slope = value @ one.matrix.T + one.channel.origin, slope @ one.matrix.T  # type: ignore[attr-defined]
    return value.flatten(1) - measured, slope.flatten(1).unflatten(0, (-1, count))


def _lines(series: Series, time: np.ndarray) -> np.ndarray:
    """Values (N, width) on the lines between the samples; missing outside, and where a neighbour is."""
    right = np.clip(np.searchsorted(series.time, time), 1, max(len(series.time) - 1, 1))
    if len(series.time) == 1:
        return np.where(np.isclose(time, series.time[0])[:, None], series.values, np.nan)
    left = right - 1
    share = ((time - series.time[left]) / (series.time[right] - series.time[left]))[:, None]
    a, b = series.values[left], series.values[right]
    made = np.where(share == 0.0, a, np.where(share == 1.0, b, (1.0 - share) * a + share * b))
    made[(share[:, 0] < 0.0) | (share[:, 0] > 1.0)] = np.nan
    return made
