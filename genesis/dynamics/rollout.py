"""Kernels: a whole trajectory forward, and its adjoint, parallel over blocks of environments with the time loop inside.

One kernel is traced per number of lanes and precision and serves every robot; `launch.py` keeps them.

Arrays (T steps of control, N = T * substeps time steps, B environments):
  integers, parameters (one row, or one a block ``stride`` apart), scratch (``room`` a block), parameters_bar (``width`` a block)
  command (T, B, nv), control (T, B, nu), wrench (T, B, 6 nlink): force, torque
  q0 (1, B, nq), v0 (1, B, nv) initial state; q (lead + N, B, nq), v (lead + N, B, nv) states after each time step, with lead = 1 after the
  initial state
  a (N * stages, B, nv) accelerations of the stages
  records: of a single environment, what its adjoint would otherwise compute again: ``record`` numbers for each row of a, 0: not kept
  ledger (``ledger_room`` an environment, float64), shapes: memory of the constraints and constant shapes, see genesis/dynamics/constraints
  (parameters_bar, records, ledger and shapes are None in kernels that have no use for them)
and their adjoints with the suffix _bar: q_bar, v_bar (lead + T, B, .) of the states after each control step (and before), a_bar (T, B, nv) of
the acceleration at its start.
"""

from dataclasses import dataclass
from types import ModuleType

import taichi as ti

from genesis.dynamics import coriolis, euler, runge_kutta
from genesis.dynamics.constraints.collect import Problem, Stop
from genesis.dynamics.constraints.faults import forgive
from genesis.dynamics.constraints.report import note_depth
from genesis.dynamics.constraints.step import Constraints
from genesis.dynamics.step import Options, is_two_stage
from genesis.dynamics.sums import sum_control_bars, sum_initial_bars, sum_state
from genesis.dynamics.vectors import clear
from genesis.dynamics.workspace import ALL, IMPLICIT, Layout, ParameterBar, Robot, Scratch
from genesis.joints import COORDINATES
from genesis.math.lanes import Block, constant


def array_types(real, lanes: int):
    """Kernel argument types: integers, arrays by block, arrays of the user."""
    scalar = real if lanes == 1 else ti.types.vector(lanes, real)
    return ti.types.ndarray(dtype=ti.i32, ndim=1), ti.types.ndarray(dtype=scalar, ndim=1), ti.types.ndarray(dtype=real, ndim=3)


def constraints_of(pairs, e, lanes, ledger, room, capacity, problem, stop) -> Constraints | None:
    """The constraints of block e, or None where the kernel has none."""
    return None if pairs is None else Constraints(ledger, e * (lanes * room), room, capacity, problem, stop)


@ti.func
def begin(m: ti.template(), s: ti.template(), o: ti.template()):
    """A rollout starts with no acceleration to start the solver from, and a clean report of every environment.

    Reads: q, v
    """
    clear(m, s, "a")
    if ti.static(o.constrained):
        for k in range(m.lanes):
            c = o.constraints.ledger(m, k)
            c.clear_status()
            forgive(m.of_lane(k), s.of_lane(k), c)
            for cand in range(m.size("ncand")):
                c.touched(cand).set(0.0)


class Tape:
    """What is stored of one time step: the acceleration of each stage, and a record of its dynamics."""

    _data_oriented = True

    def __init__(self, block: Block, array, n, stages, records, record) -> None:
        self.block, self.array, self.n, self.stages, self.records, self.record = block, array, n, stages, records, record

    def page(self, s, i):
        """The record of the dynamics of stage i."""
        return s.page(self.records, self.at(i) * self.record)

    def on_page(self, s, i):
        """Scratch with that record, if there are any."""
        return s.on(self.records, self.at(i) * self.record)

    def at(self, i):
        return self.n * self.stages + i

    def keep_acceleration(self, value, stage, i):
        """Of degree of freedom i."""
        self.block.scatter(self.array, value, self.at(stage), i)

    def acceleration(self, stage, i):
        return self.block.gather(self.array, self.at(stage), i)


@ti.func
def read_vector(
    m: ti.template(),
    s: ti.template(),
    block: ti.template(),
    size: ti.template(),
    name: ti.template(),
    array: ti.template(),
    t: ti.i32,
):
    """Scratch vector ``name`` from array[t]."""
    for i in range(m.size(size)):
        s.set(name, block.gather(array, t, i), i)


@ti.func
def write_vector(
    m: ti.template(),
    s: ti.template(),
    block: ti.template(),
    size: ti.template(),
    name: ti.template(),
    array: ti.template(),
    t: ti.i32,
):
    """array[t] from the scratch vector ``name``."""
    for i in range(m.size(size)):
        block.scatter(array, s.get(name, i), t, i)


