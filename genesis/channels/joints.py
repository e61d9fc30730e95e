"""The joints of one coordinate that a channel measures."""

from collections.abc import Sequence
from typing import Any

from genesis.description.kinds import SCALARS
from genesis.errors import InputError, unknown_name
from genesis.selection import SceneJoint, joints_of
from genesis.setting import Setting
from genesis.units import UNITS

TURNING = f"allowed: {SCALARS}. Measure its link with link_position, link_orientation or gyro."


def scalar_joints(setting: Setting, where: str, names: Sequence[str], entity: str | None) -> list[SceneJoint]:
    """The joints of those names. Raises: UnknownNameError, InputError for a ball or free joint."""
    body: Any = setting.entity(f"{where}.entity", entity)
    joints = {joint.name: joint for joint in joints_of(body)}
    for name in names:
        if name not in joints:
            raise unknown_name(f"{where}.columns", "joint", name, joints)
        if not joints[name].is_scalar:
            raise InputError(f'{where}.columns: joint "{name}" turns in space; {TURNING}')
    return [joints[name] for name in names]


def units_of(joints: Sequence[SceneJoint], quantity_turning: str, quantity_sliding: str) -> list[str]:
    """SI unit of each joint, as it turns or slides."""
    turning, sliding = (next(iter(UNITS[q])) for q in (quantity_turning, quantity_sliding))
    return [sliding if joint.slides else turning for joint in joints]
