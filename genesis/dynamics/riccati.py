"""Kernel: the backward sweep of differential dynamic programming, serial in time, with lanes over the columns of matrices.

The equations stand in `genesis.grad.riccati`. Of n states, m controls and L lanes, a row of a matrix is X = ⌈(n + 1) / L⌉ lane scalars of
states, of which number n belongs to what is constant, and U = ⌈m / L⌉ of controls; what is beyond is zero. With F = [A d | B], values
[V_xx | v_x], gains [K | k], cost [l_xx | l_x] and [l_ux | l_u | l_uu] everything but the quadratic program of a step is a sum of products of
such matrices, in blocks of L rows which stay in registers meanwhile.
"""

from functools import cache

import taichi as ti

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
MOST = 100  # steps towards the least value in the box
FLAT_SLOPE = 1e-12  # of a free control against the steepest at zero: there the value is least
ENOUGH, SHORTER, SHORTEST = 0.1, 0.6, 1e-10  # line search: Armijo's share, next length, end
VECTORS = ("x", "y", "g", "slope", "step", "free")


def work_size(width: int, x: int, u: int) -> int:
    """Lane scalars of V F (L X rows), Q (L (X + U) rows) and Q_uu [K | k] + [Q_ux | Q_u] (L U rows)."""
    return width * (x * (x + u) + (x + u) * (x + u) + u * x)


def numbers_size(m: int) -> int:
    """Header, Q_uu, its factor, and the vectors."""
    return HEADER + 2 * m * m + len(VECTORS) * m


class Matrix:
    """Rows of ``columns`` lane scalars in a flat array from an offset on."""

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


class Program:
    """The quadratic program of a step: least ½ xᵀ h x + gᵀ x within low ≤ x ≤ high; free: 1 where x is not at a bound."""

    _data_oriented = True

    def __init__(self, numbers, room, m) -> None:
        self.numbers, self.room, self.m = numbers, room, m
        self.matrices = {"h": HEADER, "factor": let(HEADER + m * m)}
        self.vectors = {name: let(HEADER + 2 * m * m + k * m) for k, name in enumerate(VECTORS)}

    def get(self, name: str, i):
        return Cells(self.numbers, self.vectors[name] + i).get()

    def set(self, name: str, value, i) -> None:
        Cells(self.numbers, self.vectors[name] + i).set(value)

    def at(self, name: str, i, j) -> Cells:
        return Cells(self.numbers, self.matrices[name] + i * self.m + j)

    def low(self, t, i):
        return Cells(self.room, 2 * self.m * t + i).get()

    def high(self, t, i):
        return Cells(self.room, (2 * t + 1) * self.m + i).get()


class Rows:
    """The lane scalars of column j in block i of L rows, while products are added to them."""

    _data_oriented = True

    def __init__(self, values: list) -> None:
        self.values = [let(value) for value in values]

    @staticmethod
    def zero(width: int) -> "Rows":
        return Rows([constant(0.0, width) for _ in range(width)])

    @staticmethod
    def of(matrix: Matrix, i, j) -> "Rows":
        return Rows([matrix.get(matrix.width * i + r, j) for r in range(matrix.width)])

    def add(self, a: Matrix, b: Matrix, k, i, j) -> None:
        x, y = a.get(k, i), b.get(k, j)
        for r, value in enumerate(self.values):
            assign(value, value + lane(x, r, a.width) * y)

    def store(self, matrix: Matrix, i, j) -> None:
        for r, value in enumerate(self.values):
            matrix.at(matrix.width * i + r, j).set(value)

    def of_lanes(self, place) -> "Rows":
        """place(r, c): which row and lane give lane c of row r."""
        width = len(self.values)
        places = [[place(r, c) for c in range(width)] for r in range(width)]
        return Rows([pack([lane(self.values[row], k, width) for row, k in line]) for line in places])

    def transposed(self) -> "Rows":
        return self.of_lanes(lambda r, c: (c, r))

    def mirrored(self) -> "Rows":
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
def factorize_free(p: ti.template()):
    """factor <- L of h = L Lᵀ among what is free, with 1 / L_ii on the diagonal, unit rows else; returns 1 if h is positive definite there."""
    good = 1
    for i in range(p.m):
        for j in range(i + 1):
            both = let(p.get("free", i) * p.get("free", j))
            x = let(both * p.at("h", i, j).get())
            for k in range(j):
                x -= p.at("factor", i, k).get() * p.at("factor", j, k).get()
            if i == j:
                if both == 0.0:
                    x = 1.0
                if not x > 0.0:
                    good = 0
                x = 1.0 / ti.sqrt(x)
            else:
                x = x * p.at("factor", j, j).get()
            p.at("factor", i, j).set(x)
    return good


