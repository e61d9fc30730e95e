"""What every block of rows goes through: its list of degrees of freedom, its Jacobian, its stiffness."""

import taichi as ti

from genesis.dynamics.constraints import laws
from genesis.dynamics.constraints.impedance import LEAST, MOST, clipped, impedance, reference
from genesis.dynamics.constraints.ledger import LARGEST
from genesis.dynamics.constraints.smooth import smooth_impedance, smooth_reference
from genesis.math.rotation import Vec3
from genesis.math.spatial import Spatial

LEAST_R = 1e-15  # of the regularisation, where nothing moves
LEAST_STIFFNESS = (
    1e-30  # of a row: one that underflows to zero (a smooth touch by less than can be told) leaves a cone without a ratio
)


@ti.func
def new_block(c: ti.template(), source: ti.i32, index: ti.i32, limit: ti.template()):
    """Index of a fresh block, below ``limit``, or -1 when there is no room for it."""
    b = c.count()
    if b < limit:
        c.set_count(b + 1)
        c.set(b, "source", source)
        c.set(b, "index", index)
    else:
        c.status("overflow").add(1.0)
        b = -1
    return b


@ti.func
def open_block(m: ti.template(), c: ti.template(), b: ti.i32, kind: ti.i32, dim: ti.i32, chain: ti.i32):
    """Law, number of rows and degrees of freedom of block b; its Jacobian and the rows that it may lack are cleared."""
    count = m.chain_dofnum(chain)
    c.set(b, "kind", kind)
    c.set(b, "dim", dim)
    c.set(b, "dof_adr", m.chain_dofadr(chain))
    c.set(b, "dof_num", count)
    c.set(b, "tree", m.chain_tree(chain))
    rows = c.jacobian(b, 0, count)
    for k in range(dim * count):
        rows.set(0.0, k)
    for k in ti.static(range(LARGEST)):
        c.set(b, "gap", 0.0, k)
        c.set(b, "f", 0.0, k)
        c.set(b, "dy", 0.0, k)
        c.set(b, "drag", 0.0, k)
        c.set(b, "bias", 0.0, k)


def tree_origin(s, slot) -> Vec3:
    """Reference point of the kinematic tree of a link."""
    return Vec3.load(s.row("pose", slot), 16)


def motion_at(s, name: str, slot, point: Vec3) -> Spatial:
    """Turn of a link under a motion field, and velocity of the point of it that is at ``point``."""
    x = Spatial.load(s.row(name, slot))
    return Spatial(x.a, x.at(point - tree_origin(s, slot)))


def set_bodies(c, b, slot1, slot2, point1: Vec3, point2: Vec3) -> None:
    """The links that a block acts between, and where."""
    c.set(b, "slot1", slot1)
    c.set(b, "slot2", slot2)
    point1.store(c.block(b, "point"))
    point2.store(c.block(b, "point2"))


@ti.func
def motion_rows(m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, chain: ti.i32, apart: ti.template()):
    """Jacobian of the velocity of body 2 against body 1 along the first three vectors of the frame, and of the turn along the others.

    apart: the two points may lie apart, and the chain holds the axes that turn both bodies.

    Reads: slot1, slot2, point, point2, frame, pose, axis      Adds to: jacobian
    """
    dim = c.integer(b, "dim")
    count = c.integer(b, "dof_num")
    lever1 = Vec3.load(c.block(b, "point")) - tree_origin(s, c.integer(b, "slot1"))
    lever2 = Vec3.load(c.block(b, "point2")) - tree_origin(s, c.integer(b, "slot2"))
    first = m.chain_axisadr(chain)
    for x in range(first, first + m.chain_axisnum(chain)):
        axis = Spatial.load(s.row("axis", m.cax_axis(x)))
        local = m.cax_local(x)
        side = m.cax_side(x)
        sign = 1.0
        lever = Vec3.of(*lever2.parts())
        if side < 0:
            sign = -1.0
            lever.assign(lever1)
        linear = axis.at(lever) * sign
        angular = axis.a * sign
        if ti.static(apart):
            if side == 0:
                linear.assign(axis.a.cross(lever2 - lever1))
                angular.assign(Vec3.zero(1))
        for k in range(dim):
            row = Vec3.load(c.block(b, "frame", 3 * k))
            c.jacobian(b, k, count).add(ti.select(k < 3, row.dot(linear), row.dot(angular)), local)


@ti.func
def along(m: ti.template(), c: ti.template(), b: ti.i32, k: ti.i32, vector: ti.template()):
    """(J x)_k for cells ``vector`` over all degrees of freedom."""
    count = c.integer(b, "dof_num")
    first = c.integer(b, "dof_adr")
    row = c.jacobian(b, k, count)
    total = 0.0
    for i in range(count):
        total += row.get(i) * vector.get(m.cdof_dof(first + i))
    return total


