"""Contacts: where geoms touch, and the rows that keep them apart."""

import taichi as ti

from genesis.dynamics.constraints import laws
from genesis.dynamics.constraints.ledger import CONTACT
from genesis.dynamics.constraints.material import contact_margin, graze, mix
from genesis.dynamics.constraints.rows import motion_at, motion_rows, new_block, open_block, set_bodies
from genesis.joints.pose import Pose
from genesis.math.lanes import let
from genesis.math.rotation import Mat3, Quat, Vec3
from genesis.model.layout import GEOM_CODE, PAIR_TYPES
from genesis.pairs import PAIRS
from genesis.pairs.precision import tolerance
from genesis.pairs.solid import Solid

FAR = 1e30
ALONG = 1e-6, 1e-3  # sine between hint and normal below which the hint gives no direction


def product(a: Mat3, b: Mat3) -> Mat3:
    columns = [a @ b.column(k) for k in range(3)]
    return Mat3(*(columns[k].parts()[i] for i in range(3) for k in range(3)))


def place_geom(m, s, c, g) -> None:
    """World pose of geom g."""
    pose = Pose.load(s.row("pose", m.geom_slot(g)))
    cells = c.geom(g)
    (pose.p + pose.r @ Vec3.load(m.cells("geom_pos", g))).store(cells)
    product(pose.r, Quat.load(m.cells("geom_quat", g)).matrix()).store(cells, 3)


@ti.func
def place_geoms(m: ti.template(), s: ti.template(), c: ti.template()):
    for g in range(m.size("ngeom")):
        place_geom(m, s, c, g)


def solid(m, c, shapes, g) -> Solid:
    cells = c.geom(g)
    return Solid(Vec3.load(cells), Mat3.load(cells, 3), Vec3.load(m.cells("geom_size", g)), m.geom_data(g), shapes, m.integers)


PLANE, HFIELD, SPHERE, CAPSULE, ELLIPSOID, CYLINDER, BOX, MESH = GEOM_CODE.values()


@ti.func
def bounding_radius(m: ti.template(), g: ti.i32):
    """Of the ball about the geom's origin that holds it; infinite for planes and height fields."""
    kind = m.geom_type(g)
    size = Vec3.load(m.cells("geom_size", g))
    radius = FAR
    if kind == SPHERE:
        radius = size.x
    elif kind == CAPSULE:
        radius = size.x + size.y
    elif kind == CYLINDER:
        radius = ti.sqrt(size.x * size.x + size.y * size.y)
    elif kind == BOX or kind == MESH:  # of a mesh, size holds a box about its origin
        radius = ti.sqrt(size.dot(size))
    elif kind == ELLIPSOID:
        radius = ti.max(size.x, ti.max(size.y, size.z))
    return radius


@ti.func
def may_touch(m: ti.template(), c: ti.template(), g1: ti.i32, g2: ti.i32, radius: ti.template()):
    """Broad phase: bounding balls, or a ball against a plane; radius: of geom 2 and the reach."""
    between = Vec3.load(c.geom(g2)) - Vec3.load(c.geom(g1))
    near = True
    if m.geom_type(g1) == PLANE:
        near = Mat3.load(c.geom(g1), 3).column(2).dot(between) < radius
    else:
        far = bounding_radius(m, g1) + radius
        near = between.dot(between) < far * far
    return near


@ti.func
def add_contact(
    c: ti.template(), cand: ti.i32, margin: ti.template(), point: ti.template(), normal: ti.template(), dist: ti.template(),
    hint: ti.template(), tag0: ti.template(), tag1: ti.template(), tag2: ti.template(), tag3: ti.template(),
):  # fmt: skip
    """A new block with the geometry of a contact, or one more that did not fit."""
    b = new_block(c, CONTACT, cand, c.last)
    if b >= 0:
        c.set(b, "gap", dist - margin)
        point.store(c.block(b, "point"))
        normal.store(c.block(b, "frame"))
        hint.store(c.block(b, "hint"))
        c.set(b, "tag", tag0)
        c.set(b, "tag", tag1, 1)
        c.set(b, "tag", tag2, 2)
        c.set(b, "tag", tag3, 3)


class Sink:
    """Where a geometry pair puts the contacts that it finds: new blocks of the ledger."""

    _data_oriented = True

    def __init__(self, c, cand, margin) -> None:
        self.c, self.cand, self.margin, self.scratch = c, cand, margin, c.scratch()

    def add(self, point, normal, dist, hint, tag0, tag1, tag2, tag3) -> None:
        add_contact(self.c, self.cand, self.margin, point, normal, dist, hint, tag0, tag1, tag2, tag3)


