"""Kernel: derivatives of the acceleration and of one time step at many states, in the tangent space of the configurations.

A row of the derivative of a is the adjoint of one unit vector. What belongs to the state alone (places, factors, constraints with their
Hessian, forces summed over the subtrees) is found once; a row takes one solution with the factors and one sweep over the links. The rows of v'
and q' follow from those of a. Derivation: docs/adjoints/linearize.md

Symbols as in `rollout.py`: B states, F chosen parameters.
"""

import taichi as ti

from genesis.dynamics.actuator_damping import actuator_damping_bars
from genesis.dynamics.adjoint_sweep import SummedBase, find_motion_w, gather_bars, sum_forces
from genesis.dynamics.arrays import clear_control_bars, read_vector
from genesis.dynamics.constraints.collect import ConstraintProblem
from genesis.dynamics.constraints.damped import DampedBase, correct_damping_bars, second_motions
from genesis.dynamics.constraints.motion_a import ConstrainedBase, clear_motion_a_bar, find_motion_a
from genesis.dynamics.constraints.step import add_constraint_bars, find_multipliers, prepare_constraints
from genesis.dynamics.coriolis import BODIES, keep_bodies
from genesis.dynamics.joint_forces import joint_forces_adjoint
from genesis.dynamics.kinematics import move_links
from genesis.dynamics.rollout import Version
from genesis.dynamics.signature import (
    BLOCK,
    CONSTRAINTS,
    INTEGERS,
    LAYOUT,
    MODEL,
    PARAMETERS_BAR,
    TIMED,
    Array,
    Kernel,
    Signature,
    integers,
    reals,
)
from genesis.dynamics.step import acceleration_again, difference, last_multiplier, of_vector, solve_multiplier
from genesis.dynamics.vectors import clear
from genesis.dynamics.workspace import ParameterBar, Robot
from genesis.joints import COORDINATES
from genesis.math.lanes import Block, Cells, constant, let, load

LINEARIZE = Signature(
    "linearize",
    (
        *MODEL,
        Array("q", TIMED, "1, B, nq", "caller"),
        Array("v", TIMED, "1, B, nv", "caller"),
        Array("a", TIMED, "1, B, nv", "caller"),  # the acceleration there
        Array("dof_ctrl", TIMED, "1, B, nv", "caller"),
        Array("act_ctrl", TIMED, "1, B, nu", "caller", optional=True),  # unless actuated
        Array("columns", INTEGERS, "(F,): the chosen parameters", "caller"),
        Array("rows", BLOCK, "(blocks, nv, row_width), see `Rows`", "launch"),
        Array("state_rows", TIMED, "1, B, 2 nv 2 nv", "launch"),
        Array("dof_ctrl_rows", TIMED, "1, B, 2 nv nv", "launch"),
        Array("act_ctrl_rows", TIMED, "1, B, 2 nv nu", "launch", optional=True),
        Array("parameter_rows", TIMED, "1, B, 2 nv F", "launch"),
        PARAMETERS_BAR,
        *CONSTRAINTS,
    ),
    (
        *LAYOUT,
        *integers(
            chosen="F",
            row_width="numbers of a row",
            parameter_bar_stride="parameters_bar of a block",
            actuated="1: act_ctrl is there",
            ledger_stride="ledger of a state",
            capacity="blocks of constraint rows that fit into it",
            cone="law of the friction cones, a code of laws.py",
            smooth="1: contacts and limits follow the smooth law",
        ),
        *reals(
            dt="time step [s]",
            damping_dt="the same where damping acts at its end, else 0",
            impratio="impedance of friction to that of the normal",
            reach="how far pairs that never touch are felt beyond their margin [m]",
        ),
    ),
)
OF_PARAMETERS = {"columns", "parameter_rows", "parameters_bar"}  # arrays of the version with their derivatives


def row_width(nv: int, nu: int, chosen: int) -> int:
    """Numbers of one of `Rows`."""
    return 4 * nv + nu + chosen


class Rows:
    """The derivative of the acceleration at a block of states, one row per degree of freedom: to q, v, dof_ctrl, act_ctrl, the chosen
    parameters; behind it the multiplier of what acts at the end of the step."""

    _data_oriented = True

    def __init__(self, m, array, first, width, chosen) -> None:
        nv, nu = m.sizes["nv"], m.sizes["nu"]
        self.robot, self.array, self.first, self.width = m, array, let(first), let(width)
        self.place = {
            "q_bar": 0, "v_bar": nv, "dof_ctrl_bar": 2 * nv, "act_ctrl_bar": 3 * nv, "parameters": 3 * nv + nu, "w": width - nv,
        }  # fmt: skip
        self.chosen = chosen

    def row(self, name: str, k) -> Cells:
        return Cells(self.array, self.robot.opaque(self.first + k * self.width + self.place[name]))


