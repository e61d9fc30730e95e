"""Recorded inputs on any grid of times, and the places that they drive."""

from typing import Any

import numpy as np

from genesis.description.kinds import SCALARS
from genesis.errors import InputError, unknown_name
from genesis.observations.recording import Recording
from genesis.observations.spec import InputSpec
from genesis.selection import joints_of
from genesis.setting import Setting
from genesis.units import UNITS

TICK = 1e-9  # s: a sample stamped this little later counts as now, since sums of time steps are rounded


def input_series(recording: Recording, spec: InputSpec, times: np.ndarray, delay: float = 0.0) -> np.ndarray:
    """Values (..., width) in SI units that act at times (...) [s]: the input recorded `delay` before.

    Linear between samples, or the last one holds (spec.hold); before the first and after the last sample it is constant.
    delay comes on top of that of the config, which the stamps of the recording hold already.
    """
    series = recording.inputs[spec.name]
    at = np.asarray(times, dtype=np.float64) - delay
    if spec.hold == "zero":
        row = np.searchsorted(series.time, at + TICK, side="right") - 1
        return series.values[np.clip(row, 0, len(series.time) - 1)]
    flat = at.reshape(-1)
    columns = [np.interp(flat, series.time, series.values[:, k]) for k in range(series.values.shape[1])]
    return np.stack(columns, -1).reshape(*at.shape, len(columns))


def input_places(setting: Setting, spec: InputSpec) -> list[int]:
    """Where the numbers of an input go: degrees of freedom of the scene, or its actuators.

    Raises: UnknownNameError with the nearest names, InputError for a joint with several degrees of freedom.
    """
    where = f"{spec.where}.columns"
    entity = setting.entity(f"{spec.where}.entity", spec.entity)
    if spec.about.of == "actuator":
        return [_actuator(where, entity, name) for name in spec.names]
    joints = {joint.name: joint for joint in joints_of(entity)}
    found: list[int] = []
    for name in spec.names:
        if name not in joints:
            raise unknown_name(where, "joint", name, joints)
        if not joints[name].is_scalar:
            raise InputError(f'{where}: joint "{name}" has {len(joints[name].dofs)} degrees of freedom; only {SCALARS}.')
        found += joints[name].dofs
    return found


def input_units(setting: Setting, spec: InputSpec) -> list[str]:
    """SI unit of each number of an input: of joints as they turn or slide, else what the config says."""
    if spec.about.of != "joint":
        return [spec.unit] * len(spec.labels)
    slides = {joint.name: joint.slides for joint in joints_of(setting.entity(f"{spec.where}.entity", spec.entity))}
    turning, sliding = (next(iter(UNITS[quantity])) for quantity in spec.about.quantities)
    return [sliding if slides[name] else turning for name in spec.names]


def _actuator(where: str, entity: Any, name: str) -> int:
    names = [str(actuator.name) for actuator in entity.actuators]
    if name not in names:
        raise unknown_name(where, "actuator", name, names)
    return int(entity.info.act_start) + names.index(name)
