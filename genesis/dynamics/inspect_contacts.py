"""Kernel pair for contacts: where bodies touch at a state, and with which forces at an acceleration there.

Arrays hold S samples of B environments, see the tables below: a as constraints see it, rows one a contact in the order in which they are
found: number of the candidate pair from 1 (0: no contact), position, normal from geom 1 to geom 2, force on geom 2, distance (negative:
penetration); world frame.

Adjoint: G = sum of F_bar . F with the forces F of the contacts is p . f with p = frame F_bar in place of J w, see
`genesis.dynamics.constraints.adjoint`; F_bar does not turn with the links, so that the motion under w is absent.
"""

import taichi as ti

from genesis.dynamics.adjoint_sweep import undo_links
from genesis.dynamics.arrays import read_vector, write_coordinate_bar, write_vector
from genesis.dynamics.constraints.adjoint import constraint_forces, link_bars, seen_bars, stiffness_adjoint, wrench
from genesis.dynamics.constraints.collect import ConstraintProblem, collect
from genesis.dynamics.constraints.contact_adjoint import contact_bars, pass_to_geoms
from genesis.dynamics.constraints.laws import law_adjoint
from genesis.dynamics.constraints.ledger import CONTACT, LARGEST
from genesis.dynamics.constraints.material import contact_margin
from genesis.dynamics.constraints.motion_a import find_motion_a
from genesis.dynamics.constraints.step import Constraints
from genesis.dynamics.inspect import ACCELERATION, SAMPLES, STATE, move_all
from genesis.dynamics.kinematics import copy_spatial
from genesis.dynamics.signature import CONSTRAINTS, MODEL, PARAMETERS_BAR, TIMED, Array, Kernel, Signature, integers, reals
from genesis.dynamics.vectors import clear
from genesis.dynamics.workspace import ParameterBar, Robot, Scratch
from genesis.math.lanes import Block, let, load, store
from genesis.math.rotation import Vec3
from genesis.math.spatial import Spatial
from genesis.math.trace import in_double
from genesis.pairs.solid import ContactBar

FIELDS = (("candidate", 1), ("position", 3), ("normal", 3), ("force", 3), ("distance", 1))
PLACE = {name: sum(w for _, w in FIELDS[:i]) for i, (name, _) in enumerate(FIELDS)}
WIDTH = sum(width for _, width in FIELDS)

ROWS = Array("rows", TIMED, "S, B, contacts WIDTH", "launch")
PROBLEM = (
    *SAMPLES,
    *integers(
        ledger_stride="ledger of an environment",
        capacity="blocks of constraint rows that fit into it",
        cone="law of the friction cones, a code of laws.py",
        smooth="1: contacts and limits follow the smooth law",
    ),
)
CONSTANTS = reals(dt="time step [s]", impratio="impedance of friction to that of the normal")
CONTACT_ROWS = Signature("contact_rows", (*MODEL, *STATE, ACCELERATION, ROWS, *CONSTRAINTS), (*PROBLEM, *CONSTANTS))
CONTACT_ROWS_ADJOINT = Signature(
    "contact_rows_adjoint",
    (
        *(*MODEL, *STATE, ACCELERATION, ROWS.bar("caller")),
        *(*(x.bar("launch") for x in (*STATE, ACCELERATION)), PARAMETERS_BAR, *CONSTRAINTS),
    ),
    (*PROBLEM, *integers(parameter_bar_stride="parameters_bar of a block"), *CONSTANTS),
)


class SampleContacts:
    """The rows of one sample and environment."""

    _data_oriented = True

    def __init__(self, array, t, e) -> None:
        self.array, self.t, self.e = array, t, e

    def put(self, n, name: str, *values) -> None:
        for k, value in enumerate(values):
            store(self.array, value, self.t, self.e, n * WIDTH + (PLACE[name] + k))

    def vector(self, n, name: str) -> Vec3:
        return Vec3(*(load(self.array, self.t, self.e, n * WIDTH + (PLACE[name] + k)) for k in range(3)))

    def number(self, n, name: str):
        return load(self.array, self.t, self.e, n * WIDTH + PLACE[name])


