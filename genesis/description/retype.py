"""Joints of types that robot files have no word for: asked for beside the file, in place of the type that they stand for there."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from genesis.description.description import Description, Joint
from genesis.description.kinds import KINDS
from genesis.errors import InputError, unknown_name

WANTED = {kind.name: kind for kind in KINDS.values() if kind.stands_for is not None}


def retype_joints(description: Description, joints: Mapping[str, Mapping[str, Any]] | None, where: str) -> None:
    """Give the named joints their type and its constants: {"spindle": {"type": "screw", "pitch": 0.002}}.

    Everything else that the file says of a joint (axis, anchor, limits, damping, …) stays.

    Raises: UnknownNameError, InputError for a joint of another type than the one that stands for it, or constants that do not fit.
    """
    mine = {joint.name: joint for link in description.links for joint in link.joints}
    for name, wanted in (joints or {}).items():
        if name not in mine:
            raise unknown_name(f"{where}: joints", "joint", str(name), mine)
        _retype(f"{where}: joints.{name}", mine[name], wanted)


def retyped(description: Description) -> dict[str, dict[str, Any]]:
    """What `retype_joints` was given, or would have to be, for the joints of such types."""
    joints = (joint for link in description.links for joint in link.joints if joint.type in WANTED)
    return {
        joint.name: {"type": joint.type} | {name: getattr(joint, name) for name, _ in joint.kind.constants} for joint in joints
    }


def _retype(where: str, joint: Joint, wanted: Mapping[str, Any]) -> None:
    if not isinstance(wanted, Mapping) or "type" not in wanted:
        raise InputError(
            f"{where}: {wanted!r} is not allowed; allowed: a mapping with type ({', '.join(WANTED)}) and its constants."
        )
    if wanted["type"] not in WANTED:
        raise unknown_name(where, "joint type", str(wanted["type"]), WANTED)
    kind = WANTED[wanted["type"]]
    if joint.type != kind.stands_for:
        raise InputError(f"{where}: is a {joint.type} in the file; a {kind.name} takes the place of a {kind.stands_for}.")
    names = {name for name, _ in kind.constants}
    if set(wanted) - {"type"} != names:
        given = ", ".join(sorted(set(wanted) - {"type"})) or "none"
        need = ", ".join(f"{name} [{unit}]" for name, unit in kind.constants)
        raise InputError(f"{where}: constants given: {given}; a {kind.name} needs {need}.")
    joint.type = kind.name
    for name in names:
        value = wanted[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise InputError(f"{where}.{name}: {value!r} is not allowed; allowed: a finite number.")
        setattr(joint, name, float(value))
