"""One scalar of the mechanics: a number, or one SIMD register that holds the same number of several environments.

The mechanics is written once, in ordinary operators. On one environment (and on a GPU) a lane scalar is a Taichi scalar; in a batch on a
CPU it is a Taichi vector of ``L`` environments, which LLVM keeps in one register. Code must therefore be free of branches on lane values:
use `where`, `minimum`, `maximum`. The functions here run while a kernel is being traced; only + - * /, comparison and square root are
available on vectors, so the elementary functions are built from those.

This file, `trace.py` beside it and `genesis/dynamics/launch.py` are the only ones that touch the internals of Taichi's Python front end.
"""

import math

import taichi as ti
from taichi._lib import core
from taichi.lang import impl
from taichi.lang.expr import Expr
from taichi.lang.matrix import make_matrix


def _builder():
    return impl.get_runtime().compiling_callable.ast_builder()


def let(value):
    """Evaluate an expression once and keep it (a Taichi expression is otherwise re-evaluated at every use)."""
    return impl.expr_init(value)


def assign(variable: Expr, value) -> None:
    """variable = value, for a variable made by `let`."""
    ti.lang.ops.assign(variable, value)


def load(array, *index):
    """array[index] as a value."""
    return let(impl.subscript(_builder(), array, *index))


def store(array, value, *index) -> None:
    """array[index] = value."""
    ti.lang.ops.assign(impl.subscript(_builder(), array, *index), value)


def lane(value, k: int, width: int):
    """Component ``k`` of a lane scalar."""
    return value if width == 1 else impl.subscript(_builder(), value, k)


def pack(values: list):
    """Lane scalar from its components."""
    return let(values[0]) if len(values) == 1 else let(make_matrix(list(values)))


def any_lane(value, width: int):
    """True where any lane of a value that is not negative is above zero: the same for the whole block, so it may branch."""
    value = let(value)
    return sum((lane(value, k, width) for k in range(1, width)), lane(value, 0, width)) > 0.0


def lanewise(function, width: int, *values):
    """Apply a scalar Taichi function lane by lane: for the rare functions that have no branch-free form here."""
    return pack([function(*(lane(v, k, width) for v in values)) for k in range(width)])


def local_array(count: int, value) -> Expr:
    """Memory of ``count`` numbers of the type of ``value`` on the stack of the kernel, with whatever was there before.

    LLVM keeps its address in a register and knows that nothing else points to it. An array that was handed in is another matter: its
    address is fetched again after every store, since the store might have changed it. That was an eighth of the instructions of a kernel
    of one environment.
    Taichi has no such declaration; a variable takes the type of what is assigned to it first, here where it never happens.
    """
    builder, place = _builder(), core.DebugInfo("")
    array = Expr(builder.expr_alloca(place))
    impl.begin_frontend_if(builder, Expr(0, dtype=ti.i32), place)
    builder.begin_frontend_if_true()
    builder.expr_assign(array.ptr, make_matrix([value] * count).ptr, place)
    builder.pop_scope()
    builder.begin_frontend_if_false()
    builder.pop_scope()
    return array


def constant(value: float, width: int):
    """The same number in every lane."""
    return pack([value] * width)


def where(condition, yes, no):
    """Lane by lane: yes where condition, else no."""
    return let(ti.select(condition, yes, no))


def minimum(a, b):
    return let(ti.min(a, b))


def maximum(a, b):
    return let(ti.max(a, b))


def sqrt(x):
    return let(ti.sqrt(x))


def negative(x):
    return 0.0 - x  # Taichi has no unary minus on vectors


_SPLIT = {  # pi/2 in three parts whose leading parts have trailing zero bits: Cody & Waite (1980)
    64: (1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624871116645580e-21, 1.5 * 2.0**52),
    32: (1.5703125, 4.837512969970703125e-4, 7.549789948768648e-8, 1.5 * 2.0**23),
}
# (sin r - r) / r^3 and (cos r - 1 + r^2 / 2) / r^4 in powers of r^2
_SIN = {
    64: (
        *(-1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04),
        *(2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10),
    ),
    32: tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(1, 6)),
}
_COS = {
    64: (
        *(4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05),
        *(-2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11),
    ),
    32: tuple((-1.0) ** k / math.factorial(2 * k) for k in range(2, 7)),
}