class Chosen:
    """Adjoints of the parameters during a row, of which some are kept."""

    _data_oriented = True

    def __init__(self, bar: ParameterBar, size, columns, count) -> None:
        self.bar, self.size, self.columns, self.count = bar, size, columns, count


@ti.func
def find_state(m: ti.template(), s: ti.template(), o: ti.template()):
    """What all rows share.

    Reads: q, v, a, dof_ctrl, act_ctrl
    Writes: link_inertia, axis, mass, inverse_pivot, active, velocity, acceleration, motion_a (with constraints)
    Overwrites: force (of the subtrees)
    """
    acceleration_again(m, s, o)
    move_links(m, s, 0)
    if ti.static(o.constrained):
        prepare_constraints(m, s, o.constraints)
        find_motion_a(m, s)
    sum_forces(m, s)


@ti.func
def clear_bars(m: ti.template(), s: ti.template(), o: ti.template(), chosen: ti.template()):
    """Of a row that begins."""
    clear(m, s, "q_bar")
    clear(m, s, "v_bar")
    clear_control_bars(m, s, o)
    if ti.static(o.want):
        cells = chosen.bar.array_cells
        zero = constant(0.0, m.lanes)
        for p in range(chosen.size):
            cells.set(zero, p)


@ti.func
def find_row(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template(), k: ti.i32):
    """The adjoint of number k of the acceleration, without Coriolis forces at the end of the step; twin of `acceleration_adjoint`.

    Writes: a_bar, w, w_seen      Adds to: q_bar, v_bar, dof_ctrl_bar, act_ctrl_bar, parameters
    """
    clear(m, s, "a_bar")
    s.set("a_bar", constant(1.0, m.lanes), k)
    clear(m, s, "w")
    s.set("w", constant(1.0, m.lanes), k)
    solve_multiplier(m, s, o)
    if ti.static(o.constrained):
        find_multipliers(m, s, o.constraints, o.two_stage)
    find_motion_w(m, s, bar, 0, o.want)
    if ti.static(o.two_stage):
        clear_motion_a_bar(m, s)
        second_motions(m, s, bar, o.want)
        add_constraint_bars(m, s, bar, o.constraints, o.want)
        gather_bars(m, s, bar, o.want, SummedDampedBase)
    elif ti.static(o.constrained):
        clear_motion_a_bar(m, s)
        add_constraint_bars(m, s, bar, o.constraints, o.want)
        gather_bars(m, s, bar, o.want, SummedConstrainedBase)
    else:
        gather_bars(m, s, bar, o.want, SummedBase)
    joint_forces_adjoint(m, s, bar, o.damping_dt, o.actuated, o.want)
    if ti.static(o.want):
        damping_bars(m, s, bar, o)


@ti.func
def damping_bars(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template()):
    """What implicit damping owes to its parameters, in the order of `acceleration_adjoint`."""
    if ti.static(o.two_stage):
        correct_damping_bars(m, s, bar, o)
    if ti.static(o.implicit_actuators):
        if ti.static(o.two_stage and o.damped_last):
            actuator_damping_bars(m, s, bar, o.damping_dt, last_multiplier, of_vector("a"))
        else:
            actuator_damping_bars(m, s, bar, o.damping_dt, of_vector("w"), of_vector("a"))
            if ti.static(o.two_stage):
                actuator_damping_bars(m, s, bar, o.damping_dt, of_vector("w_seen"), difference)


@ti.func
def find_row_of_coriolis(
    m: ti.template(),
    s: ti.template(),
    bar: ti.template(),
    o: ti.template(),
    rows: ti.template(),
    k: ti.i32,
    factor: ti.template(),
):
    """What one of the two sweeps of `coriolis_bars` adds to row k, at a velocity that is v plus or minus dt a."""
    for i in range(m.size("nv")):
        s.set("w", factor * rows.row("w", k).get(i), i)
    if ti.static(o.implicit_coriolis == BODIES):
        keep_bodies(m, s)
    find_motion_w(m, s, bar, 0, o.want)
    gather_bars(m, s, bar, o.want, SummedBase)


@ti.func
def find_rows(m: ti.template(), s: ti.template(), o: ti.template(), chosen: ti.template(), rows: ti.template()):
    """All rows of the derivative of the acceleration. Returns: a number that is finite if they are.

    Reads: q, v, a, dof_ctrl, act_ctrl      Overwrites: v (with Coriolis forces), a (with Coriolis forces)
    """
    find_state(m, s, o)
    total = constant(0.0, m.lanes)
    for k in range(m.size("nv")):
        clear_bars(m, s, o, chosen)
        find_row(m, s, chosen.bar, o, k)
        total += keep_row(m, s, o, chosen, rows, k, False)
    if ti.static(o.implicit_coriolis):
        for side in range(2):
            factor = 0.5 - 1.0 * side
            for i in range(m.size("nv")):
                if side == 0:
                    s.set("seen_rate", o.dt * s.get("a", i), i)
                    s.add("v", s.get("seen_rate", i), i)
                else:
                    s.add("v", -2.0 * s.get("seen_rate", i), i)
            clear(m, s, "a")
            move_links(m, s, 0)
            sum_forces(m, s)
            for k in range(m.size("nv")):
                clear_bars(m, s, o, chosen)
                find_row_of_coriolis(m, s, chosen.bar, o, rows, k, factor)
                total += keep_row(m, s, o, chosen, rows, k, True)
    return total


