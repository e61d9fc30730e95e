"""Hinge: rotation about an axis fixed in both links."""

from genesis.description.kinds import HINGE
from genesis.joints.pose import Pose
from genesis.joints.scalar import ScalarJoint, displacement
from genesis.math.lanes import Cells
from genesis.math.rotation import Quat, Vec3, axis_angle
from genesis.math.spatial import Spatial


class Hinge(ScalarJoint):
    KIND = HINGE

    @staticmethod
    def turn(m, s, j) -> None:
        axis_angle(Vec3.load(m.cells("jnt_axis", j)), displacement(m, s, j)).store(s.row("turn", j))

    @staticmethod
    def place(m, s, j, pose: Pose, anchor: Vec3) -> None:
        """Turn the pose about the anchor; remember axis and anchor in the world frame."""
        pose.q.assign(pose.q * Quat.load(s.row("turn", j)))
        pose.r.assign(pose.q.matrix())
        cells = s.row("axis", m.jnt_axisadr(j))
        (pose.r @ Vec3.load(m.cells("jnt_axis", j))).store(cells, 0)  # the rotation leaves its own axis in place
        anchor.store(cells, 3)

    @staticmethod
    def axis(m, j, cells: Cells, origin: Vec3) -> Spatial:
        """Motion per unit of velocity: rotation about the line through the anchor."""
        a = Vec3.load(cells, 0) * m.get("jnt_scale", j)
        return Spatial(a, (Vec3.load(cells, 3) - origin).cross(a))
