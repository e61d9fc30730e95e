"""Adjoints of the equalities. Derivation: docs/adjoints/constraints.md"""

import taichi as ti

from genesis.dynamics.constraints.contact_adjoint import point_bar_of, relative, row_bar, seen_differences
from genesis.dynamics.constraints.equality import WELD, polynomial, turn_acceleration, weld_turn
from genesis.dynamics.constraints.limits import copy_bars
from genesis.dynamics.constraints.rows import tree_origin
from genesis.joints.pose import Pose
from genesis.joints.scalar import displacement
from genesis.math.lanes import let
from genesis.math.rotation import Quat, Vec3
from genesis.math.spatial import Spatial, force_at

TRULY_SEEN = (("motion_w", "f", 1.0), ("acceleration", "dy", -1.0), ("velocity", "drag", 1.0))  # as SEEN of contacts
# what the seen acceleration is more than the stored one, where damping or Coriolis forces act after the constraints
SECOND_STAGE = ("motion_a_rest", "dy", -1.0)


@ti.func
def joint_equality_adjoint(
    m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, bar: ti.template(), want: ti.template()
):
    """Adds to q_bar through gap and slope, and to the coefficients."""
    n = c.integer(b, "index")
    j1 = m.eq_jnt1(n)
    j2 = m.eq_jnt2(n)
    gap_bar = c.get(b, "gap_bar")
    s.add("q_bar", m.get("jnt_scale", j1) * gap_bar, m.jnt_dof(j1))
    if ti.static(want):
        bar.add("eq_data", -gap_bar, n, 0)
    if j2 >= 0:
        poly = polynomial(m, s, n)
        i = m.jnt_dof(j2)
        scale = m.get("jnt_scale", j2)
        # the slope multiplies what the block's law sees of joint 2 under w, a and v
        seen = c.get(b, "f") * s.get("w", i) - c.get(b, "dy") * s.get("a_seen", i) + c.get(b, "drag") * s.get("v", i)
        s.add("q_bar", -scale * (poly[1] * gap_bar + poly[2] * scale * seen), i)
        if ti.static(want):
            x = displacement(m, s, j2)
            power = 1.0
            for k in ti.static(range(1, 5)):
                bar.add("eq_data", -(gap_bar * power * x + k * power * scale * seen), n, k)
                power = power * x
    if ti.static(want):
        copy_bars(c, b, bar, "eq_solref", "eq_solimp", n)


@ti.func
def body_equality_adjoint(
    m: ti.template(),
    s: ti.template(),
    c: ti.template(),
    b: ti.i32,
    bar: ti.template(),
    two_stage: ti.template(),
    want: ti.template(),
):
    """Adds to placement_bar of the two links, and to anchors, relative pose and scale."""
    n = c.integer(b, "index")
    weld = m.eq_type(n) == WELD
    first = 0  # where the anchors of the two links stand in the data
    second = 3
    if weld:
        first = 3
        second = 0
    gap_bar = Vec3.load(c.block(b, "gap_bar"))
    anchor_adjoint(m, s, c, b, bar, n, first, 1, gap_bar, two_stage, want)
    anchor_adjoint(m, s, c, b, bar, n, second, 2, gap_bar, two_stage, want)
    if weld:
        turn_adjoint(m, s, c, b, bar, n, two_stage, want)
    if ti.static(want):
        copy_bars(c, b, bar, "eq_solref", "eq_solimp", n)


def anchor_adjoint(m, s, c, b, bar, n, column, end: int, gap_bar: Vec3, two_stage: bool, want: bool) -> None:
    """The point that one link holds: it carries the rows and is one side of the gap p_1 - p_2."""
    slot = c.integer(b, f"slot{end}")
    point = Vec3.load(c.block(b, "point" if end == 1 else "point2"))
    side = -1.0 if end == 1 else 1.0
    lever = point - tree_origin(s, slot)
    velocity = Spatial.load(s.row("velocity", slot))
    # E grows by h . (w x (velocity at the point)) of each end
    force = Vec3(*(let(-side * c.get(b, "dy", k)) for k in range(3)))
    inward = force.cross(velocity.a)
    field = force_at(lever, inward)
    felt = Spatial(field.a + velocity.at(lever).cross(force), field.l)
    felt.add_to(s.row("velocity_bar", slot))
    total = (
        point_bar_of(s, c, b, slot, (*TRULY_SEEN, SECOND_STAGE) if two_stage else TRULY_SEEN) - gap_bar
    ) * side - inward.cross(velocity.a)
    (force_at(lever, total) - velocity.cross_force(felt)).add_to(s.row("placement_bar", slot))
    if want:
        for k, value in enumerate(Pose.load(s.row("pose", slot)).r.transpose_apply(total).parts()):
            bar.cells("eq_data", n).at(column).add(value, k)