@ti.func
def read_controls(
    m: ti.template(), s: ti.template(), block: ti.template(), o: ti.template(),
    command: ti.template(), control: ti.template(), wrench: ti.template(), t: ti.i32,
):  # fmt: skip
    read_vector(m, s, block, "nv", "command", command, t)
    if o.actuated != 0:
        read_vector(m, s, block, "nu", "control", control, t)
    if o.wrenched != 0:
        for l in range(m.size("nlink")):
            for k in ti.static(range(6)):
                s.row("wrench", l).set(block.gather(wrench, t, 6 * l + k), k)


@ti.func
def clear_control_bars(m: ti.template(), s: ti.template(), o: ti.template()):
    zero = constant(0.0, m.lanes)
    clear(m, s, "command_bar")
    if o.actuated != 0:
        for u in range(m.size("nu")):
            s.set("control_bar", zero, u)
    if o.wrenched != 0:
        for l in range(m.size("nlink")):
            for k in ti.static(range(6)):
                s.row("wrench_bar", l).set(zero, k)


@ti.func
def write_control_bars(
    m: ti.template(), s: ti.template(), block: ti.template(), o: ti.template(),
    command: ti.template(), control: ti.template(), wrench: ti.template(), t: ti.i32,
):  # fmt: skip
    write_vector(m, s, block, "nv", "command_bar", command, t)
    if o.actuated != 0:
        write_vector(m, s, block, "nu", "control_bar", control, t)
    if o.wrenched != 0:
        for l in range(m.size("nlink")):
            for k in ti.static(range(6)):
                block.scatter(wrench, s.row("wrench_bar", l).get(k), t, 6 * l + k)


@ti.func
def add_output_bars(
    m: ti.template(), s: ti.template(), block: ti.template(), q_bar: ti.template(), v_bar: ti.template(), t: ti.i32
):
    """q_bar, v_bar += adjoint of the outputs at control step t (coordinates turned into tangents at the state `q`)."""
    for i in range(m.size("nv")):
        s.add("v_bar", block.gather(v_bar, t, i), i)
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0:
            kind = m.jnt_type(j)
            q = m.jnt_qadr(j)
            for n in ti.static(range(len(COORDINATES))):
                if COORDINATES[n].has(kind):
                    read_tangent(m, s, block, COORDINATES[n].joint, q, m.jnt_dof(j), q_bar, t)


def read_tangent(m, s, block, joint, q, dof, q_bar, t) -> None:
    row = s.row("coordinate", 0)
    for k in range(joint.KIND.nq):
        row.set(block.gather(q_bar, t, q + k), k)
    for k, value in enumerate(joint.tangent_of(s.row("q", q), row)):
        s.add("q_bar", value, dof + k)


@ti.func
def write_coordinate_bar(m: ti.template(), s: ti.template(), block: ti.template(), q_bar: ti.template(), t: ti.i32):
    """q_bar[t] from the tangent `q_bar` at the state `q`."""
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0:
            kind = m.jnt_type(j)
            q = m.jnt_qadr(j)
            for n in ti.static(range(len(COORDINATES))):
                if COORDINATES[n].has(kind):
                    write_coordinates(m, s, block, COORDINATES[n].joint, q, m.jnt_dof(j), q_bar, t)


def write_coordinates(m, s, block, joint, q, dof, q_bar, t) -> None:
    for k, value in enumerate(joint.coordinates_of(s.row("q", q), s.row("q_bar", dof))):
        block.scatter(q_bar, value, t, q + k)


@ti.func
def read_state(
    m: ti.template(), s: ti.template(), block: ti.template(), q0: ti.template(), v0: ti.template(), q: ti.template(), v: ti.template(),
    n: ti.i32, lead: ti.i32,
):  # fmt: skip
    """State before time step n into the scratch vectors q and v; with ``lead`` the outputs begin with the initial one."""
    if n == 0 and lead == 0:
        read_vector(m, s, block, "nq", "q", q0, 0)
        read_vector(m, s, block, "nv", "v", v0, 0)
    else:
        read_vector(m, s, block, "nq", "q", q, n - 1 + lead)
        read_vector(m, s, block, "nv", "v", v, n - 1 + lead)


@ti.func
def write_state(m: ti.template(), s: ti.template(), block: ti.template(), q: ti.template(), v: ti.template(), t: ti.i32):
    write_vector(m, s, block, "nq", "q", q, t)
    write_vector(m, s, block, "nv", "v", v, t)


