"""The motion of links under the acceleration alone, which constraints see, and its share in the reverse sweep.

Derivation: docs/adjoints/constraints.md
"""

import taichi as ti

from genesis.dynamics.adjoint_sweep import Base
from genesis.dynamics.kinematics import add_rate, copy_spatial, of_parent
from genesis.math.spatial import Spatial


class ConstrainedBase(Base):
    """The same where constraints act: they also see the motion under the acceleration alone."""

    def __init__(self, s, l) -> None:  # noqa: E741
        super().__init__(s, l)
        self.motion_a, self.motion_a_bar = (
            copy_spatial(Spatial.load(s.row(name, l + 1))) for name in ("motion_a", "motion_a_bar")
        )

    def undo(self, m, s, j, count: int) -> None:
        for k in range(count):
            axis = Spatial.load(s.row("axis", m.jnt_axisadr(j) + k))
            self.motion_a.assign(self.motion_a - axis * s.get("a_seen", m.jnt_dof(j) + k))
        super().undo(m, s, j, count)

    def displaced(self) -> Spatial:
        return super().displaced() + self.motion_a.cross_force(self.motion_a_bar)

    def hand_down(self, s, parent) -> None:
        super().hand_down(s, parent)
        self.motion_a_bar.add_to(s.row("motion_a_bar", parent))


@ti.func
def find_motion_a(m: ti.template(), s: ti.template()):
    """Motion of every link under the acceleration alone, sum of S a.

    Reads: axis, a_seen      Writes: motion_a, motion_a_bar (cleared)
    """
    zero = Spatial.zero(m.lanes)
    zero.store(s.row("motion_a", 0))
    zero.store(s.row("motion_a_bar", 0))
    for l in range(m.size("nlink")):
        motion_a = of_parent(m, s, l, "motion_a")
        if m.link_jntnum(l) > 0:
            for x in range(m.jnt_axisadr(m.link_jntadr(l)), m.link_axisend(l)):
                add_rate(m, s, x, "a_seen", motion_a)
        motion_a.store(s.row("motion_a", l + 1))
        zero.store(s.row("motion_a_bar", l + 1))


@ti.func
def clear_motion_a_bar(m: ti.template(), s: ti.template()):
    """Writes: motion_a_bar"""
    zero = Spatial.zero(m.lanes)
    for slot in range(m.size("nlink") + 1):
        zero.store(s.row("motion_a_bar", slot))
