"""Damping after the constraints, as in MuJoCo's Euler: f from M a_1 = tau - c + J^T f(J a_1), then (M + dt d) a = tau - c + J^T f.

The adjoint has two multipliers, w_d for the second equation and w_1 for the first. With W = w_d + w_1 and a_1 = a + e the scalar whose gradient
is wanted is W . (M a + c - tau) - (J W) . f(J a_1) + w_1 . M e + w_d . dt d a: the usual sweep with W, and one inertial product more.
Implicit integrators have the velocity feedback of actuators (actuator_damping.py) and Coriolis forces (coriolis.py) beside the damping.
Source: MuJoCo documentation, "Computation: numerical integration". Derivation: docs/adjoints/constraints.md
"""

import taichi as ti

from genesis.dynamics.actuator_damping import MATRIX, add_actuator_damping
from genesis.dynamics.adjoint_sweep import bilinear_inertia_adjoint
from genesis.dynamics.constraints.motion_a import ConstrainedBase
from genesis.dynamics.coriolis import multiply_coriolis
from genesis.dynamics.factorization import factorize, solve
from genesis.dynamics.friction_laws import add_friction_damping
from genesis.dynamics.kinematics import add_rate, copy_spatial, of_parent
from genesis.dynamics.mass_matrix import damping_of
from genesis.joints.pose import Pose
from genesis.math.lanes import let
from genesis.math.spatial import Inertia, Spatial


@ti.func
def add_damping(m: ti.template(), s: ti.template(), o: ti.template()):
    """mass <- the matrix of the constrained problem, and dt d and dt E where they come last, afresh.

    Reads: mass_matrix, active, act_active, v (with friction laws)      Writes: mass
    Adjoint: `second_motions`, `correct_damping_bars`
    """
    for k in range(m.size("nM")):
        s.set("mass", s.get("mass_matrix", k), k)
    if ti.static(o.damped_last):
        for i in range(m.size("nv")):
            s.add("mass", o.damping_dt * damping_of(m, s, i), m.dof_madr(i))
        if ti.static(o.implicit_actuators):
            add_actuator_damping(m, s, o.damping_dt, MATRIX, "mass")
        if ti.static(o.friction_laws):
            add_friction_damping(m, s, o.damping_dt, MATRIX, "mass")


@ti.func
def seen_acceleration(m: ti.template(), s: ti.template(), o: ti.template()):
    """a_seen <- a_1 = a + H^-1 (dt d + dt E + dt C) a, with what of it comes last.

    Reads: a, active, act_active, coriolis, coriolis_upper, v (with friction laws)      Writes: a_seen, inverse_pivot      Overwrites: mass
    """
    factorize(m, s)
    for i in range(m.size("nv")):
        last = o.damping_dt * damping_of(m, s, i) if ti.static(o.damped_last) else 0.0
        s.set("a_seen", last * s.get("a", i), i)
    if ti.static(o.damped_last and o.implicit_actuators):
        add_actuator_damping(m, s, o.damping_dt, "a", "a_seen")
    if ti.static(o.damped_last and o.friction_laws):
        add_friction_damping(m, s, o.damping_dt, "a", "a_seen")
    if ti.static(o.implicit_coriolis):
        multiply_coriolis(m, s, o.dt, "a", "a_seen")
    solve(m, s, "a_seen")
    for i in range(m.size("nv")):
        s.add("a_seen", s.get("a", i), i)


class DampedBase(ConstrainedBase):
    """The same with the two motions of the inertial product w_1 . M e."""

    def __init__(self, s, l) -> None:  # noqa: E741
        super().__init__(s, l)
        names = ("motion_w_seen", "motion_a_rest", "motion_w_seen_bar", "motion_a_rest_bar")
        self.x, self.y, self.x_bar, self.y_bar = (copy_spatial(Spatial.load(s.row(name, l + 1))) for name in names)

    def undo(self, m, s, j, count: int) -> None:
        for k in range(count):
            axis, dof = Spatial.load(s.row("axis", m.jnt_axisadr(j) + k)), m.jnt_dof(j) + k
            self.x.assign(self.x - axis * s.get("w_seen", dof))
            self.y.assign(self.y - axis * (s.get("a_seen", dof) - s.get("a", dof)))
        super().undo(m, s, j, count)

    def displaced(self) -> Spatial:
        return super().displaced() + self.x.cross_force(self.x_bar) + self.y.cross_force(self.y_bar)

    def hand_down(self, s, parent) -> None:
        super().hand_down(s, parent)
        self.x_bar.add_to(s.row("motion_w_seen_bar", parent))
        self.y_bar.add_to(s.row("motion_a_rest_bar", parent))


def product_bars(s, l, x: Spatial, y: Spatial) -> None:  # noqa: E741
    """Adjoints of X . I Y from the link itself."""
    inertia = Inertia.load(s.row("link_inertia", l + 1))
    x.store(s.row("motion_w_seen", l + 1))
    y.store(s.row("motion_a_rest", l + 1))
    (inertia @ y).store(s.row("motion_w_seen_bar", l + 1))
    (inertia @ x).store(s.row("motion_a_rest_bar", l + 1))


@ti.func
def second_motions(m: ti.template(), s: ti.template(), bar: ti.template(), want: ti.template()):
    """The motions of the links under w_1 and e, and the link's own adjoints of their inertial product.

    Reads: w_seen, a_seen, a, axis, link_inertia, pose
    Writes: motion_w_seen, motion_a_rest, motion_w_seen_bar, motion_a_rest_bar      Adds to: parameters
    """
    zero = Spatial.zero(m.lanes)
    for name in ti.static(("motion_w_seen", "motion_a_rest", "motion_w_seen_bar", "motion_a_rest_bar")):
        zero.store(s.row(name, 0))
    for l in range(m.size("nlink")):
        x = of_parent(m, s, l, "motion_w_seen")
        y = of_parent(m, s, l, "motion_a_rest")
        if m.link_jntnum(l) > 0:
            for k in range(m.jnt_axisadr(m.link_jntadr(l)), m.link_axisend(l)):
                add_rate(m, s, k, "w_seen", x)
                dof = m.axis_dof(k)
                y.assign(y + Spatial.load(s.row("axis", k)) * (s.get("a_seen", dof) - s.get("a", dof)))
        product_bars(s, l, x, y)
        if ti.static(want):
            bilinear_inertia_adjoint(m, bar, l, Pose.load(s.row("pose", l + 1)), x, y, -1.0)
    if ti.static(want):
        for i in range(m.size("nv")):
            bar.add("dof_armature", s.get("w_seen", i) * (s.get("a", i) - s.get("a_seen", i)), i)


@ti.func
def correct_damping_bars(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template()):
    """`joint_forces_adjoint` has W . dt d a: damping that comes last is seen by w_d alone, and the other by w_1 at a_1, not a.

    Reads: a, a_seen (where damping does not come last), w_seen, active      Adds to: parameters
    """
    for i in range(m.size("nv")):
        seen = s.get("a", i)
        if ti.static(not o.damped_last):
            seen = s.get("a", i) - s.get("a_seen", i)
        more = let(o.damping_dt * seen * s.get("w_seen", i))
        bar.add("dof_damping", more, i)
        bar.add("dof_kv", more * s.get("active", i), i)
