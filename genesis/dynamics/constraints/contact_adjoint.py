"""Adjoint of one contact: of its point and frame, through the geometry pair to the two links, their geoms and materials."""

import taichi as ti

from genesis.dynamics.constraints.contacts import solid, wished
from genesis.dynamics.constraints.material import grazing_adjoint, mix_adjoint
from genesis.dynamics.constraints.rows import motion_at, tree_origin
from genesis.joints.pose import Pose
from genesis.math.lanes import let
from genesis.math.rotation import Mat3, Quat, Vec3
from genesis.math.spatial import Spatial, force_at
from genesis.model.layout import PAIR_TYPES
from genesis.pairs import PAIRS
from genesis.pairs.solid import ContactBar, SolidBar, Tags


def relative(s, c, b, name: str) -> Spatial:
    """Velocity of body 2 at its point against body 1 at its own, and relative turn, of a motion field."""
    one, two = (Vec3.load(c.block(b, point)) for point in ("point", "point2"))
    return motion_at(s, name, c.integer(b, "slot2"), two) - motion_at(s, name, c.integer(b, "slot1"), one)


SEEN = (("motion_w", "f", 1.0), ("motion_a", "dy", -1.0), ("velocity", "drag", 1.0))  # motion, what multiplies it in G, sign


def seen_differences(s, c, b, seen=SEEN) -> list[Spatial]:
    """W_2 - W_1, L_2 - L_1, V_2 - V_1 at the contact."""
    return [relative(s, c, b, name) for name, _, _ in seen]


def row_bar(c, b, k: int, differences: list[Spatial]) -> Vec3:
    """Adjoint of the frame's vector k."""
    part = "l" if k < 3 else "a"
    terms = [getattr(x, part) * (c.get(b, name, k) * sign) for x, (_, name, sign) in zip(differences, SEEN, strict=True)]
    return terms[0] + terms[1] + terms[2]


def point_bar_of(s, c, b, slot, seen=SEEN) -> Vec3:
    """Adjoint of the point at which the motion of one link counts: c . (turn x p) = p . (c x turn)."""
    rows = [Vec3.load(c.block(b, "frame"), 3 * k) for k in range(3)]
    terms = []
    for motion, name, sign in seen:
        force = rows[0] * c.get(b, name, 0) + rows[1] * c.get(b, name, 1) + rows[2] * c.get(b, name, 2)
        terms.append(force.cross(Vec3.load(s.row(motion, slot))) * sign)
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def tangents_adjoint(normal: Vec3, hint: Vec3, first: Vec3, first_bar: Vec3, second_bar: Vec3) -> tuple[Vec3, Vec3]:
    """(normal_bar, hint_bar) of `contacts.tangents`; a direction of the world has no adjoint.

    The tangents lean with the normal, d first = - normal (first . d normal), and spin about it as the wished direction w does:
    by second . (d w - (normal . w) d normal) / |normal x w|.
    """
    wish, fixed = wished(normal, hint)
    second = normal.cross(first)
    across = normal.cross(wish)
    spin = second * let((first_bar.dot(second) - second_bar.dot(first)) / ti.sqrt(across.dot(across)))
    lean = first * first_bar.dot(normal) + second * second_bar.dot(normal)
    return (lean + spin * normal.dot(wish)) * -1.0, spin * let(ti.select(fixed, 0.0, 1.0))


def contact_bars(s, c, b, force_bar: Vec3 | None = None) -> ContactBar:
    """Adjoints of point, normal, distance and hint; ``force_bar``: adjoint of the contact force itself, fixed in the world."""
    seen = seen_differences(s, c, b)
    rows = [row_bar(c, b, k, seen) + row_bar(c, b, 3 + k, seen) for k in range(3)]
    if force_bar is not None:
        rows = [row + force_bar * c.get(b, "f", k) for k, row in enumerate(rows)]
    normal, first = Vec3.load(c.block(b, "frame"), 0), Vec3.load(c.block(b, "frame"), 3)
    normal_bar, hint_bar = tangents_adjoint(normal, Vec3.load(c.block(b, "hint")), first, rows[1], rows[2])
    moved = point_bar_of(s, c, b, c.integer(b, "slot2")) - point_bar_of(s, c, b, c.integer(b, "slot1"))
    return ContactBar(moved, rows[0] + normal_bar, c.get(b, "gap_bar"), hint_bar)


def hand_to_link(m, s, c, bar, g, found: SolidBar, want: bool) -> None:
    """Force and torque on a geom to its link, and to its place in the link and its size where wanted."""
    slot = m.geom_slot(g)
    place = Vec3.load(c.geom(g))
    field = force_at(place - tree_origin(s, slot), found.force)
    Spatial(field.a + found.torque, field.l).add_to(s.row("placement_bar", slot))
    if want:
        for k, value in enumerate(Pose.load(s.row("pose", slot)).r.transpose_apply(found.force).parts()):
            bar.add("geom_pos", value, g, k)
        local = Mat3.load(c.geom(g), 3).transpose_apply(found.torque)
        quat = Quat.load(m.cells("geom_quat", g)) * Quat(0.0 * local.x, *local.parts())
        for k, value in enumerate(quat.parts()):
            bar.add("geom_quat", 2.0 * value, g, k)
        for k, value in enumerate(found.size.parts()):
            bar.add("geom_size", value, g, k)


def stored_tags(c, b) -> Tags:
    return Tags(Vec3.load(c.block(b, "frame")), *(c.get(b, "tag", k) for k in range(4)))


@ti.func
def contact_adjoint(
    m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, bar: ti.template(), o: ti.template(), want: ti.template()
):
    """Adds to placement_bar of the two links and to the parameters of their geoms."""
    bars = contact_bars(s, c, b)
    pass_to_geoms(m, s, c, b, bars, bar, o, want)


@ti.func
def pass_to_geoms(
    m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, bars: ti.template(), bar: ti.template(), o: ti.template(),
    want: ti.template(),
):  # fmt: skip
    """From the adjoints of a contact's geometry and of its material."""
    cand = c.integer(b, "index")
    g1 = m.cand_geom1(cand)
    g2 = m.cand_geom2(cand)
    one = solid(m, c, o.shapes, g1)
    two = solid(m, c, o.shapes, g2)
    one_bar = SolidBar(one)
    two_bar = SolidBar(two)
    tags = stored_tags(c, b)
    code = m.cand_code(cand)
    for k in ti.static(o.pairs):
        if code == k:
            PAIRS[PAIR_TYPES[k]].find_adjoint(m, one, two, tags, bars, one_bar, two_bar)
    hand_to_link(m, s, c, bar, g1, one_bar, want)
    hand_to_link(m, s, c, bar, g2, two_bar, want)
    if ti.static(want):
        mix_adjoint(m, bar, cand, c.block(b, "solref_bar"), c.block(b, "solimp_bar"), c.block(b, "mu_bar"), -c.get(b, "gap_bar"))
        grazing_adjoint(m, bar, cand, c.block(b, "grazing_bar"))
