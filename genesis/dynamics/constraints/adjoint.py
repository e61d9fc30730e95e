"""Adjoint of the constraint forces: gradient of G = (J w) . f(J a + bias) with w and a held fixed.

A block between two links is seen through motion fields: G depends on f . (W_2 - W_1), - h . (L_2 - L_1) and drag . (V_2 - V_1) along its
frame, with W the motion under w, L that under the acceleration alone (of a connect or weld the true acceleration), V the velocity,
h = H J w and drag = - B h + what d owes to the velocity. Derivation: docs/adjoints/constraints.md
"""

import taichi as ti

from genesis.dynamics.constraints.contact_adjoint import contact_adjoint
from genesis.dynamics.constraints.equality import JOINT
from genesis.dynamics.constraints.equality_adjoint import body_equality_adjoint, joint_equality_adjoint
from genesis.dynamics.constraints.faults import is_finite
from genesis.dynamics.constraints.impedance import impedance_adjoint, reference_adjoint
from genesis.dynamics.constraints.laws import ELLIPTIC, PYRAMID, law, law_adjoint
from genesis.dynamics.constraints.ledger import CONTACT, DRY_FRICTION, LIMIT
from genesis.dynamics.constraints.ledger import EQUALITY as FROM_EQUALITY
from genesis.dynamics.constraints.limits import dry_friction_adjoint, limit_adjoint
from genesis.dynamics.constraints.rows import LEAST_R, along, gap_norm, has_own, tree_origin
from genesis.dynamics.constraints.smooth import smooth_impedance_adjoint, smooth_reference_adjoint
from genesis.math.lanes import let
from genesis.math.rotation import Vec3
from genesis.math.spatial import Spatial, force_at

LEAST_D = 1e-30  # keeps an impedance that has underflown out of a division


def wrench(c, b, name: str) -> tuple[Vec3, Vec3]:
    """Force and torque on body 2 of the entries of a field along the frame."""
    rows = [Vec3.load(c.block(b, "frame"), 3 * k) * c.get(b, name, k) for k in range(6)]
    return rows[0] + rows[1] + rows[2], rows[3] + rows[4] + rows[5]


def end_of(s, c, b, end):
    """Of body 1 (end 0) or body 2 (1): its slot, its side (-1, +1), and where the block acts on it from its reference point."""
    slot = let(ti.cast(c.get(b, "slot1", end), ti.i32))
    return slot, let(2.0 * end - 1.0), Vec3.load(c.block(b, "point", 3 * end)) - tree_origin(s, slot)


def field_of(lever: Vec3, force: Vec3, torque: Vec3) -> Spatial:
    field = force_at(lever, force)
    return Spatial(field.a + torque, field.l)


@ti.func
def push(
    s: ti.template(),
    c: ti.template(),
    b: ti.i32,
    into: ti.template(),
    force: ti.template(),
    torque: ti.template(),
    sign: ti.template(),
):
    """into += sign * wrench on body 2 and its reaction on body 1, about the reference points of their trees."""
    for end in range(2):
        slot, side, lever = end_of(s, c, b, end)
        (field_of(lever, force, torque) * (sign * side)).add_to(s.row(into, slot))


@ti.func
def between_links(m: ti.template(), c: ti.template(), b: ti.i32, o: ti.template()):
    """Whether block b acts between two links, not on a joint."""
    source = c.integer(b, "source")
    found = source == CONTACT
    if ti.static(o.equalities):
        if source == FROM_EQUALITY:
            found = m.eq_type(c.integer(b, "index")) != JOINT
    return found


@ti.func
def constraint_forces(m: ti.template(), s: ti.template(), c: ti.template(), o: ti.template()):
    """Forces and Hessians at the stored acceleration, and minus the forces on the links, as they stand in g. Returns: whether all is finite.

    Reads: blocks, a_seen, a      Writes: y, f, hess      Adds to: force
    """
    total = 0.0
    for b in range(c.count()):
        held = between_links(m, c, b, o) and c.integer(b, "source") != CONTACT
        for k in range(c.integer(b, "dim")):
            y = c.get(b, "bias", k) + along(m, c, b, k, s.row("a_seen"))
            if held:  # the bias of a connect or weld holds the accelerations of its links, which are those at a here
                y -= along(m, c, b, k, s.row("a"))
            c.set(b, "y", y, k)
            total += y + c.get(b, "d", k)
        law(c, b, True)
        if between_links(m, c, b, o):
            force, torque = wrench(c, b, "f")
            push(s, c, b, "force", force, torque, -1.0)
    return is_finite(total)


