"""Quaternions whose columns are named x, y, z, w where w, x, y, z is meant.

Speeds and lengths are the same in both orders, so that only something else that knows the orientation tells: names of columns, the joints
that were measured, an angular velocity, and of a free body the start of the scene.
"""

import numpy as np
import torch

from genesis.channels.frames import frames
from genesis.observations.dataset import Dataset
from genesis.observations.quaternions import continuous
from genesis.observations.recording import Recording
from genesis.observations.spec import ChannelSpec
from genesis.observations.start import StateLayout, measured_state
from genesis.setting import Setting

INSTANTS = 32
AWAY, NEAR = 0.6, 0.3  # rad: of an orientation that is not the one meant, and of one that is
SHARE = 0.5  # of the error in the other order
NAMES = "the columns are to be w, x, y, z, and their names say otherwise"
SPINNING = 0.2  # rad/s that an angular velocity tells something from


def told(setting: Setting, dataset: Dataset, layout: StateLayout) -> list[str]:
    """A line for each link whose orientation fits in the order x, y, z, w only."""
    found = []
    for spec in dataset.specs.values():
        if spec.kind != "link_orientation":
            continue
        for k, name in enumerate(spec.names):
            columns = list(spec.source.columns[name])
            why = _named(columns) or _by_joints(setting, dataset, layout, spec, k) or _by_velocity(dataset, spec, k)
            why = why or _by_start(setting, dataset, layout, spec, k)
            if why:
                other = ", ".join([columns[3], *columns[:3]]) if why != NAMES else ", ".join(_sorted(columns))
                found.append(f"{spec.where}: {name}: {why}; is the order x, y, z, w? (columns: {{{name}: [{other}]}})")
    return found


def _sorted(columns: list[str]) -> list[str]:
    return sorted(columns, key=lambda column: "wxyz".index(column[-1].lower()))


def _named(columns: list[str]) -> str:
    letters = [column[-1:].lower() for column in columns]
    return NAMES if sorted(letters) == list("wxyz") and letters != list("wxyz") else ""


def _instants(recording: Recording, spec: ChannelSpec, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Times (n,) and quaternions (n, 4) of some samples that are whole."""
    series = recording.channels[spec.name]
    values = series.values[:, 4 * k : 4 * k + 4]
    rows = np.flatnonzero(np.isfinite(values).all(1))
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, INSTANTS).astype(int))] if len(rows) else rows
    return series.time[rows], values[rows]


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of the turn between unit quaternions (n, 4)."""
    return 2.0 * np.arccos(np.clip(np.abs((a * b).sum(-1)), 0.0, 1.0))


def _swapped(quat: np.ndarray) -> np.ndarray:
    """The columns in the order w, x, y, z if they are x, y, z, w."""
    return np.roll(quat, 1, axis=-1)


def _judged(expected: np.ndarray, quat: np.ndarray, by: str) -> str:
    as_read, other = float(np.median(_angle(expected, quat))), float(np.median(_angle(expected, _swapped(quat))))
    if as_read > AWAY and other < NEAR and other < SHARE * as_read:
        return f"the orientation is {as_read:.2g} rad off {by}, in the other order {other:.2g} rad"
    return ""


def _by_joints(setting: Setting, dataset: Dataset, layout: StateLayout, spec: ChannelSpec, k: int) -> str:
    """Against the pose of the joints, where these were measured as they are."""
    place, body = frames(setting, spec.where, [spec.names[k]], spec.entity), setting.entity(spec.where, spec.entity)
    recording = dataset.train[0]
    time, quat = _instants(recording, spec, k)
    plain = StateLayout(layout.qpos, layout.qvel, layout.positions, layout.velocities, layout.pairs)
    qpos, _, known = measured_state(recording, dataset, plain, time)
    columns = slice(body.q_start, body.q_start + body.n_qs)
    if not len(time) or not known[columns].all():
        return ""
    return _judged(_orientations(setting, place, qpos), quat, "that of the measured joints")


def _by_start(setting: Setting, dataset: Dataset, layout: StateLayout, spec: ChannelSpec, k: int) -> str:
    """A free body against the start of the scene."""
    place = frames(setting, spec.where, [spec.names[k]], spec.entity)
    if not any(spec.kind in body.measured and body.measured[spec.kind][:2] == (spec.name, 4 * k) for body in layout.bodies):
        return ""
    first = [_instants(r, spec, k)[1][:1] for r in dataset.recordings]
    quat = np.concatenate([x for x in first if len(x)])
    expected = _orientations(setting, place, layout.qpos[None])
    return _judged(np.repeat(expected, len(quat), 0), quat, "the start of the scene")


def _orientations(setting: Setting, place, qpos: np.ndarray) -> np.ndarray:
    physics = setting.scene.rigid_solver.physics
    q = torch.as_tensor(qpos).to(setting.start_qpos)
    with torch.no_grad():
        still = torch.zeros(len(q), physics.nv, dtype=q.dtype, device=q.device)
        kinematics = physics.kinematics(physics.pack(), q[:, None], still[:, None])
        made = place.orientation(tuple(x[:, 0] for x in kinematics))[:, 0]
    return np.asarray(made.double().cpu().numpy())


def _by_velocity(dataset: Dataset, spec: ChannelSpec, k: int) -> str:
    """Against an angular velocity that was measured of the same link in known axes."""
    other = next(
        (s for s in dataset.specs.values() if s.kind == "link_angular_velocity" and spec.names[k] in s.names and s.entity == spec.entity),
        None,
    )  # fmt: skip
    if other is None:
        return ""
    at, in_world = other.names.index(spec.names[k]), other.options.get("axes", "world") == "world"
    errors, sizes = np.zeros(2), 0.0
    for recording in dataset.train:
        series, speeds = recording.channels[spec.name], recording.channels[other.name]
        rows = np.isfinite(series.values[:, 4 * k : 4 * k + 4]).all(1)
        good = np.isfinite(speeds.values[:, 3 * at : 3 * at + 3]).all(1)
        if rows.sum() < 5 or good.sum() < 5:
            continue
        time, quat = series.time[rows], continuous(series.values[rows, 4 * k : 4 * k + 4])
        measured = np.stack([np.interp(time, speeds.time[good], c) for c in speeds.values[good, 3 * at : 3 * at + 3].T], 1)
        sizes += float(np.square(measured).mean())
        for j, one in enumerate((quat, _swapped(quat))):
            errors[j] += float(np.square(_angular(time, one, in_world) - measured).mean())
    if sizes < SPINNING**2 or errors[0] < 0.5 * sizes or errors[1] > SHARE**2 * errors[0]:
        return ""
    return "its turns are not those of the measured angular velocity, in the other order they are"


def _angular(time: np.ndarray, quat: np.ndarray, in_world: bool) -> np.ndarray:
    """(N, 3) of quaternions (N, 4): 2 q' q* in the world's axes, 2 q* q' in those of the frame."""
    w, v = quat[:, :1], quat[:, 1:]
    rate = np.gradient(quat, time, axis=0)
    dw, dv = rate[:, :1], rate[:, 1:]
    return 2.0 * (w * dv - dw * v + (1.0 if in_world else -1.0) * np.cross(v, dv))
