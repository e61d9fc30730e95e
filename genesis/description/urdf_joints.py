"""URDF joint elements to joints: one element may become none (fixed), one, or several joints of the child link."""

import math
from collections.abc import Callable
from functools import partial
from xml.etree.ElementTree import Element

import numpy as np

from genesis.description.description import Joint, Mimic
from genesis.description.kinds import BALL, FREE, HINGE, KINDS, SLIDE, JointKind
from genesis.description.notes import Notes
from genesis.description.poses import quat_between, rotate
from genesis.description.urdf_elements import name_of, number, numbers


def read_joint(element: Element, mimic: str, notes: Notes) -> list[Joint]:
    """The joints that one <joint> gives to its child link, in the frame of that link.

    A floating joint is returned as one free joint; ``split_floating`` replaces it where the parent moves.
    """
    return READERS[element.get("type", "")](element, mimic, notes)


def split_floating(joint: Joint) -> list[Joint]:
    """A free joint relative to a moving parent: three slides along the axes of the joint frame, then a ball."""
    slides = [Joint(f"{joint.name}_{letter}", SLIDE.name, axis=axis) for letter, axis in zip("xyz", np.eye(3), strict=True)]
    joints = [*slides, Joint(f"{joint.name}_ball", BALL.name)]
    for part in joints:
        part.damping, part.frictionloss = joint.damping, joint.frictionloss
    return joints


def _fixed(element: Element, mimic: str, notes: Notes) -> list[Joint]:
    return []


def _floating(element: Element, mimic: str, notes: Notes) -> list[Joint]:
    damping, friction = _dynamics(element)
    return [Joint(name_of(element), FREE.name, damping=damping, frictionloss=friction)]


def _planar(element: Element, mimic: str, notes: Notes) -> list[Joint]:
    """Two slides in the plane across the axis, then a hinge about it; for axis z these are x, y and the heading."""
    name, normal = name_of(element), _axis(element)
    turn = quat_between(np.array([0.0, 0.0, 1.0]), normal)
    damping, friction = _dynamics(element)
    x, y = (rotate(turn, axis) for axis in np.eye(3)[:2])
    frames = [("x", SLIDE, x), ("y", SLIDE, y), ("hinge", HINGE, normal)]
    return [Joint(f"{name}_{end}", kind.name, axis=axis, damping=damping, frictionloss=friction) for end, kind, axis in frames]


def _spherical(element: Element, mimic: str, notes: Notes) -> list[Joint]:
    """No joint of the standard, but of Bullet and MuJoCo; Bullet's limits of swing and twist are left out."""
    damping, friction = _dynamics(element)
    if element.find("limit") is not None:
        notes.add("limits of spherical joints, left out", f'"{name_of(element)}"')
    return [Joint(name_of(element), BALL.name, damping=damping, frictionloss=friction)]


def _scalar(element: Element, mimic: str, notes: Notes, kind: JointKind) -> list[Joint]:
    damping, friction = _dynamics(element)
    limit = element.find("limit")
    effort, velocity = number(limit, "effort", 0.0), number(limit, "velocity", 0.0)
    joint = Joint(name_of(element), kind.name, axis=_axis(element), damping=damping, frictionloss=friction)
    joint.limit = _limit(element, notes)
    # exporters write 0 for "unknown", and a joint that may not be driven at all would not be a joint
    joint.effort = (-effort, effort) if 0.0 < effort < math.inf else None
    joint.velocity_limit = velocity if 0.0 < velocity < math.inf else None
    follows = element.find("mimic")
    if follows is not None and mimic == "reduce":
        joint.mimic = Mimic(follows.get("joint", ""), number(follows, "multiplier", 1.0), number(follows, "offset", 0.0))
    return [joint]


READERS: dict[str, Callable[[Element, str, Notes], list[Joint]]] = {
    "fixed": _fixed,
    "planar": _planar,
    **dict.fromkeys(FREE.urdf, _floating),
    **dict.fromkeys(BALL.urdf, _spherical),
    **{word: partial(_scalar, kind=kind) for kind in KINDS.values() if kind.scalar for word in kind.urdf},
}


def _limit(element: Element, notes: Notes) -> tuple[float, float] | None:
    limit = element.find("limit")
    if element.get("type") == "continuous" or limit is None:
        return None
    lower, upper = number(limit, "lower", 0.0), number(limit, "upper", 0.0)
    if lower == upper:
        notes.add("joints whose lower and upper limits are equal, taken as no limit", f'"{name_of(element)}" ({lower:g})')
        return None
    return None if (lower, upper) == (-math.inf, math.inf) else (lower, upper)


def _axis(element: Element) -> np.ndarray:
    axis = np.array(numbers(element.find("axis"), "xyz", [1.0, 0.0, 0.0]))
    return axis / np.linalg.norm(axis)


def _dynamics(element: Element) -> tuple[float, float]:
    dynamics = element.find("dynamics")
    return number(dynamics, "damping", 0.0), number(dynamics, "friction", 0.0)
