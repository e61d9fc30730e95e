"""What looks like a wrong unit or sign: told, never changed."""

from math import pi

import numpy as np
import torch

from genesis.observations import axis_order, degrees
from genesis.observations.dataset import Dataset
from genesis.observations.recording import Recording
from genesis.observations.spec import ChannelSpec, InputSpec
from genesis.observations.start import measured_state, state_layout
from genesis.selection import SceneJoint, joints_of, limits
from genesis.setting import Setting
from genesis.units import TIME_UNITS

USUAL_STEPS = (1e-4, 0.2)  # s between samples of a robot's log
ODD_STEPS = (2e-5, 0.5)
OVER_LIMIT, UNDER_LIMIT = 50.0, 1e-3  # rms of a torque relative to the joint's limit of force
OFF_SCALE = 300.0  # and relative to what moving the robot as measured takes
INSTANTS = 64  # that the latter is taken at
RATIOS = {degrees.DEGREES: "deg/s", 30.0 / pi: "rpm", 1.0 / (2.0 * pi): "rev/s"}  # number in that unit for one rad/s


def suspicions(setting: Setting, dataset: Dataset) -> list[str]:
    """Times, angles, velocities and torques that do not look like their unit, or do not fit the robot: one line each."""
    found = [text for recording in dataset.recordings for text in _steps(recording)]
    for channel in dataset.specs.values():
        if channel.kind == "joint_velocity":
            found += _velocities(dataset, channel)
    found += axis_order.told(setting, dataset, state_layout(setting, dataset))
    specs: list[ChannelSpec | InputSpec] = [*dataset.specs.values(), *dataset.inputs.values()]
    for spec in specs:
        if spec.about.of != "joint":
            continue
        entity = setting.entity(f"{spec.where}.entity", spec.entity)
        joints = {joint.name: joint for joint in joints_of(entity)}
        chosen = [joints[name] for name in spec.names]
        if spec.kind == "joint_position":
            found += degrees.told(dataset, spec, chosen, entity)
        elif spec.kind == "joint_velocity" and isinstance(spec, ChannelSpec):
            found += _speeds(dataset, spec, chosen, entity, found)
        elif spec.kind in ("joint_torque", "joint_force"):
            found += _torques(setting, dataset, spec, chosen, entity)
    return found


def _steps(recording: Recording) -> list[str]:
    for name, series in recording.channels.items():
        if len(series.time) < 3:
            continue
        step = float(np.median(np.diff(series.time)))
        if not ODD_STEPS[0] <= step <= ODD_STEPS[1]:
            others = {unit: step * factor for unit, factor in TIME_UNITS.items() if unit != "s"}
            fitting = [unit for unit, seconds in others.items() if USUAL_STEPS[0] <= seconds <= USUAL_STEPS[1]]
            if step < ODD_STEPS[0]:
                fitting = ["s"]
            asked = f"; is the unit of time {' or '.join(fitting)}? (observation.time.unit)" if fitting else ""
            return [f'{recording.name}: {step:.4g} s between the samples of "{name}"{asked}']
    return []


def _velocities(dataset: Dataset, spec: ChannelSpec) -> list[str]:
    """Compare measured velocities with the derivative of measured positions of the same joint."""
    positions = [s for s in dataset.specs.values() if s.kind == "joint_position" and s.entity == spec.entity]
    found = []
    for k, name in enumerate(spec.names):
        other = next((s for s in positions if name in s.names), None)
        if other is None:
            continue
        pairs = [_pair(r, other.name, other.names.index(name), spec.name, k) for r in dataset.train]
        rate, speed = (np.concatenate([pair[j] for pair in pairs]) for j in (0, 1))
        if not (rate.any() and speed.any()):
            continue
        ratio = float(np.sqrt(np.mean(speed**2) / np.mean(rate**2)))
        if np.mean(rate * speed) < -0.5 * np.sqrt(np.mean(rate**2) * np.mean(speed**2)):
            found.append(f"{spec.where}: {name} moves against the derivative of its position; is the sign right? (scale: -1)")
        elif not 0.2 <= ratio <= 5.0:
            near = next((unit for number, unit in RATIOS.items() if 0.7 < ratio / number < 1.4), None)
            asked = f"; is the unit {near}?" if near else "; are the units right?"
            found.append(f"{spec.where}: {name} is {ratio:.3g} times the derivative of its position{asked}")
    return found


