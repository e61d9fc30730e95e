"""The derivative of Coriolis and centrifugal forces in the velocity, C = dc/dv, as a matrix on the pattern of the mass matrix, and dt C in
reverse. Derivation: docs/adjoints/integrate.md

Turning a link's velocity V by S changes its force by I (T - V x S) + S x* I V + V x* I S, where T = (V_b + V_a) x S with V_b, V_a before and
after the joint; the part without T depends on the turn of S alone. In reverse no matrix is differentiated: c is quadratic in v, so that
w . C x = (w . c(v + x) - w . c(v - x)) / 2, two more sweeps.

scope: BODIES, free bodies alone, or ALL.
"""

import taichi as ti

from genesis.dynamics.adjoint_sweep import Base, gather_bars, move_links_and_w
from genesis.dynamics.kinematics import add_rate, axis_count, copy_spatial, of_parent
from genesis.math.lanes import constant, let
from genesis.math.rotation import Vec3
from genesis.math.spatial import Inertia, Spatial

NONE, BODIES, ALL = range(3)


def takes_part(m, l, scope):  # noqa: E741
    """Whether the Coriolis forces on link l are taken at the end of the step."""
    return m.link_free(l) != 0 if scope == BODIES else True


class VelocityForce:
    """Force on a link, or on all of a subtree, per turn of its velocity about the three axes, without what T adds: the columns of
    Echeandia and Wensing's factor B that are not zero."""

    _data_oriented = True

    def __init__(self, parts: list[Spatial]) -> None:
        self.parts = parts

    @staticmethod
    def of(m, inertia: Inertia, velocity: Spatial) -> "VelocityForce":
        """Of one link."""
        one, zero, parts = constant(1.0, m.lanes), constant(0.0, m.lanes), []
        momentum = inertia @ velocity
        for k in range(3):
            turn = Spatial(Vec3(*(one if i == k else zero for i in range(3))), Vec3.zero(m.lanes))
            force = turn.cross_force(momentum) + velocity.cross_force(inertia @ turn)
            parts.append(force - inertia @ velocity.cross(turn))
        return VelocityForce(parts)

    @staticmethod
    def load(cells) -> "VelocityForce":
        return VelocityForce([Spatial.load(cells, 6 * k) for k in range(3)])

    def store(self, cells) -> None:
        for k, part in enumerate(self.parts):
            part.store(cells, 6 * k)

    def add_to(self, cells) -> None:
        for k, part in enumerate(self.parts):
            part.add_to(cells, 6 * k)

    def per(self, turn: Vec3) -> Spatial:
        """Force of a turn."""
        x, y, z = self.parts
        return x * turn.x + y * turn.y + z * turn.z

    def along(self, axis: Spatial) -> Vec3:
        """Its power on a motion, per turn about the three axes."""
        return Vec3(*(axis.dot(part) for part in self.parts))


@ti.func
def find_velocity_forces(m: ti.template(), s: ti.template(), scope: ti.template()):
    """Of every link that takes part.

    Reads: velocity, inertia (of the link), axis, v      Writes: velocity_force, axis_rate
    Adjoint: `coriolis_bars`
    """
    for l in range(m.size("nlink")):
        if takes_part(m, l, scope):
            VelocityForce.of(m, Inertia.load(s.row("inertia", l + 1)), Spatial.load(s.row("velocity", l + 1))).store(
                s.row("velocity_force", l)
            )
            before = of_parent(m, s, l, "velocity")
            first = m.link_jntadr(l)
            for j in range(first, first + m.link_jntnum(l)):
                begin = m.jnt_axisadr(j)
                end = begin + axis_count(m, j)
                after = copy_spatial(before)
                for x in range(begin, end):
                    add_rate(m, s, x, "v", after)
                for x in range(begin, end):
                    (before + after).cross(Spatial.load(s.row("axis", x))).store(s.row("axis_rate", x))
                before.assign(after)


@ti.func
def add_pairs(m: ti.template(), s: ti.template(), x: ti.i32, inertia: ti.template(), velocity_force: ti.template()):
    """The entries of C between motion axis x and those before it. Two axes that share a coordinate come twice, an axis with itself once."""
    axis = Spatial.load(s.row("axis", x))
    momentum = inertia.apply(axis)
    turning = velocity_force.along(axis)
    pushed = inertia.apply(Spatial.load(s.row("axis_rate", x))) + velocity_force.per(axis.a)
    i = m.axis_dof(x)
    pair = m.axis_pairadr(x)
    for p in range(pair, pair + m.axis_pairnum(x)):
        y = m.pair_axis(p)
        at = m.pair_adr(p)
        k = m.axis_dof(y)
        before = Spatial.load(s.row("axis", y))
        back = let(Spatial.load(s.row("axis_rate", y)).dot(momentum) + before.a.dot(turning))  # row of x, column of y
        ahead = before.dot(pushed)  # row of y, column of x
        if x == y:
            s.add("coriolis", ahead, at)
        elif i == k:
            s.add("coriolis", 0.5 * (back + ahead), at)
        elif i > k:
            s.add("coriolis", back, at)
            s.add("coriolis_upper", ahead, at)
        else:
            s.add("coriolis", ahead, at)
            s.add("coriolis_upper", back, at)


