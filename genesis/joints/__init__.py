"""Mechanics of the elementary joints, one file each, in the order of `kinds.ELEMENTARY`. The kernels ask this table.

A joint class names its kind (`KIND`) and gives, at trace time: how far it turns (`turn`) and how it moves a pose (`place`), its motion
axes (`axis`), how its coordinate advances (`integrate`), how far it is from another (`difference`), how fast its displacement grows (`rate`),
the torque of its spring if that is not a number per degree of freedom, the adjoints of all these but the difference, and the change between
the tangent and the coordinate form of an adjoint.
A kind with parts (a free joint: three slides and a ball) is composed of these when a model is compiled.
"""

from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any

from genesis.description.kinds import ELEMENTARY
from genesis.joints.ball import Ball
from genesis.joints.hinge import Hinge
from genesis.joints.screw import Screw
from genesis.joints.slide import Slide

_MECHANICS = {joint.KIND: joint for joint in (Hinge, Slide, Ball, Screw)}
JOINTS = tuple(_MECHANICS[kind] for kind in ELEMENTARY)  # the index is the code in Model.integers["jnt_type"]


@dataclass(frozen=True)
class Alike:
    """Joints whose methods are the same ones: a kernel holds them once. joint: one of them; codes: of all of them."""

    joint: Any
    codes: tuple[int, ...]

    def has(self, code):
        """Whether a joint with the code, a number of a kernel, is one of them."""
        others = [k for k in range(len(JOINTS)) if k not in self.codes]
        if len(others) < len(self.codes):
            return reduce(and_, [code != k for k in others])
        return reduce(or_, [code == k for k in self.codes])


def alike(*methods: str) -> tuple[Alike, ...]:
    """The joints by what they do, where only the methods of these names count."""
    groups: dict[tuple, list[int]] = {}
    for code, joint in enumerate(JOINTS):
        groups.setdefault(tuple(getattr(joint, name) for name in methods), []).append(code)
    return tuple(Alike(JOINTS[codes[0]], tuple(codes)) for codes in groups.values())


TURNS = alike("turn")
SPRINGS = alike("spring", "spring_adjoint")
COORDINATES = alike("integrate", "integrate_adjoint", "difference", "rate", "rate_adjoint", "tangent_of", "coordinates_of")
