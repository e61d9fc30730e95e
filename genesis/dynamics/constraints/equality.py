"""Equalities: two points held together, two links welded, one joint coordinate a polynomial of another.

Q = q_2^-1 q_1 r is the turn that a weld still has to undo; its vector part is the violation, and with x = R_2^T (w_1 - w_2) the rate of
that is 1/2 (Q_w x + x cross Q_v). The rows of connects and welds see the true acceleration of the violation, J a + J' v: the relative
acceleration of the points, and of Q_v, 1/2 (Q_w x' + x' cross Q_v) - 1/4 |x|^2 Q_v.
Source: MuJoCo documentation, "Modeling: equality". Derivation: docs/adjoints/constraints.md
"""

import taichi as ti

from genesis.dynamics.constraints import laws
from genesis.dynamics.constraints.contacts import compliance_of
from genesis.dynamics.constraints.ledger import EQUALITY
from genesis.dynamics.constraints.limits import copy_cells
from genesis.dynamics.constraints.rows import motion_rows, new_block, open_block, set_bodies, tree_origin
from genesis.joints.pose import Pose
from genesis.joints.scalar import displacement
from genesis.math.lanes import let
from genesis.math.rotation import Quat, Vec3
from genesis.math.spatial import Spatial

CONNECT, WELD, JOINT = range(3)


def anchor(m, n, k: int) -> Vec3:
    return Vec3.load(m.cells("eq_data", n), k)


def minus_identity(c, b) -> None:
    """Frame of rows that see body 1 against body 2 in world axes."""
    for k in range(9):
        c.set(b, "frame", -1.0 if k % 4 == 0 else 0.0, k)


def turn_rows(c, b, two: Pose, q: Quat, scale) -> None:
    """World vectors of the last three rows: the relative turn to the rate of the scaled vector part of Q."""
    for k in range(3):
        turn_row(two, q, scale, k).store(c.block(b, "frame"), 9 + 3 * k)


def turn_row(two: Pose, q: Quat, scale, k: int) -> Vec3:
    unit = Vec3.of(*(1.0 if i == k else 0.0 for i in range(3)))
    return two.r.apply(unit * q.w + q.vec().cross(unit)) * (-0.5 * scale)


def acceleration_at(s, slot, point: Vec3) -> Vec3:
    """Acceleration of the point of a link that is at ``point``, minus gravity: A_v + A_w x r + w x (velocity)."""
    r = point - tree_origin(s, slot)
    velocity = Spatial.load(s.row("velocity", slot))
    return Spatial.load(s.row("acceleration", slot)).at(r) + velocity.a.cross(velocity.at(r))


def add_drift(c, b, k: int, drift: Vec3) -> None:
    for i, value in enumerate(drift.parts()):
        c.block(b, "bias", k + i).add(value)


def turn_acceleration(s, c, b) -> tuple[Vec3, Vec3]:
    """Relative turn of body 2 against body 1: velocity, and acceleration as seen from body 2."""
    one, two = (Vec3.load(s.row("velocity", c.integer(b, f"slot{end}"))) for end in (1, 2))
    grown = [Vec3.load(s.row("acceleration", c.integer(b, f"slot{end}"))) for end in (1, 2)]
    return two - one, grown[1] - grown[0] + two.cross(one)


def turn_drift(s, c, b, q: Quat, scale) -> Vec3:
    spin, grown = turn_acceleration(s, c, b)
    rows = [Vec3.load(c.block(b, "frame"), 9 + 3 * k).dot(grown) for k in range(3)]
    return Vec3(*rows) - q.vec() * (scale * spin.dot(spin) * 0.25)


@ti.func
def find_equalities(m: ti.template(), s: ti.template(), c: ti.template(), o: ti.template()):
    for n in range(m.size("neq")):
        if m.eq_active(n) != 0:
            b = new_block(c, EQUALITY, n, c.capacity)
            if b >= 0:
                copy_cells(m.cells("eq_solref", n), c.block(b, "solref"), 2)
                copy_cells(m.cells("eq_solimp", n), c.block(b, "solimp"), 5)
                if m.eq_type(n) == JOINT:
                    joint_rows(m, s, c, b, n, o)
                else:
                    body_rows(m, s, c, b, n, o)


