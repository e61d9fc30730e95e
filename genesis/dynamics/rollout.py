"""Kernels: a whole trajectory forward, and its adjoint, parallel over blocks of environments with the time loop inside.

One kernel is traced per `Version` and serves every robot; `launch.py` keeps them. The tables below say what they take. Symbols: T control
steps, N = T * substeps time steps, B environments, i = with_initial; q_bar, v_bar and a_bar are of the states after each control step (and
before), and of the acceleration at its start.
"""

from dataclasses import dataclass
from typing import Any

import taichi as ti

from genesis.dynamics import coriolis
from genesis.dynamics.arrays import (
    Stored,
    add_output_bars,
    clear_control_bars,
    read_controls,
    read_state,
    read_vector,
    write_control_bars,
    write_initial_bars,
    write_state,
)
from genesis.dynamics.constraints.collect import ConstraintProblem, StoppingRule
from genesis.dynamics.constraints.faults import forgive
from genesis.dynamics.constraints.report import note_depth
from genesis.dynamics.constraints.step import Constraints
from genesis.dynamics.feedback import Feedback, answer, leave_gaps
from genesis.dynamics.schemes import SCHEMES, Scheme
from genesis.dynamics.signature import (
    CONSTRAINTS,
    FLAT,
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
from genesis.dynamics.step import Options, is_two_stage
from genesis.dynamics.sums import sum_control_bars, sum_initial_bars, sum_state
from genesis.dynamics.truncation import clip_state_bar, cut_state_bar
from genesis.dynamics.vectors import clear
from genesis.dynamics.workspace import ParameterBar, Robot, Scratch
from genesis.math.lanes import Block, constant

INPUTS = (
    Array("dof_ctrl", TIMED, "T, B, nv", "caller"),
    Array("act_ctrl", TIMED, "T, B, nu", "caller", optional=True),  # unless actuated
    Array("wrench", TIMED, "T, B, 6 nlink", "caller", optional=True),  # unless wrenched; force, torque
    Array("q0", TIMED, "1, B, nq", "caller", optional=True),  # in reverse, with the initial state among those of the motion
    Array("v0", TIMED, "1, B, nv", "caller", optional=True),
)
MOTION = (
    Array("q", TIMED, "i + N, B, nq", "launch"),  # states after each time step, i = 1: after the initial one
    Array("v", TIMED, "i + N, B, nv", "launch", optional=True),  # in reverse of a single time step
    Array("a", TIMED, "N stages, B, nv", "launch"),
)
TAPE = Array(
    "tape", FLAT, "(N stages, tape_width): what the adjoint of a single environment would otherwise compute again", "launch"
)
FEEDBACK = Array("feedback", FLAT, "of `genesis.dynamics.feedback`; one number if fed is 0", "caller")
STEPS = (
    *integers(horizon="control steps T", substeps="time steps of a control step"),
    *LAYOUT,
    *integers(
        actuated="1: act_ctrl is there",
        wrenched="1: wrench is there",
        with_initial="1: the states begin with the initial one",
        tape_width="numbers that the tape keeps of an evaluation of the dynamics; 0: none",
        ledger_stride="ledger of an environment",
        capacity="blocks of constraint rows that fit into it",
        cone="law of the friction cones, a code of laws.py",
        iterations="most Newton steps of the constraint solver",
        line_iterations="most steps of its line search",
        smooth="1: contacts and limits follow the smooth law",
    ),
)
CONSTANTS = reals(
    dt="time step [s]",
    damping_dt="the same where damping acts at its end, else 0",
    impratio="impedance of friction to that of the normal",
    tolerance="relative residual at which the constraint solver ends",
    line_tolerance="slope, against that at the start, at which its line search ends",
)
FED = integers(fed="degrees of freedom whose controls answer by feedback and are written back to dof_ctrl; 0: none")
ROLLOUT = Signature("rollout", (*MODEL, *INPUTS, *MOTION, TAPE, FEEDBACK, *CONSTRAINTS), (*STEPS, *FED, *CONSTANTS))
MOTION_BARS = (
    Array("q_bar", TIMED, "i + T, B, nq", "caller"),
    Array("v_bar", TIMED, "i + T, B, nv", "caller"),
    Array("a_bar", TIMED, "T, B, nv", "caller", optional=True),  # unless accelerated
)
INPUT_BARS = tuple(x.bar("launch") for x in INPUTS)
ROLLOUT_ADJOINT = Signature(
    "rollout_adjoint",
    (*MODEL, *INPUTS, *MOTION, *MOTION_BARS, *INPUT_BARS, PARAMETERS_BAR, TAPE, *CONSTRAINTS),
    (
        *STEPS,
        *integers(
            parameter_bar_stride="parameters_bar of a block",
            accelerated="1: a_bar is there",
            truncate="no gradient passes the state before each such number of steps, 0: all do",
        ),
        *CONSTANTS,
        *reals(
            reach="how far pairs that never touch are felt beyond their margin [m]", clip="norm of the adjoint of a state, 0: any"
        ),
    ),
)


@dataclass(frozen=True)
class Version:
    """What a pair of kernels is traced for.

    real, lanes: floating-point type, and environments in a block.
    serial: run the blocks one after the other in the calling thread; waking Taichi's threads costs 70 to 300 µs a launch.
    near: numbers of scratch that a single environment has on the stack, 0: none, see `Scratch`.
    kind: a name in `SCHEMES`.
    pairs: None without constraints, else the codes of the geometry pairs that may touch. damped_last: see `step.Options`. equalities:
    whether the model has any.
    """

    real: Any
    lanes: int
    serial: bool
    near: int
    kind: str
    pairs: tuple[int, ...] | None = None
    damped_last: bool = False
    equalities: bool = True

    @property
    def scheme(self) -> Scheme:
        return SCHEMES[self.kind]

    @property
    def constrained(self) -> bool:
        return self.pairs is not None

    @property
    def taped(self) -> bool:
        """Whether the dynamics may be kept on a tape, see `Scratch`."""
        return self.serial and self.lanes == 1 and not self.constrained and self.scheme.implicit_coriolis == coriolis.NONE

    def absent(self, taped: bool) -> set[str]:
        """Arrays that a kernel has no use for."""
        return (set() if self.constrained else {"ledger", "shapes"}) | (set() if taped else {"tape"})

    def scratch(self, m, array, offset, taped: bool) -> Scratch:
        return Scratch(m, array, offset, taped, self.near, self.scheme.layout)

    def constraints(self, e, ledger, ledger_stride, capacity, problem, stop) -> Constraints | None:
        """The constraints of block e, or None where the kernel has none."""
        return (
            Constraints(ledger, e * (self.lanes * ledger_stride), ledger_stride, capacity, problem, stop)
            if self.constrained
            else None
        )

    def options(self, dt, damping_dt, actuated, wrenched, want, constraints, tape_width) -> Options:
        scheme = self.scheme
        return Options(
            dt, damping_dt, actuated, wrenched, want, constraints, self.damped_last, tape_width,
            scheme.implicit_actuators, scheme.implicit_coriolis, scheme.friction_laws,
        )  # fmt: skip

    @property
    def two_stage(self) -> bool:
        return is_two_stage(self.constrained, self.damped_last, self.scheme.implicit_coriolis)


@ti.func
def begin(m: ti.template(), s: ti.template(), o: ti.template()):
    """A rollout starts with no acceleration to start the solver from, and a clean report of every environment.

    Reads: q, v      Writes: a
    """
    clear(m, s, "a")
    if ti.static(o.constrained):
        for k in range(m.lanes):
            c = o.constraints.ledger(m, k)
            c.clear_status()
            forgive(m.of_lane(k), s.of_lane(k), c)
            for cand in range(m.size("ncand")):
                c.touched(cand).set(0.0)


@ti.func
def note_step(m: ti.template(), o: ti.template(), n: ti.i32):
    """What every environment reports of time step n."""
    for i in range(m.lanes):
        c = o.constraints.ledger(m, i)
        c.note_step(n + 1)
        if n == 0:
            note_depth(c)


def make_forward(version: Version) -> Kernel:
    """The kernel of `ROLLOUT`."""
    lanes, step, stages, taped, constrained = (
        version.lanes, version.scheme.file.step, version.scheme.stages, version.taped, version.constrained,
    )  # fmt: skip

    @ROLLOUT.kernel(version.real, lanes, version.absent(taped))
    def rollout(
        integers, parameters, scratch, dof_ctrl, act_ctrl, wrench, q0, v0, q, v, a, tape, feedback, ledger, shapes,
        horizon, substeps, batch, blocks, scratch_stride, parameter_stride, actuated, wrenched, with_initial, tape_width,
        ledger_stride, capacity, cone, iterations, line_iterations, smooth, fed,
        dt, damping_dt, impratio, tolerance, line_tolerance,
    ):  # fmt: skip
        ti.loop_config(block_dim=1, serialize=version.serial)
        for e in range(blocks):
            m = Robot(integers, parameters, e * parameter_stride, lanes)
            s = version.scratch(m, scratch, e * scratch_stride, taped)
            block = Block(e, batch, lanes)
            problem = ConstraintProblem(shapes, version.pairs, version.equalities, cone, impratio, dt, smooth)
            stop = StoppingRule(tolerance, iterations, line_tolerance, line_iterations)
            held = version.constraints(e, ledger, ledger_stride, capacity, problem, stop)
            o = version.options(dt, damping_dt, actuated, wrenched, False, held, tape_width)
            loop = Feedback(m, feedback, fed, block, batch)
            read_state(m, s, block, q0, v0, q, v, 0, 0)
            begin(m, s, o)
            if with_initial != 0:
                write_state(m, s, block, q, v, 0)
            for t in range(horizon):
                read_controls(m, s, block, o, dof_ctrl, act_ctrl, wrench, t)
                if fed != 0:
                    answer(m, s, block, loop, loop.at(t), dof_ctrl, t)
                for k in range(substeps):
                    n = t * substeps + k
                    step(m, s, o, Stored(block, a, n, stages, tape, tape_width))
                    if ti.static(constrained):
                        note_step(m, o, n)
                    if fed != 0 and k == substeps - 1:
                        leave_gaps(m, s, loop.stays(), loop.at(t))
                    write_state(m, s, block, q, v, n + with_initial)
            sum_state(m, s)

    return rollout


def make_adjoint(version: Version, want: bool) -> Kernel:
    """The kernel of `ROLLOUT_ADJOINT`; want: with the adjoints of the parameters."""
    lanes, step_adjoint, stages = version.lanes, version.scheme.file.step_adjoint, version.scheme.stages
    taped = version.taped and not want

    @ROLLOUT_ADJOINT.kernel(version.real, lanes, version.absent(taped) | (set() if want else {"parameters_bar"}))
    def rollout_adjoint(
        integers, parameters, scratch, dof_ctrl, act_ctrl, wrench, q0, v0, q, v, a, q_bar, v_bar, a_bar,
        dof_ctrl_bar, act_ctrl_bar, wrench_bar, q0_bar, v0_bar, parameters_bar, tape, ledger, shapes,
        horizon, substeps, batch, blocks, scratch_stride, parameter_stride, actuated, wrenched, with_initial, tape_width,
        ledger_stride, capacity, cone, iterations, line_iterations, smooth, parameter_bar_stride, accelerated, truncate,
        dt, damping_dt, impratio, tolerance, line_tolerance, reach, clip,
    ):  # fmt: skip
        ti.loop_config(block_dim=1, serialize=version.serial)
        for e in range(blocks):
            m = Robot(integers, parameters, e * parameter_stride, lanes)
            s = version.scratch(m, scratch, e * scratch_stride, taped)
            block = Block(e, batch, lanes)
            problem = ConstraintProblem(
                shapes, version.pairs, version.equalities, cone, impratio, dt, smooth, True, want, reach, version.two_stage
            )
            held = version.constraints(e, ledger, ledger_stride, capacity, problem, None)
            o = version.options(dt, damping_dt, actuated, wrenched, want, held, tape_width)
            bar = ParameterBar(m, parameters_bar, e * parameter_bar_stride)
            clear(m, s, "q_bar")
            clear(m, s, "v_bar")
            total = constant(0.0, lanes)
            for r in range(horizon):
                t = horizon - 1 - r
                read_vector(m, s, block, "nq", "q", q, (t + 1) * substeps - 1 + with_initial)
                cut_state_bar(m, s, truncate, t + 1)
                add_output_bars(m, s, block, q_bar, v_bar, t + with_initial)
                clip_state_bar(m, s, clip)
                read_controls(m, s, block, o, dof_ctrl, act_ctrl, wrench, t)
                clear_control_bars(m, s, o)
                for u in range(substeps):
                    n = t * substeps + substeps - 1 - u
                    read_state(m, s, block, q0, v0, q, v, n, with_initial)
                    clear(m, s, "a_bar")
                    if accelerated != 0 and u == substeps - 1:
                        read_vector(m, s, block, "nv", "a_bar", a_bar, t)
                    step_adjoint(m, s, bar, o, Stored(block, a, n, stages, tape, tape_width))
                write_control_bars(m, s, block, o, dof_ctrl_bar, act_ctrl_bar, wrench_bar, t)
                total += sum_control_bars(m, s, o)
            read_state(m, s, block, q0, v0, q, v, 0, with_initial)
            write_initial_bars(m, s, block, q0_bar, v0_bar, q_bar, v_bar, with_initial)
            s.set_end(total + sum_initial_bars(m, block, q0_bar, v0_bar))

    return rollout_adjoint


def make_rollout(real, lanes: int, serial: bool, **traced: Any) -> tuple[Kernel, Kernel, Kernel]:
    """(rollout, its adjoint without and with the parameters' adjoints) of a `Version`."""
    version = Version(real, lanes, serial, **traced)
    return make_forward(version), make_adjoint(version, False), make_adjoint(version, True)