@ti.func
def write_initial_bars(
    m: ti.template(), s: ti.template(), block: ti.template(),
    q0_bar: ti.template(), v0_bar: ti.template(), q_bar: ti.template(), v_bar: ti.template(), lead: ti.i32,
):  # fmt: skip
    """Adjoints of the initial state, at which the scratch vector q is, from what has come back to it and, with ``lead``, those of the
    outputs there."""
    write_coordinate_bar(m, s, block, q0_bar, 0)
    write_vector(m, s, block, "nv", "v_bar", v0_bar, 0)
    if lead != 0:
        for i in range(m.size("nq")):
            block.scatter(q0_bar, block.gather(q0_bar, 0, i) + block.gather(q_bar, 0, i), 0, i)
        for i in range(m.size("nv")):
            block.scatter(v0_bar, block.gather(v0_bar, 0, i) + block.gather(v_bar, 0, i), 0, i)


@dataclass(frozen=True)
class Scheme:
    """A time integration: `step`, its adjoint and number of stages; implicit_actuators, implicit_coriolis: see `step.Options`."""

    file: ModuleType
    implicit_actuators: bool = False
    implicit_coriolis: int = coriolis.NONE

    @property
    def stages(self) -> int:
        return self.file.STAGES

    @property
    def layout(self) -> Layout:
        """Fields of the scratch."""
        return IMPLICIT if self.implicit_actuators else ALL


INTEGRATORS = {
    "Euler": Scheme(euler),
    "implicitfast": Scheme(euler, implicit_actuators=True),
    "implicit": Scheme(euler, implicit_actuators=True, implicit_coriolis=coriolis.ALL),
    "RK4": Scheme(runge_kutta),
}
FREE_BODIES = "implicitfast, free bodies"  # MuJoCo's implicitfast where there are any
SCHEMES = INTEGRATORS | {FREE_BODIES: Scheme(euler, implicit_actuators=True, implicit_coriolis=coriolis.BODIES)}