@ti.func
def coriolis_matrix(m: ti.template(), s: ti.template(), scope: ti.template()):
    """From the leaves inwards, as `composite`, after it.

    Reads: axis_rate, axis, inertia (of the subtrees)      Writes: coriolis, coriolis_upper      Overwrites: velocity_force (of the subtrees)
    Adjoint: `coriolis_bars`
    """
    for k in range(m.size("nM")):
        s.set("coriolis", constant(0.0, m.lanes), k)
        s.set("coriolis_upper", constant(0.0, m.lanes), k)
    for r in range(m.size("nlink")):
        l = m.size("nlink") - 1 - r
        parent = m.link_parent(l)
        if takes_part(m, l, scope):
            velocity_force = VelocityForce.load(s.row("velocity_force", l))
            inertia = Inertia.load(s.row("inertia", l + 1))
            if m.link_jntnum(l) > 0:
                for x in range(m.jnt_axisadr(m.link_jntadr(l)), m.link_axisend(l)):
                    add_pairs(m, s, x, inertia, velocity_force)
            if parent > 0:
                velocity_force.add_to(s.row("velocity_force", parent - 1))


@ti.func
def add_coriolis(m: ti.template(), s: ti.template(), dt: ti.template()):
    """mass + dt C, no longer symmetric: rows of descendants in `mass`, their columns in `upper`.

    Reads: coriolis, coriolis_upper      Writes: upper      Overwrites: mass
    Adjoint: `coriolis_bars`
    """
    for k in range(m.size("nM")):
        mass = s.get("mass", k)
        s.set("upper", mass + dt * s.get("coriolis_upper", k), k)
        s.set("mass", mass + dt * s.get("coriolis", k), k)


@ti.func
def multiply_coriolis(m: ti.template(), s: ti.template(), dt: ti.template(), x: ti.template(), out: ti.template()):
    """out += dt C x for the scratch vectors of these names.

    Reads: coriolis, coriolis_upper, ``x``      Adds to: ``out``
    """
    for i in range(m.size("nv")):
        first = m.dof_madr(i)
        s.add(out, dt * s.get("coriolis", first) * s.get(x, i), i)
        for t in range(1, m.dof_depth(i) + 1):
            k = m.m_column(first + t)
            s.add(out, dt * s.get("coriolis", first + t) * s.get(x, k), i)
            s.add(out, dt * s.get("coriolis_upper", first + t) * s.get(x, i), k)


def halve(s, i, half, dt) -> None:
    """x = dt a aside; v + x, no acceleration, and half the multiplier for the first sweep."""
    x = let(dt * s.get("a", i))
    s.set("seen_rate", x, i)
    s.add("v", x, i)
    s.set("a", 0.0 * x, i)
    s.set("w", 0.5 * half, i)


@ti.func
def keep_bodies(m: ti.template(), s: ti.template()):
    """w <- 0 but for free bodies.

    Overwrites: w
    """
    for l in range(m.size("nlink")):
        if m.link_free(l) == 0 and m.link_jntnum(l) > 0:
            for x in range(m.jnt_axisadr(m.link_jntadr(l)), m.link_axisend(l)):
                s.set("w", constant(0.0, m.lanes), m.axis_dof(x))


@ti.func
def coriolis_bars(
    m: ti.template(), s: ti.template(), bar: ti.template(),
    dt: ti.template(), scope: ti.template(), last: ti.template(), want: ti.template(),
):  # fmt: skip
    """Minus the gradient of w . dt C a with w and a held fixed; ``last`` is the function (s, i) that gives w.

    Reads: axis, link_inertia, pose, w_seen (where ``last`` reads it)
    Writes: seen_rate, velocity, acceleration, force, motion_w, acceleration_bar, velocity_bar, placement_bar      Overwrites: v, a, w
    Adds to: q_bar, v_bar, parameters
    """
    for i in range(m.size("nv")):
        halve(s, i, last(s, i), dt)
    if ti.static(scope == BODIES):
        keep_bodies(m, s)
    for side in range(2):
        if side == 1:
            for i in range(m.size("nv")):
                s.add("v", -2.0 * s.get("seen_rate", i), i)
                s.set("w", 0.0 - s.get("w", i), i)
        move_links_and_w(m, s, bar, 0, want)
        gather_bars(m, s, bar, want, Base)
