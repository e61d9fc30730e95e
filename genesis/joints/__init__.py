"""Mechanics of the elementary joints, one file each, in the order of `kinds.ELEMENTARY`. The kernels ask this table.

A joint class names its kind (`KIND`) and gives, at trace time: how far it turns (`turn`) and how it moves a pose (`place`), its motion
axes (`axis`), how its coordinate advances (`integrate`), how fast its displacement grows (`rate`), the torque of its spring if that is not
a number per degree of freedom, the adjoints of these three, and the change between the tangent and the coordinate form of an adjoint.
A kind with parts (a free joint: three slides and a ball) is composed of these when a model is compiled.
"""

from genesis.description.kinds import ELEMENTARY
from genesis.joints.ball import Ball
from genesis.joints.hinge import Hinge
from genesis.joints.screw import Screw
from genesis.joints.slide import Slide

_MECHANICS = {joint.KIND: joint for joint in (Hinge, Slide, Ball, Screw)}
JOINTS = tuple(_MECHANICS[kind] for kind in ELEMENTARY)  # the index is the code in Model.integers["jnt_type"]