def make_rollout(
    real,
    lanes: int,
    serial: bool,
    near: int,
    kind: str,
    pairs: tuple[int, ...] | None = None,
    damped_last: bool = False,
    equalities: bool = True,
):
    """(rollout, its adjoint without or with the parameters' adjoints) for ``lanes`` environments per block in the floating-point type ``real``.

    kind: a name in `SCHEMES`.
    pairs: None without constraints, else the codes of the geometry pairs that may touch. damped_last: see `step.Options`. equalities:
    whether the model has any.
    serial: run the blocks one after the other in the calling thread; waking Taichi's threads costs 70 to 300 µs a launch.
    near: numbers of scratch that a single environment has on the stack, 0: none, see `Scratch`.
    """
    integers_t, block_t, user_t = array_types(real, lanes)
    scheme = SCHEMES[kind]
    implicit_actuators, implicit_coriolis, layout = scheme.implicit_actuators, scheme.implicit_coriolis, scheme.layout
    constrained = pairs is not None
    two_stage = is_two_stage(constrained, damped_last, implicit_coriolis)
    taped = serial and lanes == 1 and not constrained and implicit_coriolis == coriolis.NONE  # see `Scratch`
    # an array costs half a microsecond a launch, so it is None where it has no use
    plain_t, absent = ti.types.ndarray(dtype=real, ndim=1), ti.template()
    shapes_t = plain_t if constrained else absent
    ledger_t = ti.types.ndarray(dtype=ti.f64, ndim=1) if constrained else absent
    records_t = plain_t if taped else absent
    step, step_adjoint, stages = scheme.file.step, scheme.file.step_adjoint, scheme.stages

    @ti.kernel
    def rollout(
        integers: integers_t, parameters: block_t, scratch: block_t,
        command: user_t, control: user_t, wrench: user_t, q0: user_t, v0: user_t, q: user_t, v: user_t, a: user_t,
        records: records_t, ledger: ledger_t, shapes: shapes_t,
        horizon: ti.i32, substeps: ti.i32, batch: ti.i32, blocks: ti.i32, room: ti.i32, stride: ti.i32,
        actuated: ti.i32, wrenched: ti.i32, lead: ti.i32, record: ti.i32,
        ledger_room: ti.i32, capacity: ti.i32, cone: ti.i32, iterations: ti.i32, line_iterations: ti.i32, smooth: ti.i32,
        dt: real, damping_dt: real, impratio: real, tolerance: real, line_tolerance: real,
    ):  # fmt: skip
        ti.loop_config(block_dim=1, serialize=serial)
        for e in range(blocks):
            m = Robot(integers, parameters, e * stride, lanes)
            s = Scratch(m, scratch, e * room, taped, near, layout)
            block = Block(e, batch, lanes)
            problem = Problem(shapes, pairs, equalities, cone, impratio, dt, smooth)
            stop = Stop(tolerance, iterations, line_tolerance, line_iterations)
            held = constraints_of(pairs, e, lanes, ledger, ledger_room, capacity, problem, stop)
            o = Options(dt, damping_dt, actuated, wrenched, 0, held, damped_last, record, implicit_actuators, implicit_coriolis)
            read_state(m, s, block, q0, v0, q, v, 0, 0)
            begin(m, s, o)
            if lead != 0:
                write_state(m, s, block, q, v, 0)
            for t in range(horizon):
                read_controls(m, s, block, o, command, control, wrench, t)
                for k in range(substeps):
                    n = t * substeps + k
                    tape = Tape(block, a, n, stages, records, record)
                    step(m, s, o, tape)
                    if ti.static(constrained):
                        for i in range(lanes):
                            c = held.ledger(m, i)
                            c.note_step(n + 1)
                            if n == 0:
                                note_depth(c)
                    write_state(m, s, block, q, v, n + lead)
            sum_state(m, s)

    def make_adjoint(want: bool):
        bars_t = block_t if want else absent
        records_t = plain_t if taped and not want else absent

        @ti.kernel
        def rollout_adjoint(
            integers: integers_t, parameters: block_t, scratch: block_t,
            command: user_t, control: user_t, wrench: user_t, q0: user_t, v0: user_t, q: user_t, v: user_t, a: user_t,
            q_bar: user_t, v_bar: user_t, a_bar: user_t,
            command_bar: user_t, control_bar: user_t, wrench_bar: user_t, q0_bar: user_t, v0_bar: user_t, parameters_bar: bars_t,
            records: records_t, ledger: ledger_t, shapes: shapes_t,
            horizon: ti.i32, substeps: ti.i32, batch: ti.i32, blocks: ti.i32, room: ti.i32, stride: ti.i32,
            actuated: ti.i32, wrenched: ti.i32, lead: ti.i32, record: ti.i32,
            ledger_room: ti.i32, capacity: ti.i32, cone: ti.i32, iterations: ti.i32, line_iterations: ti.i32, smooth: ti.i32,
            width: ti.i32, accelerated: ti.i32,
            dt: real, damping_dt: real, impratio: real, tolerance: real, line_tolerance: real, reach: real,
        ):  # fmt: skip
            ti.loop_config(block_dim=1, serialize=serial)
            for e in range(blocks):
                m = Robot(integers, parameters, e * stride, lanes)
                s = Scratch(m, scratch, e * room, taped and not want, near, layout)
                block = Block(e, batch, lanes)
                problem = Problem(shapes, pairs, equalities, cone, impratio, dt, smooth, True, want, reach, two_stage)
                held = constraints_of(pairs, e, lanes, ledger, ledger_room, capacity, problem, None)
                o = Options(
                    dt, damping_dt, actuated, wrenched, want, held, damped_last, record, implicit_actuators, implicit_coriolis
                )
                bar = ParameterBar(m, parameters_bar, e * width)
                clear(m, s, "q_bar")
                clear(m, s, "v_bar")
                total = constant(0.0, lanes)
                for r in range(horizon):
                    t = horizon - 1 - r
                    read_vector(m, s, block, "nq", "q", q, (t + 1) * substeps - 1 + lead)
                    add_output_bars(m, s, block, q_bar, v_bar, t + lead)
                    read_controls(m, s, block, o, command, control, wrench, t)
                    clear_control_bars(m, s, o)
                    for u in range(substeps):
                        n = t * substeps + substeps - 1 - u
                        tape = Tape(block, a, n, stages, records, record)
                        read_state(m, s, block, q0, v0, q, v, n, lead)
                        clear(m, s, "a_bar")
                        if accelerated != 0 and u == substeps - 1:
                            read_vector(m, s, block, "nv", "a_bar", a_bar, t)
                        step_adjoint(m, s, bar, o, tape)
                    write_control_bars(m, s, block, o, command_bar, control_bar, wrench_bar, t)
                    total += sum_control_bars(m, s, o)
                read_state(m, s, block, q0, v0, q, v, 0, lead)
                write_initial_bars(m, s, block, q0_bar, v0_bar, q_bar, v_bar, lead)
                s.set_end(total + sum_initial_bars(m, block, q0_bar, v0_bar))

        return rollout_adjoint

    return rollout, make_adjoint
