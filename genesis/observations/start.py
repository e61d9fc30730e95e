"""States of the scene from what was measured: where simulated segments start."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy.signal import savgol_filter
from torch import Tensor

from genesis.channels.frames import frames
from genesis.grad.rotation import multiply, rotate, rotate_inverse
from genesis.observations.clocks import sides
from genesis.observations.dataset import Dataset, Smoothing
from genesis.observations.inverse_kinematics import SEEING, InverseKinematics, Poses
from genesis.observations.quaternions import continuous
from genesis.observations.recording import Recording
from genesis.observations.series import Series
from genesis.observations.spec import ChannelSpec
from genesis.selection import joints_of
from genesis.setting import Setting


@dataclass
class Column:
    """One number of a channel, and the index in qpos or qvel that it measures."""

    channel: str
    column: int
    index: int


@dataclass
class Body:
    """A link on a free joint: its first index in qpos and in qvel, and the channels that measure its motion.

    Each channel with the first of its columns, and the place of the measured frame in the link.
    """

    q: int
    v: int
    measured: dict[str, tuple[str, int, Tensor, Tensor]] = field(default_factory=dict)


@dataclass
class StateLayout:
    """Which numbers of the state are measured. qpos (nq), qvel (nv): the scene's start, for those that are not.

    pairs: index in qvel of the velocity of each index in qpos. inverse: how the coordinates of joints that no channel of joints
    measures follow from frames, None without any.
    """

    qpos: np.ndarray
    qvel: np.ndarray
    positions: list[Column] = field(default_factory=list)
    velocities: list[Column] = field(default_factory=list)
    pairs: dict[int, int] = field(default_factory=dict)
    bodies: list[Body] = field(default_factory=list)
    inverse: InverseKinematics | None = None


def state_layout(setting: Setting, dataset: Dataset) -> StateLayout:
    """Which channels say what of the state; of two that measure the same number the first one counts."""
    qpos, qvel = (x.detach().double().cpu().numpy().copy() for x in setting.one_start())
    layout = StateLayout(qpos, qvel)
    bodies: dict[int, Body] = {}
    for spec in dataset.specs.values():
        entity = setting.entity(f"{spec.where}.entity", spec.entity)
        if spec.kind in ("joint_position", "joint_velocity"):
            _joints(layout, spec, {joint.name: joint for joint in joints_of(entity)})
        elif spec.kind in ("link_position", "link_orientation", "link_velocity", "link_angular_velocity"):
            free = {joint.link.idx: joint for joint in entity.joints if joint.kind.floats}
            for k, name in enumerate(spec.names):
                place = frames(setting, spec.where, [name], spec.entity)
                joint = free.get(place.links[0])
                if joint is not None:
                    body = bodies.setdefault(joint.q_start, Body(joint.q_start, joint.dof_start))
                    body.measured.setdefault(spec.kind, (spec.name, k * spec.about.width, place.pos[0], place.quat[0]))
    layout.bodies = list(bodies.values())
    layout.inverse = _inverse(setting, dataset, layout)
    return layout


def _inverse(setting: Setting, dataset: Dataset, layout: StateLayout) -> InverseKinematics | None:
    """For the joints of entities whose frames are measured; those that a channel measures as they are left out."""
    entities = {
        id(e): e for spec in dataset.specs.values() if spec.kind in SEEING for e in [setting.entity(spec.where, spec.entity)]
    }
    taken = {column.index for column in layout.positions} | {
        body.q for body in layout.bodies if {"link_position", "link_orientation"} & set(body.measured)
    }
    joints = [joint for entity in entities.values() for joint in joints_of(entity) if joint.qs[0] not in taken]
    return InverseKinematics(setting, dataset, joints, layout.qpos) if joints else None


def not_measured(setting: Setting, dataset: Dataset, layout: StateLayout) -> tuple[list[str], bool]:
    """Joints of the robot whose position no channel tells (all of), and whether nothing at all is told; what is odd in poses is warned of."""
    recording = dataset.train[0]
    *_, known = measured_state(recording, dataset, layout, np.array([recording.start]))
    joints = joints_of(setting.robot)
    missing = [joint.name for joint in joints if not known[joint.qs[0] if joint.is_scalar else list(joint.qs)].all()]
    for one in dataset.recordings if layout.inverse is not None else ():
        for text in _poses(one, dataset, layout).told:
            dataset.warnings.append(text if text.startswith(one.name) else f"{one.name}: {text}")
    return missing, bool(missing) and not known[[q for joint in joints for q in joint.qs]].any()


def _joints(layout: StateLayout, spec: ChannelSpec, joints: dict) -> None:
    columns = layout.positions if spec.kind == "joint_position" else layout.velocities
    taken = {column.index for column in columns}
    for k, name in enumerate(spec.names):
        q, dof = joints[name].qs[0], joints[name].dofs[0]
        index = q if spec.kind == "joint_position" else dof
        if index not in taken:
            columns.append(Column(spec.name, k, index))
            layout.pairs[q] = dof


def measured_state(
    recording: Recording, dataset: Dataset, layout: StateLayout, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The state at times (S,) [s] of a recording.

    Positions are smoothed as dataset.smoothing says, velocities are their derivatives, or measured ones where it says so or where
    only the velocity was measured. What is not measured is that of the scene's start.

    Returns: qpos (S, nq), qvel (S, nv), known (nq + nv,): which numbers were measured.
    """
    times = np.asarray(times, dtype=np.float64)
    qpos, qvel = (np.tile(x, (len(times), 1)) for x in (layout.qpos, layout.qvel))
    nq = len(layout.qpos)
    known = np.zeros(nq + len(layout.qvel), bool)
    for column in layout.positions:
        value, rate = smoothed(_one(recording, column.channel, column.column), dataset.smoothing, times)
        dof = layout.pairs[column.index]
        qpos[:, column.index], qvel[:, dof] = value[:, 0], rate[:, 0]
        known[[column.index, nq + dof]] = True
    for column in layout.velocities:
        if dataset.smoothing.velocity == "measured" or not known[nq + column.index]:
            value, _ = smoothed(_one(recording, column.channel, column.column), dataset.smoothing, times)
            qvel[:, column.index] = value[:, 0]
            known[nq + column.index] = True
    for body in layout.bodies:
        pose, twist = _body_state(recording, dataset, body, times)
        for parts, target, first, offset in ((pose, qpos, body.q, 0), (twist, qvel, body.v, nq)):
            for place, values in parts.items():
                target[:, first + place : first + place + values.shape[1]] = values
                known[offset + first + place : offset + first + place + values.shape[1]] = True
    if layout.inverse is not None:
        _put_poses(recording, dataset, layout, times, qpos, qvel, known)
    return qpos, qvel, known