@ti.func
def keep_row(
    m: ti.template(),
    s: ti.template(),
    o: ti.template(),
    chosen: ti.template(),
    rows: ti.template(),
    k: ti.i32,
    more: ti.template(),
):
    """The adjoints of a row into row k, or ``more`` of q, v and parameters on top. Returns: their sum."""
    total = constant(0.0, m.lanes)
    q_row = rows.row("q_bar", k)
    v_row = rows.row("v_bar", k)
    for i in range(m.size("nv")):
        put(q_row, s.get("q_bar", i), i, more)
        put(v_row, s.get("v_bar", i), i, more)
        total += s.get("q_bar", i) + s.get("v_bar", i)
    if ti.static(o.want):
        cells = chosen.bar.array_cells
        for f in range(chosen.count):
            value = cells.get(load(chosen.columns, f))
            put(rows.row("parameters", k), value, f, more)
            total += value
    if ti.static(not more):
        for i in range(m.size("nv")):
            rows.row("dof_ctrl_bar", k).set(s.get("dof_ctrl_bar", i), i)
            if ti.static(o.implicit_coriolis):
                rows.row("w", k).set(last_multiplier(s, i) if ti.static(o.two_stage) else s.get("w", i), i)
        for u in range(m.size("nu")):
            if o.actuated != 0:
                rows.row("act_ctrl_bar", k).set(s.get("act_ctrl_bar", u), u)
    return total


def put(cells: Cells, value, k, more: bool) -> None:
    (cells.add if more else cells.set)(value, k)


class SummedConstrainedBase(ConstrainedBase):
    """`ConstrainedBase` after `sum_forces`."""

    SUMMED = True


class SummedDampedBase(DampedBase):
    """`DampedBase` after `sum_forces`."""

    SUMMED = True


class Update:
    """How a change of number k of q' (+) follows from changes of q and of the velocity of its joint, whose degrees of freedom begin at i:
    the sum of ``tangent`` dq and of ``rate`` dv'."""

    _data_oriented = True

    def __init__(self, m, s, joint, i, k: int, dt) -> None:
        for n in range(joint.KIND.nv):
            s.set("q_bar", constant(float(n == k), m.lanes), i + n)
        tangent, rate = joint.integrate_adjoint(s.row("step_velocity", i), dt, s.row("q_bar", i))
        self.i, self.tangent, self.rate = i, [let(x) for x in tangent], [let(x) for x in rate]

    def of(self, rows: Rows, name: str, dt, c):
        """Column c of the row of q' where it owes to the acceleration alone, v' = ... + dt a."""
        terms = [x * rows.row(name, self.i + n).get(c) for n, x in enumerate(self.rate)]
        return let(dt * sum(terms[1:], terms[0]))


class Step:
    """Where the rows of a block of states go: those of the next state, (2nv, ·) each."""

    _data_oriented = True

    def __init__(self, block: Block, dt, **arrays) -> None:
        self.block, self.dt, self.arrays = block, dt, arrays

    def write(self, name: str, value, at) -> None:
        self.block.scatter(self.arrays[name], value, 0, at)


@ti.func
def write_velocity_row(m: ti.template(), o: ti.template(), rows: ti.template(), out: ti.template(), k: ti.i32):
    """Of number k of v' = v + dt a."""
    nv = m.size("nv")
    at = nv + k
    for c in range(nv):
        q_bar = rows.row("q_bar", k).get(c)
        v_bar = rows.row("v_bar", k).get(c)
        u_bar = rows.row("dof_ctrl_bar", k).get(c)
        out.write("state", out.dt * q_bar, at * 2 * nv + c)
        out.write("state", out.dt * v_bar, at * 2 * nv + nv + c)
        out.write("dof_ctrl", out.dt * u_bar, at * nv + c)
    out.write("state", 1.0 + out.dt * rows.row("v_bar", k).get(k), at * 2 * nv + nv + k)
    if o.actuated != 0:
        for u in range(m.size("nu")):
            out.write("act_ctrl", out.dt * rows.row("act_ctrl_bar", k).get(u), at * m.size("nu") + u)
    if ti.static(o.want):
        for f in range(rows.chosen):
            out.write("parameters", out.dt * rows.row("parameters", k).get(f), at * rows.chosen + f)


