"""What kernels take, by name: a table beside each kernel says which arrays and numbers, of which type, and who they belong to.

Taichi wants one positional argument after the other, two dozen arrays and as many numbers. Nobody counts them: the types of a kernel come
from its table (`Signature.kernel`), and what a launch hands over is put in order by the names (`genesis.dynamics.launch`), once, when it is
bound. A name that is wrong or missing, and an array of another kind or shape, is a TypeError that says which.
"""

import inspect
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import taichi as ti

INTEGERS, BLOCK, FLAT, DOUBLE, TIMED = "integers", "block", "flat", "double", "timed"
DOUBLE_BLOCK = "double block"
KINDS = {  # of arrays: what they hold
    INTEGERS: "int32",
    BLOCK: "lane scalars, one block of environments after the other",
    FLAT: "reals",
    DOUBLE: "float64 in every precision",
    DOUBLE_BLOCK: "lane scalars of float64 in every precision",
    TIMED: "reals by time, environment and number",
}
INTEGER, REAL = "integer", "real"  # kinds of numbers


@dataclass(frozen=True)
class Array:
    """shape: of a TIMED one, see `extents`, of others in words. owner: who holds its memory. optional: one number may stand in its place
    where a number of the launch says that the kernel leaves it alone."""

    name: str
    kind: str
    shape: str
    owner: str
    optional: bool = False

    def extents(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape of a TIMED array in numbers: "i + N, B, 6 nlink" has sums of products on each axis."""
        return tuple(sum(_product(term, sizes) for term in axis.split(" + ")) for axis in self.shape.split(", "))

    def bar(self, owner: str, shape: str = "") -> "Array":
        """Its adjoint."""
        return Array(f"{self.name}_bar", self.kind, shape or self.shape, owner, self.optional)


def _product(term: str, sizes: Mapping[str, int]) -> int:
    return math.prod(int(factor) if factor.isdigit() else sizes[factor] for factor in term.split())


@dataclass(frozen=True)
class Number:
    name: str
    kind: str
    meaning: str


def integers(**meanings: str) -> tuple[Number, ...]:
    """One a keyword, with its meaning."""
    return tuple(Number(name, INTEGER, meaning) for name, meaning in meanings.items())


def reals(**meanings: str) -> tuple[Number, ...]:
    return tuple(Number(name, REAL, meaning) for name, meaning in meanings.items())


def array_types(real, lanes: int) -> dict[str, Any]:
    """Taichi's type of each kind of array, in a kernel of this precision and number of lanes."""
    scalar, double = ((x if lanes == 1 else ti.types.vector(lanes, x)) for x in (real, ti.f64))
    flat = {INTEGERS: ti.i32, BLOCK: scalar, FLAT: real, DOUBLE: ti.f64, DOUBLE_BLOCK: double}
    return {kind: ti.types.ndarray(dtype=dtype, ndim=1) for kind, dtype in flat.items()} | {
        TIMED: ti.types.ndarray(dtype=real, ndim=3)
    }


@dataclass(frozen=True)
class Kernel:
    """A kernel as Taichi made it, with its table. absent: arrays that this version of it has no use for; None stands in their place, since an
    array costs half a microsecond a launch."""

    function: Callable
    signature: "Signature"
    real: Any
    lanes: int
    absent: frozenset[str]

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Those that it has."""
        return tuple(array for array in self.signature.arrays if array.name not in self.absent)


@dataclass(frozen=True)
class Signature:
    """The table of a kernel: arrays, then numbers, in the order of its arguments."""

    name: str
    arrays: tuple[Array, ...]
    numbers: tuple[Number, ...]
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = tuple(x.name for x in (*self.arrays, *self.numbers))
        if len(set(names)) < len(names):
            raise TypeError(f"kernel {self.name}: {', '.join(sorted({n for n in names if names.count(n) > 1}))} twice.")
        object.__setattr__(self, "names", names)

    def kernel(self, real, lanes: int, absent: Collection[str] = ()) -> Callable[[Callable], Kernel]:
        """Decorator of a function with the arguments of this table, without annotations."""
        self.expect(absent, [array.name for array in self.arrays], partial=True)

        def made(function: Callable) -> Kernel:
            written = tuple(inspect.signature(function).parameters)
            if written != self.names:
                self.expect(written, self.names)
                at = next(k for k, (a, b) in enumerate(zip(written, self.names, strict=True)) if a != b)
                raise TypeError(f"kernel {self.name}: argument {at} is {written[at]}, in the table {self.names[at]}.")
            types = array_types(real, lanes) | {INTEGER: ti.i32, REAL: real}
            function.__annotations__ = {
                x.name: ti.template() if x.name in absent else types[x.kind] for x in (*self.arrays, *self.numbers)
            }
            return Kernel(ti.kernel(function), self, real, lanes, frozenset(absent))

        return made

    def expect(self, given: Iterable[str], names: Collection[str], partial: bool = False) -> None:
        """Raises: TypeError that says which names are not the kernel's, or, unless ``partial``, missing or there twice."""
        given = list(given)
        wrong = [name for name in given if name not in names]
        twice = sorted({name for name in given if given.count(name) > 1})
        missing = [] if partial else [name for name in names if name not in given]
        if wrong or twice or missing:
            found = (("has no", wrong), ("is given twice", twice), ("lacks", missing))
            said = "; ".join(f"{what} {', '.join(which)}" for what, which in found if which)
            raise TypeError(f"kernel {self.name} {said}.")

    def pack(self, numbers: Mapping[str, float]) -> list[tuple[Number, float]]:
        """The numbers in the order of the kernel. Raises: TypeError."""
        self.expect(numbers, [number.name for number in self.numbers])
        for number in self.numbers:
            if number.kind == INTEGER and not isinstance(numbers[number.name], int):
                raise TypeError(f"kernel {self.name}: {number.name} is {numbers[number.name]!r}; allowed: an integer.")
        return [(number, numbers[number.name]) for number in self.numbers]


# what several kernels take

MODEL = (
    Array("integers", INTEGERS, "integers of the model, shapes behind", "Physics"),
    Array("parameters", BLOCK, "parameters of the model, once or for every block", "Launches"),
    Array("scratch", BLOCK, "(blocks, scratch_stride)", "Launches"),
)
CONSTRAINTS = (
    Array("ledger", DOUBLE, "(blocks, lanes, ledger_stride), see constraints/ledger.py", "Launches"),
    Array("shapes", FLAT, "constant shapes, see genesis/pairs", "Physics"),
)
PARAMETERS_BAR = Array("parameters_bar", BLOCK, "(blocks, parameter_bar_stride)", "launch")
LAYOUT = integers(
    batch="environments B",
    blocks="blocks of environments",
    scratch_stride="scratch of a block",
    parameter_stride="between the parameters of two blocks; 0: they share them",
)
