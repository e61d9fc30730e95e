"""Elementary joints, one file each. Everything else asks this table.

A joint class gives, at trace time: how far it turns (`turn`) and how it moves a pose (`place`), its motion axes (`axis`), how its
coordinate advances (`integrate`), how fast its displacement grows (`rate`), the torque of its spring if that is not a number per degree
of freedom, the adjoints of these three, and the change between the tangent and the coordinate form of an adjoint.
Free joints are composed of three slides and a ball when a model is compiled.
"""

from genesis.joints.ball import Ball
from genesis.joints.hinge import Hinge
from genesis.joints.slide import Slide

JOINTS = (Hinge, Slide, Ball)  # the index is the code in Model.integers["jnt_type"]
