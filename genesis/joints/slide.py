"""Slide: translation along an axis fixed in both links."""

from genesis.description.kinds import SLIDE
from genesis.joints.pose import Pose
from genesis.joints.scalar import ScalarJoint, displacement
from genesis.math.lanes import Cells
from genesis.math.rotation import Vec3
from genesis.math.spatial import Spatial


class Slide(ScalarJoint):
    KIND = SLIDE

    @staticmethod
    def turn(m, s, j) -> None:
        """A slide does not turn."""

    @staticmethod
    def place(m, s, j, pose: Pose, anchor: Vec3) -> None:
        """Move the pose along the axis; remember the axis in the world frame."""
        pose.r.assign(pose.q.matrix())
        axis = pose.r @ Vec3.load(m.cells("jnt_axis", j))
        pose.p.assign(pose.p + axis * displacement(m, s, j))
        axis.store(s.row("axis", m.jnt_axisadr(j)), 0)

    @staticmethod
    def axis(m, j, cells: Cells, origin: Vec3) -> Spatial:
        """Motion per unit of velocity: pure translation."""
        return Spatial(Vec3.zero(m.lanes), Vec3.load(cells, 0) * m.get("jnt_scale", j))