def _poses(recording: Recording, dataset: Dataset, layout: StateLayout) -> Poses:
    assert layout.inverse is not None
    time = layout.inverse.times(recording)
    given, _, _ = measured_state(recording, dataset, replace(layout, inverse=None), time)
    return layout.inverse.of(recording, given, time)


def _put_poses(
    recording: Recording,
    dataset: Dataset,
    layout: StateLayout,
    times: np.ndarray,
    qpos: np.ndarray,
    qvel: np.ndarray,
    known: np.ndarray,
) -> None:
    """Put in what the frames tell of other joints, smoothed, with its derivative where no velocity is measured."""
    assert layout.inverse is not None
    poses, nq = _poses(recording, dataset, layout), len(layout.qpos)
    for joint in layout.inverse.joints:
        qs, dofs = list(joint.qs), list(joint.dofs)
        if not poses.seen[dofs].all():
            continue
        plain = 1 if joint.is_scalar else joint.kind.plain
        found = []
        if plain:
            qpos[:, qs[:plain]], rates = smoothed(Series(poses.time, poses.qpos[:, qs[:plain]], []), dataset.smoothing, times)
            found.append(rates)
        if not joint.is_scalar:
            quats, turning = smoothed(Series(poses.time, continuous(poses.qpos[:, qs[plain:]]), []), dataset.smoothing, times)
            quat, rate = (torch.from_numpy(x / np.linalg.norm(quats, axis=1, keepdims=True)) for x in (quats, turning))
            qpos[:, qs[plain:]] = quat.numpy()
            found.append(2.0 * multiply(conjugate(quat), rate)[:, 1:].numpy())
        own = [k for k, dof in enumerate(dofs) if dataset.smoothing.velocity == "position" or not known[nq + dof]]
        qvel[:, [dofs[k] for k in own]] = np.concatenate(found, 1)[:, own]
        known[qs] = True
        known[[nq + dof for dof in dofs]] = True


def _one(recording: Recording, channel: str, first: int, count: int = 1) -> Series:
    series = recording.channels[channel]
    return Series(series.time, series.values[:, first : first + count], series.columns[first : first + count])


