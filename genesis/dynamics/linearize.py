"""Kernel: derivatives of the acceleration and of one time step at many states, in the tangent space of the configurations.

A row of the derivative of a is the adjoint of one unit vector. What belongs to the state alone (places, factors, constraints with their
Hessian, forces summed over the subtrees) is found once; a row takes one solution with the factors and one sweep over the links. The rows of v'
and q' follow from those of a. Derivation: docs/adjoints/linearize.md

Symbols as in `rollout.py`: B states, F chosen parameters.
"""

import taichi as ti

from genesis.dynamics.adjoint_sweep import SummedBase, find_motion_w, gather_bars, sum_forces
from genesis.dynamics.arrays import clear_control_bars, read_vector
from genesis.dynamics.constraints.collect import ConstraintProblem
from genesis.dynamics.constraints.damped import DampedBase, second_motions
from genesis.dynamics.constraints.motion_a import ConstrainedBase, clear_motion_a_bar, find_motion_a
from genesis.dynamics.constraints.step import add_constraint_bars, find_multipliers, prepare_constraints
from genesis.dynamics.coriolis import BODIES, keep_bodies
from genesis.dynamics.derivative_rows import Chosen, NextState, Rows, keep_row, write_rows
from genesis.dynamics.friction_laws import friction_forces_adjoint
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
from genesis.dynamics.step import acceleration_again, damping_bars, solve_multiplier
from genesis.dynamics.vectors import clear
from genesis.dynamics.workspace import ParameterBar, Robot
from genesis.math.lanes import Block, constant

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


class SummedConstrainedBase(ConstrainedBase):
    """`ConstrainedBase` after `sum_forces`."""

    SUMMED = True


class SummedDampedBase(DampedBase):
    """`DampedBase` after `sum_forces`."""

    SUMMED = True


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
    if ti.static(o.friction_laws):
        friction_forces_adjoint(m, s, bar, o)
    if ti.static(o.want):
        damping_bars(m, s, bar, o)


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
            out = NextState(
                block, dt, state=state_rows, dof_ctrl=dof_ctrl_rows, act_ctrl=act_ctrl_rows, parameters=parameter_rows
            )
            write_rows(m, s, o, table, out)
            s.set_end(total)

    return linearize


def make_linearize(real, lanes: int, serial: bool, **traced) -> tuple[Kernel, Kernel]:
    """(without, with the derivatives to parameters) of a `Version`."""
    version = Version(real, lanes, serial, near=0, **traced)
    return make_kernel(version, False), make_kernel(version, True)