@ti.func
def along_both(m: ti.template(), c: ti.template(), b: ti.i32, k: ti.i32, one: ti.template(), two: ti.template()):
    """(J x)_k for two vectors."""
    count = c.integer(b, "dof_num")
    first = c.integer(b, "dof_adr")
    row = c.jacobian(b, k, count)
    total = ti.Vector([0.0, 0.0])
    for i in range(count):
        dof = m.cdof_dof(first + i)
        total += row.get(i) * ti.Vector([one.get(dof), two.get(dof)])
    return total


@ti.func
def gap_norm(c: ti.template(), b: ti.i32):
    """The violation that decides on the impedance: of the only row that has one, or the length over several."""
    total = 0.0
    for k in range(c.integer(b, "dim")):
        gap = c.get(b, "gap", k)
        total += gap * gap
    return ti.sqrt(total)


def has_own(solref):
    """Whether a reference is given: (0, 0) stands for none."""
    return (solref.get() != 0.0) | (solref.get(1) != 0.0)


@ti.func
def stiffen(m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, o: ti.template()):
    """Impedance, damping and stiffness of block b: bias = B J v + k gap (k = K d; K in the smooth law), and 1 / R of every row.

    Reads: solref, grazing, solimp, gap, mu, weight, jacobian, v      Writes: impedance, speed, d      Adds to: bias
    """
    dim = c.integer(b, "dim")
    kind = c.integer(b, "kind")
    weight = c.get(b, "weight")
    solimp = c.block(b, "solimp")
    solref = c.block(b, "solref")
    for k in range(dim):
        c.set(b, "speed", along(m, c, b, k, s.row("v")), k)
    smooth = o.smooth != 0 and (kind == laws.UNILATERAL or kind == laws.PYRAMID or kind == laws.ELLIPTIC or kind == laws.DISTANT)
    d = 0.0
    slope = 0.0
    rush = 0.0
    damping = 0.0
    stiffness = 0.0
    if smooth:
        found = smooth_impedance(solimp, c.get(b, "gap"), c.get(b, "speed"), o.dt)
        bk = smooth_reference(solref, solimp.get(1), o.dt)
        d = found[0]
        slope = found[1]
        rush = found[2]
        damping = bk[0]
        stiffness = bk[1]  # not times d: see smooth.py
    else:
        found = impedance(solimp, gap_norm(c, b))
        bk = reference(solref, solimp.get(1), o.dt)
        d = found[0]
        slope = found[1]
        damping = bk[0]
        stiffness = bk[1] * d
    graze = damping
    if kind == laws.ELLIPTIC and has_own(c.block(b, "grazing")):
        if smooth:
            graze = smooth_reference(c.block(b, "grazing"), solimp.get(1), o.dt)[0]
        else:
            graze = reference(c.block(b, "grazing"), solimp.get(1), o.dt)[0]
    if kind == laws.DISTANT:
        near = 1.0 - ti.max(c.get(b, "gap"), 0.0) / o.reach
        d = clipped(solimp.get(1), LEAST, MOST) * near * near
    for k, value in ti.static(((0, d), (1, damping), (2, stiffness), (3, slope), (4, rush), (5, graze))):
        c.set(b, "impedance", value, k)
    c.set(b, "smooth", ti.select(smooth, 1.0, 0.0))
    for k in range(dim):
        c.block(b, "bias", k).add(ti.select(k == 0, damping, graze) * c.get(b, "speed", k) + stiffness * c.get(b, "gap", k))
        stiff = d / ti.max((1.0 - d) * weight, ti.max(LEAST_R * d, LEAST_STIFFNESS)) * row_factor(c, b, kind, k, o.impratio)
        c.set(b, "d", ti.max(stiff, LEAST_STIFFNESS), k)


@ti.func
def row_factor(c: ti.template(), b: ti.i32, kind: ti.i32, k: ti.i32, impratio: ti.template()):
    """Stiffness of row k per that of a row without friction. Source: MuJoCo documentation, "Computation: friction cones"."""
    factor = 1.0
    mu = c.get(b, "mu")
    if kind == laws.PYRAMID:
        factor = impratio / (2.0 * mu * mu * (1.0 + mu * mu))
    elif kind == laws.ELLIPTIC and k > 0:
        ratio = c.get(b, "mu", k - 1) / mu
        factor = impratio * ratio * ratio
    elif kind == laws.EQUALITY and k > 2:
        factor = mu  # a weld resists turns with another inertia
    return factor