@ti.func
def write_position_row(
    m: ti.template(), o: ti.template(), rows: ti.template(), out: ti.template(), update: ti.template(), at: ti.i32
):
    """Of number ``at`` of q' = q (+) dt v'."""
    nv = m.size("nv")
    for c in range(nv):
        out.write("state", update.of(rows, "q_bar", out.dt, c), at * 2 * nv + c)
        out.write("state", update.of(rows, "v_bar", out.dt, c), at * 2 * nv + nv + c)
        out.write("dof_ctrl", update.of(rows, "dof_ctrl_bar", out.dt, c), at * nv + c)
    for n in ti.static(range(len(update.rate))):
        c = update.i + n
        out.write("state", update.tangent[n] + update.of(rows, "q_bar", out.dt, c), at * 2 * nv + c)
        out.write("state", update.rate[n] + update.of(rows, "v_bar", out.dt, c), at * 2 * nv + nv + c)
    if o.actuated != 0:
        for u in range(m.size("nu")):
            out.write("act_ctrl", update.of(rows, "act_ctrl_bar", out.dt, u), at * m.size("nu") + u)
    if ti.static(o.want):
        for f in range(rows.chosen):
            out.write("parameters", update.of(rows, "parameters", out.dt, f), at * rows.chosen + f)


@ti.func
def write_rows(m: ti.template(), s: ti.template(), o: ti.template(), rows: ti.template(), out: ti.template()):
    """Of the next state.

    Reads: step_velocity      Writes: q_bar
    """
    for k in range(m.size("nv")):
        write_velocity_row(m, o, rows, out, k)
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0:
            kind = m.jnt_type(j)
            i = m.jnt_dof(j)
            for n in ti.static(range(len(COORDINATES))):
                if COORDINATES[n].has(kind):
                    for k in ti.static(range(COORDINATES[n].joint.KIND.nv)):
                        write_position_row(m, o, rows, out, Update(m, s, COORDINATES[n].joint, i, k, out.dt), i + k)


def make_kernel(version: Version, want: bool) -> Kernel:
    """The kernel of `LINEARIZE`; want: with the derivatives to parameters."""
    lanes = version.lanes

    @LINEARIZE.kernel(version.real, lanes, (version.absent(True)) | (set() if want else OF_PARAMETERS))
    def linearize(
        integers, parameters, scratch, q, v, a, dof_ctrl, act_ctrl, columns,
        rows, state_rows, dof_ctrl_rows, act_ctrl_rows, parameter_rows, parameters_bar, ledger, shapes,
        batch, blocks, scratch_stride, parameter_stride, chosen, row_width, parameter_bar_stride, actuated,
        ledger_stride, capacity, cone, smooth, dt, damping_dt, impratio, reach,
    ):  # fmt: skip
        ti.loop_config(block_dim=1, serialize=version.serial)
        for e in range(blocks):
            m = Robot(integers, parameters, e * parameter_stride, lanes)
            s = version.scratch(m, scratch, e * scratch_stride, False)
            block = Block(e, batch, lanes)
            problem = ConstraintProblem(
                shapes, version.pairs, version.equalities, cone, impratio, dt, smooth, True, want, reach, version.two_stage
            )
            held = version.constraints(e, ledger, ledger_stride, capacity, problem, None)
            o = version.options(dt, damping_dt, actuated, 0, want, held, 0)
            bar = ParameterBar(m, parameters_bar, e * parameter_bar_stride)
            table = Rows(m, rows, e * (m.sizes["nv"] * row_width), row_width, chosen)
            read_vector(m, s, block, "nq", "q", q, 0)
            read_vector(m, s, block, "nv", "v", v, 0)
            read_vector(m, s, block, "nv", "a", a, 0)
            read_vector(m, s, block, "nv", "dof_ctrl", dof_ctrl, 0)
            if actuated != 0:
                read_vector(m, s, block, "nu", "act_ctrl", act_ctrl, 0)
            for i in range(m.size("nv")):
                s.set("step_velocity", s.get("v", i) + dt * s.get("a", i), i)
            total = find_rows(m, s, o, Chosen(bar, parameter_bar_stride, columns, chosen), table)
            out = Step(block, dt, state=state_rows, dof_ctrl=dof_ctrl_rows, act_ctrl=act_ctrl_rows, parameters=parameter_rows)
            write_rows(m, s, o, table, out)
            s.set_end(total)

    return linearize


def make_linearize(real, lanes: int, serial: bool, **traced) -> tuple[Kernel, Kernel]:
    """(without, with the derivatives to parameters) of a `Version`."""
    version = Version(real, lanes, serial, near=0, **traced)
    return make_kernel(version, False), make_kernel(version, True)
