"""Between the arrays of a launch and the scratch vectors: states, controls and their adjoints are read and written, step by step."""

import taichi as ti

from genesis.dynamics.vectors import clear
from genesis.joints import COORDINATES
from genesis.math.lanes import Block, constant


class Stored:
    """What is stored of one time step: the acceleration of each stage, and on a tape its dynamics."""

    _data_oriented = True

    def __init__(self, block: Block, accelerations, n, stages, tape, tape_width) -> None:
        self.block, self.accelerations, self.n, self.stages = block, accelerations, n, stages
        self.tape, self.tape_width = tape, tape_width

    def tape_row(self, s, i):
        """Where the tape keeps the dynamics of stage i."""
        return s.tape_row(self.tape, self.at(i) * self.tape_width)

    def on_tape(self, s, i):
        """Scratch that reads them there, if there is a tape."""
        return s.on_tape(self.tape, self.at(i) * self.tape_width)

    def at(self, i):
        return self.n * self.stages + i

    def keep_acceleration(self, value, stage, i):
        """Of degree of freedom i."""
        self.block.scatter(self.accelerations, value, self.at(stage), i)

    def acceleration(self, stage, i):
        return self.block.gather(self.accelerations, self.at(stage), i)


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
    dof_ctrl: ti.template(), act_ctrl: ti.template(), wrench: ti.template(), t: ti.i32,
):  # fmt: skip
    read_vector(m, s, block, "nv", "dof_ctrl", dof_ctrl, t)
    if o.actuated != 0:
        read_vector(m, s, block, "nu", "act_ctrl", act_ctrl, t)
    if o.wrenched != 0:
        for l in range(m.size("nlink")):
            for k in ti.static(range(6)):
                s.row("wrench", l).set(block.gather(wrench, t, 6 * l + k), k)


@ti.func
def clear_control_bars(m: ti.template(), s: ti.template(), o: ti.template()):
    zero = constant(0.0, m.lanes)
    clear(m, s, "dof_ctrl_bar")
    if o.actuated != 0:
        for u in range(m.size("nu")):
            s.set("act_ctrl_bar", zero, u)
    if o.wrenched != 0:
        for l in range(m.size("nlink")):
            for k in ti.static(range(6)):
                s.row("wrench_bar", l).set(zero, k)


@ti.func
def write_control_bars(
    m: ti.template(), s: ti.template(), block: ti.template(), o: ti.template(),
    dof_ctrl: ti.template(), act_ctrl: ti.template(), wrench: ti.template(), t: ti.i32,
):  # fmt: skip
    write_vector(m, s, block, "nv", "dof_ctrl_bar", dof_ctrl, t)
    if o.actuated != 0:
        write_vector(m, s, block, "nu", "act_ctrl_bar", act_ctrl, t)
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
    n: ti.i32, with_initial: ti.i32,
):  # fmt: skip
    """State before time step n into the scratch vectors q and v; with ``with_initial`` the outputs begin with the initial one."""
    if n == 0 and with_initial == 0:
        read_vector(m, s, block, "nq", "q", q0, 0)
        read_vector(m, s, block, "nv", "v", v0, 0)
    else:
        read_vector(m, s, block, "nq", "q", q, n - 1 + with_initial)
        read_vector(m, s, block, "nv", "v", v, n - 1 + with_initial)


@ti.func
def write_state(m: ti.template(), s: ti.template(), block: ti.template(), q: ti.template(), v: ti.template(), t: ti.i32):
    write_vector(m, s, block, "nq", "q", q, t)
    write_vector(m, s, block, "nv", "v", v, t)


@ti.func
def write_initial_bars(
    m: ti.template(), s: ti.template(), block: ti.template(),
    q0_bar: ti.template(), v0_bar: ti.template(), q_bar: ti.template(), v_bar: ti.template(), with_initial: ti.i32,
):  # fmt: skip
    """Adjoints of the initial state, at which the scratch vector q is, from what has come back to it and, with ``with_initial``, those of the
    outputs there."""
    write_coordinate_bar(m, s, block, q0_bar, 0)
    write_vector(m, s, block, "nv", "v_bar", v0_bar, 0)
    if with_initial != 0:
        for i in range(m.size("nq")):
            block.scatter(q0_bar, block.gather(q0_bar, 0, i) + block.gather(q_bar, 0, i), 0, i)
        for i in range(m.size("nv")):
            block.scatter(v0_bar, block.gather(v0_bar, 0, i) + block.gather(v_bar, 0, i), 0, i)