def turn_adjoint(m, s, c, b, bar, n, two_stage: bool, want: bool) -> None:
    """Through Q and through the orientation of link 2, which carries the last three rows."""
    seen = seen_differences(s, c, b, TRULY_SEEN)
    spin, grown = turn_acceleration(s, c, b)
    if two_stage:
        grown = grown + relative(s, c, b, SECOND_STAGE[0]).a
    seen[1] = Spatial(grown, seen[1].l)
    one, two = (Pose.load(s.row("pose", c.integer(b, f"slot{end}"))) for end in (1, 2))
    q, scale = weld_turn(m, s, n), m.cells("eq_data", n).get(10)
    h = Vec3.load(c.block(b, "dy"), 3)
    lost = Vec3.load(c.block(b, "gap_bar"), 3) + h * (spin.dot(spin) * 0.25)
    spin_adjoint(s, c, b, spin * (h.dot(q.vec()) * scale * 0.5))
    w_bar, v_bar, turn2, scale_bar = None, lost * scale, None, lost.dot(q.vec())
    for k in range(3):
        row, bar_k = Vec3.load(c.block(b, "frame"), 9 + 3 * k), row_bar(c, b, 3 + k, seen)
        unit = Vec3.of(*(1.0 if i == k else 0.0 for i in range(3)))
        local = two.r.transpose_apply(bar_k) * (-0.5 * scale)
        w_bar = local.parts()[k] if w_bar is None else let(w_bar + local.parts()[k])
        v_bar = v_bar + unit.cross(local)
        turned = row.cross(bar_k)
        turn2 = turned if turn2 is None else turn2 + turned
        scale_bar = let(scale_bar + row.dot(bar_k) / scale)
    # a turn d of link 1 in the world moves Q by (0, R_2^T d / 2) Q, one of link 2 by as much the other way
    turn = two.r.apply((v_bar * q.w - q.vec() * w_bar + q.vec().cross(v_bar)) * 0.5)
    still = Vec3.zero(1)
    Spatial(turn, still).add_to(s.row("placement_bar", c.integer(b, "slot1")))
    Spatial(turn2 - turn, still).add_to(s.row("placement_bar", c.integer(b, "slot2")))
    if want:
        turn_bar = (two.q.conjugate() * one.q).conjugate() * Quat(w_bar, *v_bar.parts())
        for k, value in enumerate(turn_bar.parts()):
            bar.add("eq_data", value, n, 6 + k)
        bar.add("eq_data", scale_bar, n, 10)


def spin_adjoint(s, c, b, spin_bar: Vec3) -> None:
    """Of T . (w_2 x w_1), with T the torque of h, and of the square of the relative spin."""
    rows = [Vec3.load(c.block(b, "frame"), 9 + 3 * k) * c.get(b, "dy", 3 + k) for k in range(3)]
    torque, still = rows[0] + rows[1] + rows[2], Vec3.zero(1)
    one, two = (Vec3.load(s.row("velocity", c.integer(b, f"slot{end}"))) for end in (1, 2))
    for end, bar in ((1, torque.cross(two) + spin_bar), (2, one.cross(torque) - spin_bar)):
        slot, felt = c.integer(b, f"slot{end}"), Spatial(bar, still)
        felt.add_to(s.row("velocity_bar", slot))
        (Spatial.load(s.row("velocity", slot)).cross_force(felt) * -1.0).add_to(s.row("placement_bar", slot))