@in_double
@ti.func
def write_contacts(m: ti.template(), s: ti.template(), c: ti.template(), o: ti.template(), rows: ti.template()):
    collect(m, s, c, o)
    constraint_forces(m, s, c, o)
    n = 0
    for b in range(c.count()):
        if c.integer(b, "source") == CONTACT:
            candidate = c.integer(b, "index")
            force, _ = wrench(c, b, "f")
            rows.put(n, "candidate", candidate + 1.0)
            rows.put(n, "position", *Vec3.load(c.block(b, "point")).parts())
            rows.put(n, "normal", *Vec3.load(c.block(b, "frame")).parts())
            rows.put(n, "force", *force.parts())
            rows.put(n, "distance", c.get(b, "gap") + contact_margin(m, candidate))
            n += 1


@in_double
@ti.func
def contacts_adjoint(
    m: ti.template(),
    s: ti.template(),
    c: ti.template(),
    bar: ti.template(),
    o: ti.template(),
    want: ti.template(),
    rows: ti.template(),
):
    """Of the forces of contacts and of where they act.

    Reads: motion_a, velocity, motion_w (zero)      Adds to: motion_a_bar, velocity_bar, placement_bar, parameters
    """
    collect(m, s, c, o)
    constraint_forces(m, s, c, o)
    n = 0
    for b in range(c.count()):
        if c.integer(b, "source") == CONTACT:
            force_bar = rows.vector(n, "force")
            dim = c.integer(b, "dim")
            for k in ti.static(range(LARGEST)):
                for name in ti.static(("p", "dy", "drag", "gap_bar")):
                    c.set(b, name, 0.0, k)
            for k in range(ti.min(dim, 3)):
                c.set(b, "p", Vec3.load(c.block(b, "frame", 3 * k)).dot(force_bar), k)
            if dim > 0:
                law_adjoint(c, b)
                stiffness_adjoint(m, c, b, bar, o, want)
                link_bars(s, c, b)
                seen_bars(s, c, b, "motion_a", "motion_a_bar")
            else:
                clear_material_bars(c, b)
            bars = with_direct(contact_bars(s, c, b, force_bar), rows, n)
            pass_to_geoms(m, s, c, b, bars, bar, o, want)
            n += 1


def with_direct(bars: ContactBar, rows: SampleContacts, n) -> ContactBar:
    """With the adjoints of position, normal and distance as they are read out."""
    p_bar, n_bar = bars.p_bar + rows.vector(n, "position"), bars.n_bar + rows.vector(n, "normal")
    return ContactBar(p_bar, n_bar, let(bars.dist_bar + rows.number(n, "distance")), bars.hint_bar)


def clear_material_bars(c, b) -> None:
    for name, width in (("mu_bar", 5), ("solref_bar", 2), ("solimp_bar", 5)):
        for k in range(width):
            c.set(b, name, 0.0, k)


class Touched:
    """What a joint inherits where contacts see velocities and accelerations, and the adjoints that pass through it."""

    _data_oriented = True

    def __init__(self, s, l) -> None:  # noqa: E741
        names = ("velocity", "motion_a", "velocity_bar", "motion_a_bar", "placement_bar")
        self.v, self.motion_a, self.v_bar, self.motion_a_bar, self.z = (
            copy_spatial(Spatial.load(s.row(name, l + 1))) for name in names
        )

    def displaced(self) -> Spatial:
        return self.v.cross_force(self.v_bar) + self.motion_a.cross_force(self.motion_a_bar) + self.z

    def undo(self, m, s, j, count: int) -> None:
        first, dof = m.jnt_axisadr(j), m.jnt_dof(j)
        axes = [Spatial.load(s.row("axis", first + k)) for k in range(count)]
        for k, x in enumerate(axes):
            self.v.assign(self.v - x * s.get("v", dof + k))
            self.motion_a.assign(self.motion_a - x * s.get("a_seen", dof + k))
        turned = self.displaced()
        for k, x in enumerate(axes):
            s.add("q_bar", x.dot(turned), dof + k)
            s.add("v_bar", 0.0 - x.dot(self.v_bar), dof + k)
            s.add("a_bar", 0.0 - x.dot(self.motion_a_bar), dof + k)

    def hand_down(self, s, parent) -> None:
        self.v_bar.add_to(s.row("velocity_bar", parent))
        self.motion_a_bar.add_to(s.row("motion_a_bar", parent))
        self.z.add_to(s.row("placement_bar", parent))


