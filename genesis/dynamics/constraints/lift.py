"""The motion of links under the acceleration alone, which constraints see, and its share in the reverse sweep."""

import taichi as ti

from genesis.dynamics.adjoint_sweep import Base
from genesis.dynamics.kinematics import add_rate, copy_spatial, of_parent
from genesis.math.spatial import Spatial


class LiftedBase(Base):
    """The same where constraints act: they also see the motion under the acceleration alone."""

    def __init__(self, s, l) -> None:  # noqa: E741
        super().__init__(s, l)
        self.lift, self.lift_bar = (copy_spatial(Spatial.load(s.row(name, l + 1))) for name in ("lift", "lift_bar"))

    def undo(self, m, s, j, count: int) -> None:
        for k in range(count):
            axis = Spatial.load(s.row("axis", m.jnt_axisadr(j) + k))
            self.lift.assign(self.lift - axis * s.get("a_seen", m.jnt_dof(j) + k))
        super().undo(m, s, j, count)

    def displaced(self) -> Spatial:
        return super().displaced() + self.lift.cross_force(self.lift_bar)

    def hand_down(self, s, parent) -> None:
        super().hand_down(s, parent)
        self.lift_bar.add_to(s.row("lift_bar", parent))


@ti.func
def lift_links(m: ti.template(), s: ti.template()):
    """Motion of every link under the acceleration alone, sum of S a.

    Reads: axis, a_seen      Writes: lift, lift_bar (cleared)
    """
    zero = Spatial.zero(m.lanes)
    zero.store(s.row("lift", 0))
    zero.store(s.row("lift_bar", 0))
    for l in range(m.size("nlink")):
        lift = of_parent(m, s, l, "lift")
        if m.link_jntnum(l) > 0:
            for x in range(m.jnt_axisadr(m.link_jntadr(l)), m.link_axisend(l)):
                add_rate(m, s, x, "a_seen", lift)
        lift.store(s.row("lift", l + 1))
        zero.store(s.row("lift_bar", l + 1))
