"""Rows of the derivative of the acceleration, and those of the next state that follow from them, in tangents.

Derivation: docs/adjoints/linearize.md
"""

import taichi as ti

from genesis.dynamics.workspace import ParameterBar
from genesis.joints import COORDINATES
from genesis.math.lanes import Block, Cells, constant, let, load


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
                rows.row("w", k).set(s.get("w", i) - s.get("w_seen", i) if ti.static(o.two_stage) else s.get("w", i), i)
        for u in range(m.size("nu")):
            if o.actuated != 0:
                rows.row("act_ctrl_bar", k).set(s.get("act_ctrl_bar", u), u)
    return total


def put(cells: Cells, value, k, more: bool) -> None:
    (cells.add if more else cells.set)(value, k)


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


class NextState:
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