def smoothed(series: Series, smoothing: Smoothing, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and their rates (S, width) at times (S,), from a Savitzky-Golay filter on the uniformly resampled series.

    Missing samples are bridged linearly, gaps are not: an instant in one belongs to the nearer side. Window 1: linear between the
    samples, rates by central differences.
    """
    made = np.zeros((2, len(times), series.values.shape[1]))
    for rows, own in sides(series.time, times):
        made[:, own] = _smoothed(Series(series.time[rows], series.values[rows], series.columns), smoothing, times[own])
    return made[0], made[1]


def _smoothed(series: Series, smoothing: Smoothing, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = np.stack([_bridged(series.time, column) for column in series.values.T], 1)
    if len(series.time) == 1:
        return np.tile(values, (len(times), 1)), np.zeros((len(times), values.shape[1]))
    if smoothing.window == 1:
        rates = np.gradient(values, series.time, axis=0)
        return _at(times, series.time, values), _at(times, series.time, rates)
    length = series.time[-1] - series.time[0]
    count = max(round(length / float(np.median(np.diff(series.time)))) + 1, 2)
    grid = np.linspace(series.time[0], series.time[-1], count)
    window = min(smoothing.window, count - (count + 1) % 2)
    order = min(smoothing.order, window - 1)
    even = _at(grid, series.time, values)
    filtered = [
        savgol_filter(even, window, order, deriv=d, delta=grid[1] - grid[0], axis=0) if window > 1 else even for d in (0, 1)
    ]
    return _at(times, grid, filtered[0]), _at(times, grid, filtered[1])


def _bridged(time: np.ndarray, values: np.ndarray) -> np.ndarray:
    good = np.isfinite(values)
    return np.interp(time, time[good], values[good]) if good.any() else np.zeros_like(values)


def _at(times: np.ndarray, grid: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.stack([np.interp(times, grid, column) for column in values.T], 1)


@dataclass
class SeenCoordinates:
    """One measured quantity of a body at times (S,): values and rates (S, n), and the place of the measured frame in the link."""

    values: Tensor
    rates: Tensor
    pos: Tensor
    quat: Tensor


def _body_state(
    recording: Recording, dataset: Dataset, body: Body, times: np.ndarray
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """Measured parts of the pose (position at 0, quaternion at 3) and of the twist (linear at 0, angular in link axes at 3)."""
    seen = {kind: _seen(recording, dataset, body, kind, times) for kind in body.measured}
    choose = dataset.smoothing.velocity == "measured"
    pose: dict[int, Tensor] = {}
    twist: dict[int, Tensor] = {}
    quat = None
    if "link_orientation" in seen:
        frame = seen["link_orientation"]
        quat = multiply(frame.values, conjugate(frame.quat))
        pose[3], twist[3] = quat, rotate(frame.quat, 2.0 * multiply(conjugate(frame.values), frame.rates)[:, 1:])
    if "link_angular_velocity" in seen and (choose or 3 not in twist):
        frame = seen["link_angular_velocity"]
        in_world = dataset.specs[body.measured["link_angular_velocity"][0]].options.get("axes", "world") == "world"
        if not in_world:
            twist[3] = rotate(frame.quat, frame.values)
        elif quat is not None:
            twist[3] = rotate_inverse(quat, frame.values)
    if "link_position" in seen:
        frame = seen["link_position"]
        arm = _arm(frame, quat)
        if arm is not None:
            pose[0] = frame.values - arm
            twist[0] = frame.rates - _swing(arm, quat, twist)
    if "link_velocity" in seen and (choose or 0 not in twist):
        frame, arm = seen["link_velocity"], _arm(seen["link_velocity"], quat)
        in_world = dataset.specs[body.measured["link_velocity"][0]].options.get("axes", "world") == "world"
        if arm is not None and (in_world or quat is not None):
            velocity = frame.values if quat is None or in_world else rotate(multiply(quat, frame.quat), frame.values)
            twist[0] = velocity - _swing(arm, quat, twist)
    return {k: x.numpy() for k, x in pose.items()}, {k: x.numpy() for k, x in twist.items()}


def _seen(recording: Recording, dataset: Dataset, body: Body, kind: str, times: np.ndarray) -> SeenCoordinates:
    channel, first, pos, quat = body.measured[kind]
    series = _one(recording, channel, first, dataset.specs[channel].about.width)
    if kind != "link_orientation":
        values, rates = smoothed(series, dataset.smoothing, times)
        return SeenCoordinates(torch.from_numpy(values), torch.from_numpy(rates), pos.double().cpu(), quat.double().cpu())
    values, rates = smoothed(series, dataset.smoothing, times)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    values, rates = values / length, rates / length  # the part of the rate along the quaternion drops out of the angular velocity
    return SeenCoordinates(torch.from_numpy(values), torch.from_numpy(rates), pos.double().cpu(), quat.double().cpu())


def _arm(frame: SeenCoordinates, quat: Tensor | None) -> Tensor | None:
    """From the origin of the link to the frame in world axes (S, 3), or None where the orientation is unknown."""
    if not frame.pos.any():
        return torch.zeros(len(frame.values), 3, dtype=torch.float64)
    return None if quat is None else rotate(quat, frame.pos)


def _swing(arm: Tensor, quat: Tensor | None, twist: dict[int, Tensor]) -> Tensor:
    """Velocity of a point at an arm relative to the origin of its link (S, 3)."""
    if quat is None or 3 not in twist:
        return torch.zeros_like(arm)
    return torch.linalg.cross(rotate(quat, twist[3]), arm)


def conjugate(quat: Tensor) -> Tensor:
    """The inverse of unit quaternions (..., 4)."""
    return quat * quat.new_tensor([1.0, -1.0, -1.0, -1.0])
