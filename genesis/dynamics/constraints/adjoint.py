"""Adjoint of the constraint forces: gradient of G = (J w) . f(J a + bias) with w and a held fixed.

A block between two links is seen through motion fields: G depends on f . (W_2 - W_1), - h . (L_2 - L_1) and drag . (V_2 - V_1) along its
frame, with W the motion under w, L that under the acceleration alone (of a connect or weld the true acceleration), V the velocity, h = H J w and drag = - B h + what d owes to the velocity. Derivation: docs/adjoints/constraints.md
"""

import taichi as ti

from genesis.dynamics.constraints.contact_adjoint import contact_adjoint
from genesis.dynamics.constraints.equality_adjoint import body_equality_adjoint, joint_equality_adjoint
from genesis.dynamics.constraints.impedance import impedance_adjoint, reference_adjoint
from genesis.dynamics.constraints.equality import JOINT
from genesis.dynamics.constraints.laws import ELLIPTIC, PYRAMID, law, law_adjoint
from genesis.dynamics.constraints.ledger import CONTACT, DRY_FRICTION, LIMIT
from genesis.dynamics.constraints.ledger import EQUALITY as FROM_EQUALITY
from genesis.dynamics.constraints.limits import dry_friction_adjoint, limit_adjoint
from genesis.dynamics.constraints.rows import along, gap_norm, tree_origin
from genesis.dynamics.constraints.smooth import smooth_impedance_adjoint, smooth_reference_adjoint
from genesis.math.rotation import Vec3
from genesis.math.spatial import Spatial, force_at


def wrench(c, b, name: str) -> tuple[Vec3, Vec3]:
    """Force and torque on body 2 of the entries of a field along the frame."""
    rows = [Vec3.load(c.block(b, "frame"), 3 * k) * c.get(b, name, k) for k in range(6)]
    return rows[0] + rows[1] + rows[2], rows[3] + rows[4] + rows[5]


def push(s, c, b, into: str, force: Vec3, torque: Vec3, sign: float) -> None:
    """into += sign * wrench on body 2 and its reaction on body 1, about the reference points of their trees."""
    for slot_name, point_name, direction in (("slot2", "point2", sign), ("slot1", "point", -sign)):
        slot = c.integer(b, slot_name)
        lever = Vec3.load(c.block(b, point_name)) - tree_origin(s, slot)
        field = force_at(lever, force)
        (Spatial(field.a + torque, field.l) * direction).add_to(s.row(into, slot))


@ti.func
def between_links(m: ti.template(), c: ti.template(), b: ti.i32):
    """Whether block b acts between two links, not on a joint."""
    source = c.integer(b, "source")
    found = source == CONTACT
    if source == FROM_EQUALITY:
        found = m.eq_type(c.integer(b, "index")) != JOINT
    return found


@ti.func
def constraint_forces(m: ti.template(), s: ti.template(), c: ti.template()):
    """Forces and Hessians at the stored acceleration, and minus the forces on the links, as they stand in g.

    Reads: blocks, a_seen      Writes: y, f, hess      Adds to: contact_force
    """
    for b in range(c.count()):
        held = between_links(m, c, b) and c.integer(b, "source") != CONTACT
        for k in range(c.integer(b, "dim")):
            y = c.get(b, "bias", k) + along(m, c, b, k, s.row("a_seen"))
            if held:  # the bias of a connect or weld holds the accelerations of its links, which are those at a here
                y -= along(m, c, b, k, s.row("a"))
            c.set(b, "y", y, k)
        law(c, b, True)
        if between_links(m, c, b):
            force, torque = wrench(c, b, "f")
            push(s, c, b, "contact_force", force, torque, -1.0)


@ti.func
def constraint_bars(m: ti.template(), s: ti.template(), c: ti.template(), bar: ti.template(), o: ti.template(), want: ti.template()):
    """Everything that the forces of the blocks add to the reverse sweep.

    Reads:   blocks with y, f, hess; w, a_seen, v; probe, lift, velocity of the links
    Adds to: lift_bar, velocity_bar, placement_bar of the links, q_bar, v_bar of the joints, parameters
    """
    for b in range(c.count()):
        dim = c.integer(b, "dim")
        if dim > 0:
            for k in range(dim):
                c.set(b, "p", along(m, c, b, k, s.row("w")), k)
            law_adjoint(c, b)
            stiffness_adjoint(m, c, b, bar, o, want)
            if between_links(m, c, b):
                link_bars(s, c, b)
                link_block_adjoint(m, s, c, b, bar, o, want)
            else:
                pull_on_velocity(m, s, c, b)
                joint_block_adjoint(m, s, c, b, bar, want)


@ti.func
def link_block_adjoint(
    m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, bar: ti.template(), o: ti.template(), want: ti.template()
):
    """What only a contact has, or a connect or weld."""
    if c.integer(b, "source") == CONTACT:
        seen_bars(s, c, b, "lift")
        if ti.static(len(o.pairs) > 0):
            contact_adjoint(m, s, c, b, bar, o, want)
    else:
        seen_bars(s, c, b, "acceleration")
        body_equality_adjoint(m, s, c, b, bar, want)