@ti.func
def clear_bars(m: ti.template(), s: ti.template()):
    """Nothing has come back yet.

    Writes: motion_w, velocity_bar, placement_bar, q_bar, v_bar, a_bar
    """
    zero = Spatial.zero(m.lanes)
    for slot in range(m.size("nlink") + 1):
        for name in ti.static(("motion_w", "velocity_bar", "placement_bar")):
            zero.store(s.row(name, slot))
    for name in ti.static(("q_bar", "v_bar", "a_bar")):
        clear(m, s, name)


def make_contacts(real, lanes: int, serial: bool, pairs: tuple[int, ...]) -> tuple[Kernel, Kernel, Kernel]:
    """The kernel of `CONTACT_ROWS`, and that of `CONTACT_ROWS_ADJOINT` without and with the parameters' adjoints."""

    @CONTACT_ROWS.kernel(real, lanes)
    def contact_rows(
        integers, parameters, scratch, q, v, a, rows, ledger, shapes,
        samples, batch, blocks, scratch_stride, parameter_stride, ledger_stride, capacity, cone, smooth,
        dt, impratio,
    ):  # fmt: skip
        ti.loop_config(block_dim=1, serialize=serial)
        for e in range(blocks):
            m = Robot(integers, parameters, e * parameter_stride, lanes)
            s = Scratch(m, scratch, e * scratch_stride)
            block = Block(e, batch, lanes)
            problem = ConstraintProblem(shapes, pairs, False, cone, impratio, dt, smooth, reverse=True)
            held = Constraints(ledger, e * (lanes * ledger_stride), ledger_stride, capacity, problem, None)
            for t in range(samples):
                move_all(m, s, block, q, v, t)
                read_vector(m, s, block, "nv", "a_seen", a, t)
                for k in range(lanes):
                    one = m.of_lane(k)
                    row = SampleContacts(rows, t, let(ti.min(e * lanes + k, batch - 1)))
                    write_contacts(one, s.of_lane(k), held.ledger(one, k), problem, row)

    return (
        contact_rows,
        make_contacts_adjoint(real, lanes, serial, pairs, False),
        make_contacts_adjoint(real, lanes, serial, pairs, True),
    )


def make_contacts_adjoint(real, lanes: int, serial: bool, pairs: tuple[int, ...], want: bool) -> Kernel:
    """The kernel of `CONTACT_ROWS_ADJOINT`; want: with the adjoints of the parameters."""

    @CONTACT_ROWS_ADJOINT.kernel(real, lanes)
    def contact_rows_adjoint(
        integers, parameters, scratch, q, v, a, rows_bar, q_bar, v_bar, a_bar, parameters_bar, ledger, shapes,
        samples, batch, blocks, scratch_stride, parameter_stride, ledger_stride, capacity, cone, smooth, parameter_bar_stride,
        dt, impratio,
    ):  # fmt: skip
        ti.loop_config(block_dim=1, serialize=serial)
        for e in range(blocks):
            m = Robot(integers, parameters, e * parameter_stride, lanes)
            s = Scratch(m, scratch, e * scratch_stride)
            block = Block(e, batch, lanes)
            bar = ParameterBar(m, parameters_bar, e * parameter_bar_stride)
            problem = ConstraintProblem(shapes, pairs, False, cone, impratio, dt, smooth, reverse=True)
            held = Constraints(ledger, e * (lanes * ledger_stride), ledger_stride, capacity, problem, None)
            for t in range(samples):
                move_all(m, s, block, q, v, t)
                read_vector(m, s, block, "nv", "a_seen", a, t)
                find_motion_a(m, s)
                clear_bars(m, s)
                for k in range(lanes):
                    one = m.of_lane(k)
                    row = SampleContacts(rows_bar, t, let(ti.min(e * lanes + k, batch - 1)))
                    contacts_adjoint(one, s.of_lane(k), held.ledger(one, k), bar.of_lane(k), problem, want, row)
                undo_links(m, s, bar, want, Touched)
                write_coordinate_bar(m, s, block, q_bar, t)
                write_vector(m, s, block, "nv", "v_bar", v_bar, t)
                write_vector(m, s, block, "nv", "a_bar", a_bar, t)

    return contact_rows_adjoint