@ti.func
def find_slope(p: ti.template(), t: ti.i32):
    """slope <- h x + g, and what is free: what is not at a bound, or would leave it. Returns how many have changed, and the steepest."""
    changed, steepest = 0, 0.0
    for i in range(p.m):
        slope = p.get("g", i)
        for k in range(p.m):
            slope += p.at("h", i, k).get() * p.get("x", k)
        x, low, high, free = p.get("x", i), p.low(t, i), p.high(t, i), 1.0
        if (x <= low and slope > 0.0) or (x >= high and slope < 0.0) or low >= high:
            free = 0.0
        else:
            steepest = ti.max(steepest, ti.abs(slope))
        if free != p.get("free", i):
            changed += 1
        p.set("free", free, i)
        p.set("slope", slope, i)
    return changed, steepest


@ti.func
def newton_step(p: ti.template()):
    """step <- −h⁻¹ slope among what is free, 0 else."""
    for i in range(p.m):
        x = let(0.0 - p.get("free", i) * p.get("slope", i))
        for k in range(i):
            x -= p.at("factor", i, k).get() * p.get("step", k)
        p.set("step", x * p.at("factor", i, i).get(), i)
    for r in range(p.m):
        i = p.m - 1 - r
        x = p.get("step", i)
        for k in range(i + 1, p.m):
            x -= p.at("factor", k, i).get() * p.get("step", k)
        p.set("step", x * p.at("factor", i, i).get(), i)


@ti.func
def search_box(p: ti.template(), t: ti.i32):
    """x <- x + length step within the box, with a length that lowers the value enough. Returns 1 if that is the whole step.

    The value changes by (slope + ½ h (y − x))ᵀ (y − x), which has no value of x in it to be rounded to.
    """
    length, whole, searching = 1.0, 1, 1
    while searching == 1:
        for i in range(p.m):
            wanted = let(p.get("x", i) + length * p.get("step", i))
            y = let(ti.min(ti.max(wanted, p.low(t, i)), p.high(t, i)))
            if y != wanted and p.get("free", i) != 0.0:
                whole = 0
            p.set("y", y, i)
        fall, change = 0.0, 0.0
        for i in range(p.m):
            d = let(p.get("y", i) - p.get("x", i))
            bend = 0.0
            for k in range(p.m):
                bend += p.at("h", i, k).get() * (p.get("y", k) - p.get("x", k))
            fall += p.get("slope", i) * d
            change += (p.get("slope", i) + 0.5 * bend) * d
        if change <= ENOUGH * fall or length < SHORTEST:
            searching = 0
        else:
            length *= SHORTER
            whole = 0
    for i in range(p.m):
        p.set("x", p.get("y", i), i)
    return whole


@ti.func
def solve_program(p: ti.template(), t: ti.i32):
    """x <- least within the box, with its factor and what is free. Returns 1, or 0 if h is not positive definite or no end is found.

    Source: Tassa, Mansard, Todorov, Control-limited differential dynamic programming, ICRA 2014, §III (projected Newton)
    """
    steep = 0.0
    for i in range(p.m):
        steep = ti.max(steep, ti.abs(p.get("g", i)))
        p.set("free", 1.0, i)
        p.set("x", let(ti.min(ti.max(0.0, p.low(t, i)), p.high(t, i))), i)
    good, searching, whole, turns = factorize_free(p), 1, 0, 0
    while searching == 1 and good == 1:
        changed, steepest = find_slope(p, t)
        if changed > 0:
            good = factorize_free(p)
        if steepest <= FLAT_SLOPE * steep or (whole == 1 and changed == 0):
            searching = 0
        elif turns == MOST:
            good = 0
        else:
            newton_step(p)
            whole = search_box(p, t)
            turns += 1
    return good


@ti.func
def solve_gains(p: ti.template(), qu: ti.template(), gains: ti.template(), columns: ti.i32):
    """gains <- −Q_uu⁻¹ [Q_ux | Q_u] by the factor, rows of what is not free zero."""
    for j in range(columns):
        for i in range(p.m):
            x = let((0.0 - p.get("free", i)) * qu.get(i, j))
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
            rows = Rows.zero(f.width)
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
            rows = Rows.of(of_states, i, j)
            add_products(rows, f, vf, n, i, j)
            rows.store(q, i, j)
    for i in range(columns - states):
        for j in range(columns):
            rows = Rows.of(of_controls, i, j)
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
        largest = ti.max(largest, p.get("free", i) * ti.abs(p.get("g", i)))
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
            rows = Rows.of(qu, i, j)
            add_products(rows, square, gains, m, i, j)
            rows.store(rest, i, j)
    for i in range(states):
        for j in range(i, states):
            rows = Rows.of(q, i, j)
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
    p = Program(numbers, room, m)
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