def _horner(coefficients, z):
    value = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        value = c + z * value
    return value


def sincos(x):
    """(sin x, cos x) without branches: reduction to |r| <= pi/4, minimax polynomial (32 bits: Taylor's), quadrant by arithmetic.

    Accurate to 2 ulp for |x| < 1e5 rad; an angle beyond belongs to a simulation that has left the meaningful numbers.
    Source: Cody & Waite, Software Manual for the Elementary Functions (1980), chapter 8; coefficients of 64 bits: K. C. Ng, Sun's FDLIBM 5.3
    (1995), k_sin.c and k_cos.c.
    """
    bits = 64 if impl.get_runtime().default_fp == ti.f64 else 32
    a, b, c, magic = _SPLIT[bits]
    n = let((x * (2.0 / math.pi) + magic) - magic)  # adding and removing 1.5 * 2**mantissa rounds to the nearest integer
    r = let(((x - n * a) - n * b) - n * c)
    z = let(r * r)
    s = let(r + r * z * _horner(_SIN[bits], z))
    k = let(1.0 - 0.5 * z + z * z * _horner(_COS[bits], z))
    half = let((n * 0.5 - 0.25 + magic) - magic)  # floor(n / 2)
    quarter = let((half * 0.5 - 0.25 + magic) - magic)
    odd = let(n - 2.0 * half)
    even = let(1.0 - odd)
    sign = let(1.0 - 2.0 * (half - 2.0 * quarter))
    return let(sign * (even * s + odd * k)), let(sign * (even * k - odd * s))


class Cells:
    """A run of lane scalars in a flat array, from an offset on.

    Flat, because an array with two indices would fetch its width from memory at every access.
    """

    _data_oriented = True

    def __init__(self, array, offset) -> None:
        self.array, self.offset = array, offset

    def at(self, offset) -> "Cells":
        return Cells(self.array, self.offset + offset)

    def _cell(self, k):
        return impl.subscript(_builder(), self.array, self.offset + k)

    def get(self, k=0):
        return let(self._cell(k))

    def set(self, value, k=0) -> None:
        ti.lang.ops.assign(self._cell(k), value)

    def add(self, value, k=0) -> None:
        """The caller owns the cell (no atomics)."""
        cell = self._cell(k)
        ti.lang.ops.assign(cell, cell + value)

    def subtract(self, value, k=0) -> None:
        cell = self._cell(k)
        ti.lang.ops.assign(cell, cell - value)


class LaneCells(Cells):
    """One lane of a run of lane scalars, as plain numbers: ``k`` is the lane, known only while the kernel runs."""

    _data_oriented = True

    def __init__(self, array, offset, k) -> None:
        self.array, self.offset, self.k = array, offset, k

    def at(self, offset) -> "LaneCells":
        return LaneCells(self.array, self.offset + offset, self.k)

    def _cell(self, k):
        return impl.subscript(_builder(), impl.subscript(_builder(), self.array, self.offset + k), self.k)


def cells_of_lane(cells: Cells, k, width: int) -> Cells:
    """Lane ``k`` of ``cells``; where a lane scalar is a number already, the cells themselves."""
    return cells if width == 1 else LaneCells(cells.array, cells.offset, k)


class Block:
    """The environments of one block: lane k of every lane scalar belongs to environment ``envs[k]``.

    Arrays of the user have one environment per index; lanes beyond the last environment repeat it, so that they compute and write the
    same numbers.
    """

    _data_oriented = True

    def __init__(self, block, count, lanes: int) -> None:
        self.envs = [let(ti.min(block * lanes + k, count - 1)) for k in range(lanes)]

    def gather(self, array, *index):
        """Lane scalar from array[..., env, last]; ``index`` is every index but the environment."""
        head, last = index[:-1], index[-1]
        return pack([impl.subscript(_builder(), array, *head, env, last) for env in self.envs])

    def scatter(self, array, value, *index) -> None:
        head, last = index[:-1], index[-1]
        value = let(value)
        for k, env in enumerate(self.envs):
            store(array, lane(value, k, len(self.envs)), *head, env, last)