def _pair(recording: Recording, position: str, column: int, velocity: str, other: int) -> tuple[np.ndarray, np.ndarray]:
    """Derivative of the position and measured velocity (n) at 200 instants, from differences over a fiftieth of the recording."""
    p, v = recording.channels[position], recording.channels[velocity]
    where_p, where_v = np.isfinite(p.values[:, column]), np.isfinite(v.values[:, other])
    if where_p.sum() < 3 or where_v.sum() < 3:
        return np.zeros(0), np.zeros(0)
    half = max((recording.end - recording.start) / 2000.0, 2.0 * float(np.median(np.diff(p.time))))
    at = np.linspace(recording.start + half, recording.end - half, 200)
    q = [np.interp(at + s * half, p.time[where_p], p.values[where_p, column]) for s in (-1.0, 1.0)]
    return (q[1] - q[0]) / (2.0 * half), np.interp(at, v.time[where_v], v.values[where_v, other])


def _series(dataset: Dataset, spec: ChannelSpec | InputSpec, k: int) -> np.ndarray:
    """All numbers of one column for training."""
    kept = [(r.channels if isinstance(spec, ChannelSpec) else r.inputs)[spec.name].values[:, k] for r in dataset.train]
    values = np.concatenate(kept)
    return values[np.isfinite(values)]


def _speeds(dataset: Dataset, spec: ChannelSpec, joints: list[SceneJoint], entity: object, found: list[str]) -> list[str]:
    """Velocities beyond the joint's limit that fit it in another unit; those that something was found of already are left out."""
    if spec.source.factor != 1.0:
        return []
    _, fastest = (x.double().cpu().numpy() for x in limits(entity, joints, "velocity"))
    made = []
    for k, joint in enumerate(joints):
        values = _series(dataset, spec, k)
        if not joint.turns or not len(values) or any(line.startswith(f"{spec.where}: {joint.name} ") for line in found):
            continue
        speed = float(np.quantile(np.abs(values), 1.0 - degrees.RARE))
        fitting = [unit for number, unit in RATIOS.items() if number > 1.0 and speed / number < degrees.SLOW * fastest[k]]
        if speed > degrees.FAST * fastest[k] and fitting:
            made.append(
                f"{spec.where}: {joint.name} moves at up to {speed:.4g} rad/s, its limit is {fastest[k]:.4g} rad/s; is the unit "
                f"{' or '.join(fitting)}?"
            )
    return made


def _torques(
    setting: Setting, dataset: Dataset, spec: ChannelSpec | InputSpec, joints: list[SceneJoint], entity: object
) -> list[str]:
    found = []
    low, high = (x.double().cpu().numpy() for x in limits(entity, joints, "force"))
    needed: np.ndarray | None = None  # costs a kernel of its own, and only joints without a limit ask for it
    for k, joint in enumerate(joints):
        rms, bound = float(np.sqrt(np.mean(_series(dataset, spec, k) ** 2))), min(abs(low[k]), abs(high[k]))
        where, unit = f"{spec.where}: {joint.name}: {rms:.3g} {joint.kind.dofs[0].force} rms", "mNm or kNm"
        if rms == 0.0:
            continue
        if np.isfinite(bound) and bound > 0.0:
            if not UNDER_LIMIT * bound <= rms <= OVER_LIMIT * bound:
                found.append(f"{where}, but the joint's limit is {bound:.3g}; is the unit right? ({unit})")
            continue
        needed = _needed(setting, dataset) if needed is None else needed
        usual = float(needed[joint.dofs[0]])
        if usual > 0.0 and not 1.0 / OFF_SCALE <= rms / usual <= OFF_SCALE:
            found.append(f"{where}, but moving as measured takes about {usual:.2g}; is the unit right? ({unit})")
    return found


def _needed(setting: Setting, dataset: Dataset) -> np.ndarray:
    """(nv,) rms of the forces that the described robot needs for the measured motion; zero where the motion is not measured."""
    physics, layout = setting.scene.rigid_solver.physics, state_layout(setting, dataset)
    recording = dataset.train[0]
    times = np.linspace(recording.start, recording.end, INSTANTS)
    step = 0.5 * (times[1] - times[0])
    (q, v, known), (_, before, _), (_, after, _) = (
        measured_state(recording, dataset, layout, times + shift) for shift in (0.0, -step, step)
    )
    states = (torch.as_tensor(x, dtype=physics.dtype, device=physics.device) for x in (q, v, (after - before) / (2.0 * step)))
    with torch.no_grad():
        force = physics.inverse_dynamics(physics.pack(), *(x.unsqueeze(1) for x in states))[:, 0].double().cpu().numpy()
    return np.sqrt(np.mean(force**2, 0)) * known[len(layout.qpos) :]