@ti.func
def polynomial(m: ti.template(), s: ti.template(), n: ti.i32):
    """(value, slope, curvature) of the polynomial at the displacement of the second joint."""
    value = m.cells("eq_data", n).get(0)
    slope = 0.0
    curvature = 0.0
    j = m.eq_jnt2(n)
    if j >= 0:
        x = displacement(m, s, j)
        power = x
        for k in ti.static(range(1, 5)):
            coef = m.cells("eq_data", n).get(k)
            value += coef * power
            power *= x
        slope = poly_slope(m, n, x)
        curvature = poly_curvature(m, n, x)
    return ti.Vector([value, slope, curvature])


def poly_slope(m, n, x):
    c = [m.cells("eq_data", n).get(k) for k in range(5)]
    return let(c[1] + x * (2.0 * c[2] + x * (3.0 * c[3] + x * (4.0 * c[4]))))


def poly_curvature(m, n, x):
    c = [m.cells("eq_data", n).get(k) for k in range(5)]
    return let(2.0 * c[2] + x * (6.0 * c[3] + x * (12.0 * c[4])))


@ti.func
def joint_rows(m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, n: ti.i32, o: ti.template()):
    """q_1 - polynomial(q_2) = 0, both from the reference pose."""
    open_block(m, c, b, laws.EQUALITY, 1, m.eq_chain(n))
    j1 = m.eq_jnt1(n)
    j2 = m.eq_jnt2(n)
    poly = polynomial(m, s, n)
    c.set(b, "gap", displacement(m, s, j1) - poly[0])
    weight = m.get("dof_invweight", m.jnt_dof(j1))
    if j2 >= 0:
        weight += m.get("dof_invweight", m.jnt_dof(j2))
    count = c.integer(b, "dof_num")
    for k in range(count):
        i = m.cdof_dof(c.integer(b, "dof_adr") + k)
        if i == m.jnt_dof(j1):
            c.jacobian(b, 0, count).add(m.get("jnt_scale", j1), k)
        if j2 >= 0:
            if i == m.jnt_dof(j2):
                c.jacobian(b, 0, count).add(-poly[1] * m.get("jnt_scale", j2), k)
    c.set(b, "weight", weight)


def weld_turn(m, s, n) -> Quat:
    """Q."""
    one, two = Pose.load(s.row("pose", m.eq_slot1(n))), Pose.load(s.row("pose", m.eq_slot2(n)))
    return two.q.conjugate() * (one.q * Quat.load(m.cells("eq_data", n), 6))


@ti.func
def body_rows(m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, n: ti.i32, o: ti.template()):
    """Two points together; of a weld also the orientations. The anchors of a weld stand in the other order in its data."""
    one = Pose.load(s.row("pose", m.eq_slot1(n)))
    two = Pose.load(s.row("pose", m.eq_slot2(n)))
    weld = m.eq_type(n) == WELD
    dim = ti.select(weld, 6, 3)
    open_block(m, c, b, laws.EQUALITY, dim, m.eq_chain(n))
    p1 = one.p + one.r.apply(anchor(m, n, 0))
    p2 = two.p + two.r.apply(anchor(m, n, 3))
    if weld:
        p1.assign(one.p + one.r.apply(anchor(m, n, 3)))
        p2.assign(two.p + two.r.apply(anchor(m, n, 0)))
    minus_identity(c, b)
    set_bodies(c, b, m.eq_slot1(n), m.eq_slot2(n), p1, p2)
    (p1 - p2).store(c.block(b, "gap"))
    weight = compliance_of(m, m.eq_slot1(n), 0) + compliance_of(m, m.eq_slot2(n), 0)
    if weld:
        scale = m.cells("eq_data", n).get(10)
        q = weld_turn(m, s, n)
        (q.vec() * scale).store(c.block(b, "gap"), 3)
        turn_rows(c, b, two, q, scale)
        turning = compliance_of(m, m.eq_slot1(n), 1) + compliance_of(m, m.eq_slot2(n), 1)
        c.set(b, "mu", 0.0)  # where no joint turns either link there is nothing to resist
        if turning > 0.0:
            c.set(b, "mu", weight / turning)
    motion_rows(m, s, c, b, m.eq_chain(n), True)
    c.set(b, "weight", weight)
    add_drift(c, b, 0, acceleration_at(s, m.eq_slot1(n), p1) - acceleration_at(s, m.eq_slot2(n), p2))
    if weld:
        add_drift(c, b, 3, turn_drift(s, c, b, weld_turn(m, s, n), m.cells("eq_data", n).get(10)))