def wished(normal: Vec3, hint: Vec3) -> tuple:
    """(direction that the first tangent follows, whether it is one of the world, not the hint).

    Without a hint the y axis, or z where the normal is near y. A hint along the normal says nothing: then the x axis, as in MuJoCo, or y
    where the normal is near x. Nearly along it the hint is followed no more: the tangent would turn by one over the sine between them.
    """
    x, y = ti.abs(normal.x) < 0.5, ti.abs(normal.y) < 0.5
    free = let(hint.dot(hint)) < 0.25
    turn = normal.cross(hint)
    along = let(turn.dot(turn)) < tolerance(*ALONG) ** 2  # also without a hint
    wish = Vec3.of(
        ti.select(free, 0.0, ti.select(along, ti.select(x, 1.0, 0.0), hint.x)),
        ti.select(free, ti.select(y, 1.0, 0.0), ti.select(along, ti.select(x, 0.0, 1.0), hint.y)),
        ti.select(free, ti.select(y, 0.0, 1.0), ti.select(along, 0.0, hint.z)),
    )
    return wish, along


def tangents(normal: Vec3, hint: Vec3) -> tuple[Vec3, Vec3]:
    """Two tangents: the first along the wished direction as far as the normal allows.

    Source: MuJoCo documentation, "Simulation: contact frames".
    """
    wish, _ = wished(normal, hint)
    across = normal.cross(wish)
    first = across.cross(normal) * let(1.0 / ti.sqrt(across.dot(across)))
    return first, normal.cross(first)


@ti.func
def approach(m: ti.template(), s: ti.template(), c: ti.template(), g1: ti.i32, g2: ti.i32, radius: ti.template()):
    """No point of geom 2, of this bounding radius, moves faster than this against geom 1."""
    centre = Vec3.load(c.geom(g2))
    motion = motion_at(s, "velocity", m.geom_slot(g2), centre) - motion_at(s, "velocity", m.geom_slot(g1), centre)
    return ti.sqrt(motion.l.dot(motion.l)) + ti.sqrt(motion.a.dot(motion.a)) * radius


@ti.func
def find_contacts(m: ti.template(), s: ti.template(), c: ti.template(), o: ti.template()):
    """New blocks with geometry and tags for every contact nearer than its margin (plus ``o.reach``)."""
    for cand in range(m.size("ncand")):
        g1 = m.cand_geom1(cand)
        g2 = m.cand_geom2(cand)
        margin = contact_margin(m, cand)
        reach = let(margin + o.reach)
        radius = bounding_radius(m, g2)
        if o.smooth != 0:
            reach = reach + o.dt * approach(m, s, c, g1, g2, radius)
        if may_touch(m, c, g1, g2, radius + reach):
            code = m.cand_code(cand)
            a = solid(m, c, o.shapes, g1)
            b = solid(m, c, o.shapes, g2)
            sink = Sink(c, cand, margin)
            for k in ti.static(o.pairs):
                if code == k:
                    PAIRS[PAIR_TYPES[k]].find(m, a, b, reach, sink)


@ti.func
def compliance_of(m: ti.template(), slot: ti.i32, k: ti.i32):
    """Inverse weight of a link seen by a force (k = 0) or a torque (1); nothing moves the world."""
    value = 0.0
    if slot > 0:
        value = m.cells("link_invweight", slot - 1).get(k)
    return value


@ti.func
def finish_contact(m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, o: ti.template()):
    """From the geometry of a contact to its rows: frame, material, law, Jacobian, stiffness."""
    cand = c.integer(b, "index")
    chain = m.cand_chain(cand)
    dim = m.cand_condim(cand)
    normal = Vec3.load(c.block(b, "frame"))
    first, second = tangents(normal, Vec3.load(c.block(b, "hint")))
    for k, row in ti.static(((1, first), (2, second), (3, normal), (4, first), (5, second))):
        row.store(c.block(b, "frame"), 3 * k)
    mix(m, cand, c.block(b, "solref"), c.block(b, "solimp"), c.block(b, "mu"))
    graze(m, cand, c.block(b, "grazing"))
    kind = laws.UNILATERAL
    if dim > 1:
        kind = o.cone
    gap = c.get(b, "gap")
    point = Vec3.load(c.block(b, "point"))
    slot1 = m.geom_slot(m.cand_geom1(cand))
    slot2 = m.geom_slot(m.cand_geom2(cand))
    ahead = gap
    if o.smooth != 0:
        ahead += o.dt * normal.dot((motion_at(s, "velocity", slot2, point) - motion_at(s, "velocity", slot1, point)).l)
    if ahead >= 0.0:  # does not touch in this step: felt from a distance, or a block without rows
        kind = laws.DISTANT
        dim = ti.select(o.reach > 0.0 and gap < o.reach and c.touched(cand).get() == 0.0, 1, 0)
    elif ti.static(not o.reverse):
        c.touched(cand).set(1.0)
    open_block(m, c, b, kind, dim, chain)
    c.set(b, "gap", gap)
    set_bodies(c, b, slot1, slot2, point, point)
    motion_rows(m, s, c, b, chain, False)
    c.set(b, "weight", compliance_of(m, slot1, 0) + compliance_of(m, slot2, 0))