@ti.func
def constraint_bars(
    m: ti.template(), s: ti.template(), c: ti.template(), bar: ti.template(), o: ti.template(), want: ti.template()
):
    """Everything that the forces of the blocks add to the reverse sweep.

    Reads: blocks (with y, f, hess), w, a_seen, q, v, pose, velocity, acceleration, motion_w, motion_a, motion_a_rest (in two stages)
    Adds to: motion_a_bar, velocity_bar, acceleration_bar, placement_bar, motion_a_rest_bar (in two stages), q_bar, v_bar, parameters
    """
    for b in range(c.count()):
        dim = c.integer(b, "dim")
        if dim > 0:
            for k in range(dim):
                c.set(b, "p", along(m, c, b, k, s.row("w")), k)
            law_adjoint(c, b)
            stiffness_adjoint(m, c, b, bar, o, want)
            if between_links(m, c, b, o):
                link_bars(s, c, b)
                link_block_adjoint(m, s, c, b, bar, o, want)
            else:
                pull_on_velocity(m, s, c, b)
                joint_block_adjoint(m, s, c, b, bar, o, want)


@ti.func
def link_block_adjoint(
    m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, bar: ti.template(), o: ti.template(), want: ti.template()
):
    """What only a contact has, or a connect or weld."""
    if c.integer(b, "source") == CONTACT:
        if ti.static(len(o.pairs) > 0):
            seen_bars(s, c, b, "motion_a", "motion_a_bar")
            contact_adjoint(m, s, c, b, bar, o, want)
    else:
        if ti.static(o.equalities):
            seen_bars(s, c, b, "acceleration", "acceleration_bar")
            if ti.static(o.two_stage):
                seen_bars(s, c, b, "motion_a_rest", "motion_a_rest_bar")
            body_equality_adjoint(m, s, c, b, bar, o.two_stage, want)


@ti.func
def joint_block_adjoint(
    m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, bar: ti.template(), o: ti.template(), want: ti.template()
):
    """What only a limit has, or a dry friction or a joint equality."""
    source = c.integer(b, "source")
    if source == LIMIT:
        limit_adjoint(m, s, c, b, bar, want)
    elif source == DRY_FRICTION:
        if ti.static(want):
            dry_friction_adjoint(m, c, b, bar)
    else:
        if ti.static(o.equalities):
            joint_equality_adjoint(m, s, c, b, bar, want)


@ti.func
def stiffness_adjoint(m: ti.template(), c: ti.template(), b: ti.i32, bar: ti.template(), o: ti.template(), want: ti.template()):
    """From the adjoints of y and D to those of the gap, the friction, solref and solimp; twin of `rows.stiffen`.

    Reads: dy (minus the adjoint of y), d_bar      Writes: gap_bar, drag, solref_bar, grazing_bar, solimp_bar      Adds to: mu_bar
    """
    dim = c.integer(b, "dim")
    kind = c.integer(b, "kind")
    d = c.get(b, "impedance")
    stiffness = c.get(b, "impedance", 2)
    rise = 0.0  # adjoint of log D, summed over the rows
    lean = 0.0  # h . gap
    damp = 0.0  # h . speed, of the rows that follow solref
    graze = 0.0  # the same of those with a reference of their own
    own = kind == ELLIPTIC and has_own(c.block(b, "grazing"))
    mu = c.get(b, "mu")
    tilt = 0.0
    for k in range(dim):
        h = c.get(b, "dy", k)
        gap = c.get(b, "gap", k)
        part = c.get(b, "d_bar", k) * c.get(b, "d", k)
        rise += part
        lean += h * gap
        if own and k > 0:
            graze += h * c.get(b, "speed", k)
        else:
            damp += h * c.get(b, "speed", k)
        c.set(b, "gap_bar", -h * stiffness, k)
        c.set(b, "drag", -h * c.get(b, "impedance", ti.select(k == 0, 1, 5)), k)
        if kind == ELLIPTIC and k > 0:
            c.block(b, "mu_bar", k - 1).add(2.0 * part / c.get(b, "mu", k - 1))
            tilt -= 2.0 * part / mu
        elif kind == PYRAMID:
            tilt -= part * (2.0 / mu + 2.0 * mu / (1.0 + mu * mu))
    if kind == PYRAMID or kind == ELLIPTIC:
        c.block(b, "mu_bar").add(tilt)
    if (1.0 - d) * c.get(b, "weight") <= LEAST_R * d:
        rise = 0.0
    d_bar = rise / ti.max(d * (1.0 - d), LEAST_D)
    norm = gap_norm(c, b)
    slope = c.get(b, "impedance", 3)
    if c.get(b, "smooth") != 0.0:
        c.block(b, "gap_bar").add(d_bar * slope)
        c.block(b, "drag").add(d_bar * c.get(b, "impedance", 4))
    else:
        d_bar -= stiffness / d * lean
        if norm > 0.0:
            for k in range(dim):
                c.block(b, "gap_bar", k).add(d_bar * slope * c.get(b, "gap", k) / norm)
    if ti.static(want):
        solver_parameters_adjoint(c, b, o, own, norm, d_bar, lean, damp, graze)


