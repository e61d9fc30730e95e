"""Kernel: the backward sweep of differential dynamic programming, serial in time, with lanes over the columns of matrices.

The equations stand in `genesis.grad.riccati`. Of n states, m controls and L lanes, a row of a matrix is X = ⌈(n + 1) / L⌉ lane scalars of
states, of which number n belongs to what is constant, and U = ⌈m / L⌉ of controls; what is beyond is zero. With F = [A d | B], values
[V_xx | v_x], gains [K | k], cost [l_xx | l_x] and [l_ux | l_u | l_uu] everything but the quadratic program of a step is a sum of products of
such matrices, in blocks of L rows which stay in registers meanwhile.
"""

from functools import cache

import taichi as ti

from genesis.dynamics.quadratic_program import VECTORS, Program, solve_program
from genesis.dynamics.signature import DOUBLE, DOUBLE_BLOCK, Array, Kernel, Signature, integers
from genesis.math.lanes import Cells, assign, cells_of_lane, constant, lane, let, pack
from genesis.math.trace import in_double

SLOPE, CURVE, LARGEST, FAILED, RHO, HEADER = 0, 1, 2, 3, 4, 5  # places in `numbers`
RICCATI = Signature(
    "riccati",
    (
        Array("dynamics", DOUBLE_BLOCK, "(T, n, X + U): [A d | B]", "caller"),
        Array("state_cost", DOUBLE_BLOCK, "(T, L X, X): [l_xx | l_x]", "caller"),
        Array("control_cost", DOUBLE_BLOCK, "(T, L U, X + U): [l_ux | l_u | l_uu]", "caller"),
        Array("room", DOUBLE, "(T, 2, m): bounds of k", "caller"),
        Array("values", DOUBLE_BLOCK, "(T + 1, L X, X): [V_xx | v_x], of which the last is given", "launch"),
        Array("gains", DOUBLE_BLOCK, "(T, L U, X): [K | k]", "launch"),
        Array("work", DOUBLE_BLOCK, "see `work_size`", "launch"),
        Array("numbers", DOUBLE, "slope, curve, largest, failed, rho, then the quadratic program, see `numbers_size`", "launch"),
    ),
    integers(horizon="steps T", n="states", m="controls", states="X", controls="U"),
)


def work_size(width: int, x: int, u: int) -> int:
    """Lane scalars of V F (L X rows), Q (L (X + U) rows) and Q_uu [K | k] + [Q_ux | Q_u] (L U rows)."""
    return width * (x * (x + u) + (x + u) * (x + u) + u * x)


def numbers_size(m: int) -> int:
    """Header, Q_uu, its factor, and the vectors."""
    return HEADER + 2 * m * m + len(VECTORS) * m