@ti.func
def joint_block_adjoint(m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, bar: ti.template(), want: ti.template()):
    """What only a limit has, or a dry friction or a joint equality."""
    source = c.integer(b, "source")
    if source == LIMIT:
        limit_adjoint(m, s, c, b, bar, want)
    elif source == DRY_FRICTION:
        if ti.static(want):
            dry_friction_adjoint(m, c, b, bar)
    else:
        joint_equality_adjoint(m, s, c, b, bar, want)


@ti.func
def stiffness_adjoint(m: ti.template(), c: ti.template(), b: ti.i32, bar: ti.template(), o: ti.template(), want: ti.template()):
    """From the adjoints of y and D to those of the gap, the friction, solref and solimp; twin of `rows.stiffen`.

    Reads: dy (minus the adjoint of y), d_bar      Writes: gap_bar, drag, solref_bar, solimp_bar      Adds to: mu_bar
    """
    dim = c.integer(b, "dim")
    kind = c.integer(b, "kind")
    d = c.get(b, "impedance")
    stiffness = c.get(b, "impedance", 2)
    damping = c.get(b, "impedance", 1)
    rise = 0.0  # adjoint of log D, summed over the rows
    lean = 0.0  # h . gap
    damp = 0.0  # h . speed
    mu = c.get(b, "mu")
    tilt = 0.0
    for k in range(dim):
        h = c.get(b, "dy", k)
        gap = c.get(b, "gap", k)
        part = c.get(b, "d_bar", k) * c.get(b, "d", k)
        rise += part
        lean += h * gap
        damp += h * c.get(b, "speed", k)
        c.set(b, "gap_bar", -h * stiffness, k)
        c.set(b, "drag", -h * damping, k)
        if kind == ELLIPTIC and k > 0:
            c.block(b, "mu_bar", k - 1).add(2.0 * part / c.get(b, "mu", k - 1))
            tilt -= 2.0 * part / mu
        elif kind == PYRAMID:
            tilt -= part * (2.0 / mu + 2.0 * mu / (1.0 + mu * mu))
    if kind == PYRAMID or kind == ELLIPTIC:
        c.block(b, "mu_bar").add(tilt)
    d_bar = rise / (d * (1.0 - d))
    norm = gap_norm(c, b)
    solimp = c.block(b, "solimp")
    slope = c.get(b, "impedance", 3)
    smooth = c.get(b, "smooth") != 0.0
    if smooth:
        c.block(b, "gap_bar").add(d_bar * slope)
        c.block(b, "drag").add(d_bar * c.get(b, "impedance", 4))
    else:
        d_bar -= stiffness / d * lean
        if norm > 0.0:
            for k in range(dim):
                c.block(b, "gap_bar", k).add(d_bar * slope * c.get(b, "gap", k) / norm)
    if ti.static(want):
        for k in ti.static(range(5)):
            c.set(b, "solimp_bar", 0.0, k)
        for k in ti.static(range(2)):
            c.set(b, "solref_bar", 0.0, k)
        solref = c.block(b, "solref")
        solimp_bar = c.block(b, "solimp_bar")
        dmax_bar = c.block(b, "solimp_bar", 1)
        solref_bar = c.block(b, "solref_bar")
        if smooth:
            smooth_impedance_adjoint(solimp, c.get(b, "gap"), c.get(b, "speed"), o.dt, d_bar, solimp_bar)
            smooth_reference_adjoint(solref, solimp.get(1), o.dt, -damp, -lean, solref_bar, dmax_bar)
        else:
            impedance_adjoint(solimp, norm, d_bar, solimp_bar)
            reference_adjoint(solref, solimp.get(1), o.dt, -damp, -lean * d, solref_bar, dmax_bar)


@ti.func
def pull_on_velocity(m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32):
    """v_bar += J^T drag for a block that acts on joints."""
    count = c.integer(b, "dof_num")
    first = c.integer(b, "dof_adr")
    for k in range(c.integer(b, "dim")):
        force = c.get(b, "drag", k)
        for i in range(count):
            s.add("v_bar", force * c.jacobian(b, k, count).get(i), m.cdof_dof(first + i))


def link_bars(s, c, b) -> None:
    """Adjoints of the velocities of the two links, and of turning the links while their motions under w and velocities turn along."""
    f, drag = wrench(c, b, "f"), wrench(c, b, "drag")
    push(s, c, b, "velocity_bar", *drag, -1.0)
    for end in (1, 2):
        turn_along(s, c, b, end, (("probe", f, 1.0), ("velocity", drag, 1.0)))


def seen_bars(s, c, b, motion: str) -> None:
    """The same for the motion in y: "lift", or "acceleration" where the rows see the true acceleration of the violation."""
    h = wrench(c, b, "dy")
    push(s, c, b, f"{motion}_bar", *h, 1.0)
    for end in (1, 2):
        turn_along(s, c, b, end, ((motion, h, -1.0),))


def turn_along(s, c, b, end: int, parts: tuple) -> None:
    """placement_bar += the sum of X x* F over the motions X of one end and the forces F that see them in G."""
    slot, side = c.integer(b, f"slot{end}"), 1.0 if end == 2 else -1.0
    lever = Vec3.load(c.block(b, "point2" if end == 2 else "point")) - tree_origin(s, slot)
    for name, (force, torque), sign in parts:
        field = force_at(lever, force)
        turned = Spatial.load(s.row(name, slot)).cross_force(Spatial(field.a + torque, field.l))
        (turned * (side * sign)).add_to(s.row("placement_bar", slot))
