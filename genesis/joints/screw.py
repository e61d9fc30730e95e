"""Screw: rotation about an axis fixed in both links, and translation along it in proportion, as of a nut on a spindle.

The motion axis is that of a hinge with the pitch added: S = (a, r x a + h a). Source: Featherstone (2008), table 4.1 (helical joint).
"""

from genesis.description.kinds import SCREW
from genesis.joints.hinge import Hinge
from genesis.joints.pose import Pose
from genesis.joints.scalar import ScalarJoint, displacement
from genesis.math.lanes import Cells, let
from genesis.math.rotation import Vec3
from genesis.math.spatial import Spatial


class Screw(ScalarJoint):
    KIND = SCREW
    turn = staticmethod(Hinge.turn)

    @staticmethod
    def place(m, s, j, pose: Pose, anchor: Vec3) -> None:
        """Turn the pose about the anchor, and move both along the axis."""
        Hinge.place(m, s, j, pose, anchor)
        axis = Vec3.load(s.row("axis", m.jnt_axisadr(j)), 0)
        shift = axis * let(m.get("jnt_pitch", j) * displacement(m, s, j))
        pose.p.assign(pose.p + shift)
        anchor.assign(anchor + shift)

    @staticmethod
    def axis(m, j, cells: Cells, origin: Vec3) -> Spatial:
        """Motion per unit of velocity: rotation about the line through the anchor, and translation along it."""
        along = Vec3.load(cells, 0) * let(m.get("jnt_scale", j) * m.get("jnt_pitch", j))
        turning = Hinge.axis(m, j, cells, origin)
        return Spatial(turning.a, turning.l + along)