class Matrix:
    """RowBlock of ``columns`` lane scalars in a flat array from an offset on."""

    _data_oriented = True

    def __init__(self, array, offset, columns, width: int) -> None:
        self.array, self.offset, self.columns, self.width = array, let(offset), columns, width

    def at(self, row, column) -> Cells:
        return Cells(self.array, self.offset + row * self.columns + column)

    def get(self, row, column):
        return self.at(row, column).get()

    def number(self, row, column) -> Cells:
        """The number in a column that counts numbers."""
        return cells_of_lane(self.at(row, column // self.width), column % self.width, self.width)

    def after(self, row, column=0) -> "Matrix":
        """What begins there."""
        return Matrix(self.array, self.offset + row * self.columns + column, self.columns, self.width)


class RowBlock:
    """The lane scalars of column j in block i of L rows, while products are added to them."""

    _data_oriented = True

    def __init__(self, values: list) -> None:
        self.values = [let(value) for value in values]

    @staticmethod
    def zero(width: int) -> "RowBlock":
        return RowBlock([constant(0.0, width) for _ in range(width)])

    @staticmethod
    def of(matrix: Matrix, i, j) -> "RowBlock":
        return RowBlock([matrix.get(matrix.width * i + r, j) for r in range(matrix.width)])

    def add(self, a: Matrix, b: Matrix, k, i, j) -> None:
        x, y = a.get(k, i), b.get(k, j)
        for r, value in enumerate(self.values):
            assign(value, value + lane(x, r, a.width) * y)

    def store(self, matrix: Matrix, i, j) -> None:
        for r, value in enumerate(self.values):
            matrix.at(matrix.width * i + r, j).set(value)

    def of_lanes(self, place) -> "RowBlock":
        """place(r, c): which row and lane give lane c of row r."""
        width = len(self.values)
        places = [[place(r, c) for c in range(width)] for r in range(width)]
        return RowBlock([pack([lane(self.values[row], k, width) for row, k in line]) for line in places])

    def transposed(self) -> "RowBlock":
        return self.of_lanes(lambda r, c: (c, r))

    def mirrored(self) -> "RowBlock":
        """What is above the diagonal also below it."""
        return self.of_lanes(lambda r, c: (min(r, c), max(r, c)))


@ti.func
def store_symmetric(rows: ti.template(), matrix: ti.template(), i: ti.i32, j: ti.i32):
    """Also where rows and columns are exchanged. The row of what is constant is no mirror of its column, and not looked at."""
    if i == j:
        rows.mirrored().store(matrix, i, j)
    else:
        rows.store(matrix, i, j)
        rows.transposed().store(matrix, j, i)


@ti.func
def add_products(rows: ti.template(), a: ti.template(), b: ti.template(), depth: ti.i32, i: ti.i32, j: ti.i32):
    """rows[r] += sum over k < depth of a[k, L i + r] b[k, j]."""
    for k in range(depth):
        rows.add(a, b, k, i, j)


@ti.func
def solve_gains(p: ti.template(), qu: ti.template(), gains: ti.template(), columns: ti.i32):
    """gains <- −Q_uu⁻¹ [Q_ux | Q_u] by the factor, rows of what is not free zero."""
    for j in range(columns):
        for i in range(p.m):
            x = let((0.0 - p.get("is_free", i)) * qu.get(i, j))
            for k in range(i):
                x = x - p.at("factor", i, k).get() * gains.get(k, j)  # vectors have no -=
            gains.at(i, j).set(x * p.at("factor", i, i).get())
        for r in range(p.m):
            i = p.m - 1 - r
            x = gains.get(i, j)
            for k in range(i + 1, p.m):
                x = x - p.at("factor", k, i).get() * gains.get(k, j)
            gains.at(i, j).set(x * p.at("factor", i, i).get())


@ti.func
def expand_values(f: ti.template(), value: ti.template(), vf: ti.template(), n: ti.i32, states: ti.i32, columns: ti.i32):
    """vf <- V F, with v_x in the column of what is constant."""
    for i in range(states):
        for j in range(columns):
            rows = RowBlock.zero(f.width)
            add_products(rows, value, f, n, i, j)
            rows.store(vf, i, j)
    for i in range(n):
        vf.number(i, n).add(value.number(i, n).get())


@ti.func
def expand_cost(
    f: ti.template(), vf: ti.template(), of_states: ti.template(), of_controls: ti.template(), q: ti.template(), n: ti.i32,
    states: ti.i32, columns: ti.i32,
):  # fmt: skip
    """q <- Fᵀ V F + cost: of states [Q_xx | Q_x] from the diagonal on, of controls [Q_ux | Q_u | Q_uu]."""
    for i in range(states):
        for j in range(i, states):
            rows = RowBlock.of(of_states, i, j)
            add_products(rows, f, vf, n, i, j)
            rows.store(q, i, j)
    for i in range(columns - states):
        for j in range(columns):
            rows = RowBlock.of(of_controls, i, j)
            add_products(rows, f, vf, n, states + i, j)
            rows.store(q, states + i, j)


@ti.func
def find_program(p: ti.template(), qu: ti.template(), first: ti.i32, constant_column: ti.i32, rho: ti.f64):
    """h <- Q_uu + rho 1, g <- Q_u."""
    for i in range(p.m):
        p.set("g", qu.number(i, constant_column).get(), i)
        for j in range(p.m):
            p.at("h", i, j).set(qu.number(i, first + j).get())
        p.at("h", i, i).add(rho)


@ti.func
def expected_change(p: ti.template(), numbers: ti.template(), rho: ti.f64):
    """Adds what the controls k promise: slope, curve without rho, the steepest free control."""
    slope, curve, largest = 0.0, 0.0, numbers.get(LARGEST)
    for i in range(p.m):
        x = p.get("x", i)
        slope += p.get("g", i) * x
        hx = 0.0 - rho * x
        for k in range(p.m):
            hx += p.at("h", i, k).get() * p.get("x", k)
        curve += x * hx
        largest = ti.max(largest, p.get("is_free", i) * ti.abs(p.get("g", i)))
    numbers.add(slope, SLOPE)
    numbers.add(curve, CURVE)
    numbers.set(largest, LARGEST)


@ti.func
def find_values(
    q: ti.template(), qu: ti.template(), gains: ti.template(), rest: ti.template(), value: ti.template(), m: ti.i32, states: ti.i32,
    controls: ti.i32,
):  # fmt: skip
    """V <- Q_xx + Kᵀ (Q_uu K + Q_ux) + Q_uxᵀ K, and v_x with k in its column; rest is what stands in brackets."""
    square = qu.after(0, states)
    for i in range(controls):
        for j in range(states):
            rows = RowBlock.of(qu, i, j)
            add_products(rows, square, gains, m, i, j)
            rows.store(rest, i, j)
    for i in range(states):
        for j in range(i, states):
            rows = RowBlock.of(q, i, j)
            add_products(rows, gains, rest, m, i, j)
            add_products(rows, qu, gains, m, i, j)
            store_symmetric(rows, value, i, j)


@in_double
@ti.func
def sweep(
    dynamics: ti.template(), state_cost: ti.template(), control_cost: ti.template(), room: ti.template(), values: ti.template(),
    gains: ti.template(), work: ti.template(), numbers: ti.template(), horizon: ti.i32, n: ti.i32, m: ti.i32, states: ti.i32,
    controls: ti.i32, width: ti.template(),
):  # fmt: skip
    """All steps, from the last to the first, until one fails."""
    columns = states + controls
    head = Cells(numbers, 0)
    p = Program(numbers, HEADER, room, m)
    vf = Matrix(work, 0, columns, width)
    q = vf.after(width * states)
    qu = q.after(width * states)
    rest = Matrix(work, width * columns * (states + columns), states, width)
    rho = head.get(RHO)
    for place in ti.static((SLOPE, CURVE, LARGEST)):
        head.set(0.0, place)
    head.set(-1.0, FAILED)
    t = horizon - 1
    while t >= 0:
        f = Matrix(dynamics, t * n * columns, columns, width)
        value = Matrix(values, t * width * states * states, states, width)
        k = Matrix(gains, t * width * controls * states, states, width)
        of_states = Matrix(state_cost, t * width * states * states, states, width)
        of_controls = Matrix(control_cost, t * width * controls * columns, columns, width)
        expand_values(f, value.after(width * states), vf, n, states, columns)
        expand_cost(f, vf, of_states, of_controls, q, n, states, columns)
        find_program(p, qu, width * states, n, rho)
        if solve_program(p, t) == 1:
            solve_gains(p, qu, k, states)
            for i in range(m):
                k.number(i, n).set(p.get("x", i))
            expected_change(p, head, rho)
            find_values(q, qu, k, rest, value, m, states, controls)
            t -= 1
        else:
            head.set(ti.cast(t, ti.f64), FAILED)
            t = -1


@cache
def make_riccati(real, width: int, generation: int) -> Kernel:
    """The kernel of `RICCATI` with so many lanes; it lives as long as the Taichi runtime with this number."""

    @RICCATI.kernel(real, width)
    def riccati(
        dynamics, state_cost, control_cost, room, values, gains, work, numbers, horizon, n, m, states, controls,
    ):  # fmt: skip
        ti.loop_config(serialize=True)
        for _ in range(1):
            sweep(
                dynamics, state_cost, control_cost, room, values, gains, work, numbers, horizon, n, m, states, controls, width
            )  # fmt: skip

    return riccati