@ti.func
def solver_parameters_adjoint(
    c: ti.template(), b: ti.i32, o: ti.template(), own: ti.template(), norm: ti.template(),
    d_bar: ti.template(), lean: ti.template(), damp: ti.template(), graze: ti.template(),
):  # fmt: skip
    """From the adjoint of the impedance, and sums over the rows, to those of solref and solimp. own: whether the friction rows have a
    reference of their own.

    Writes: solref_bar, grazing_bar, solimp_bar
    """
    for k in ti.static(range(5)):
        c.set(b, "solimp_bar", 0.0, k)
    for k in ti.static(range(2)):
        c.set(b, "solref_bar", 0.0, k)
        c.set(b, "grazing_bar", 0.0, k)
    d = c.get(b, "impedance")
    solref = c.block(b, "solref")
    solimp = c.block(b, "solimp")
    solimp_bar = c.block(b, "solimp_bar")
    dmax_bar = c.block(b, "solimp_bar", 1)
    solref_bar = c.block(b, "solref_bar")
    if c.get(b, "smooth") != 0.0:
        smooth_impedance_adjoint(solimp, c.get(b, "gap"), c.get(b, "speed"), o.dt, d_bar, solimp_bar)
        smooth_reference_adjoint(solref, solimp.get(1), o.dt, -damp, -lean, solref_bar, dmax_bar)
        if own:
            smooth_reference_adjoint(c.block(b, "grazing"), solimp.get(1), o.dt, -graze, 0.0, c.block(b, "grazing_bar"), dmax_bar)
    else:
        impedance_adjoint(solimp, norm, d_bar, solimp_bar)
        reference_adjoint(solref, solimp.get(1), o.dt, -damp, -lean * d, solref_bar, dmax_bar)
        if own:
            reference_adjoint(c.block(b, "grazing"), solimp.get(1), o.dt, -graze, 0.0, c.block(b, "grazing_bar"), dmax_bar)


@ti.func
def pull_on_velocity(m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32):
    """v_bar += J^T drag for a block that acts on joints."""
    count = c.integer(b, "dof_num")
    first = c.integer(b, "dof_adr")
    for k in range(c.integer(b, "dim")):
        force = c.get(b, "drag", k)
        for i in range(count):
            s.add("v_bar", force * c.jacobian(b, k, count).get(i), m.cdof_dof(first + i))


@ti.func
def link_bars(s: ti.template(), c: ti.template(), b: ti.i32):
    """Adjoints of the velocities of the two links, and of turning the links while their motions under w and velocities turn along:
    placement_bar += the sum of X x* F over the motions X of each end and the forces F that see them in G."""
    f, torque = wrench(c, b, "f")
    drag, twist = wrench(c, b, "drag")
    for end in range(2):
        slot, side, lever = end_of(s, c, b, end)
        pull = field_of(lever, f, torque) * side
        slowed = field_of(lever, drag, twist) * side
        (slowed * -1.0).add_to(s.row("velocity_bar", slot))
        turned = Spatial.load(s.row("motion_w", slot)).cross_force(pull)
        (turned + Spatial.load(s.row("velocity", slot)).cross_force(slowed)).add_to(s.row("placement_bar", slot))


@ti.func
def seen_bars(s: ti.template(), c: ti.template(), b: ti.i32, motion: ti.template(), bar: ti.template()):
    """The same for the motion in y: "motion_a", or "acceleration" where the rows see the true acceleration of the violation."""
    h, twist = wrench(c, b, "dy")
    for end in range(2):
        slot, side, lever = end_of(s, c, b, end)
        seen = field_of(lever, h, twist) * side
        seen.add_to(s.row(bar, slot))
        (Spatial.load(s.row(motion, slot)).cross_force(seen) * -1.0).add_to(s.row("placement_bar", slot))
