"""What the stages of a time step read and write in the scratch memory, as they say it and as it is seen while their kernels are traced."""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from genesis import runtime
from genesis.dynamics import euler
from genesis.dynamics import inspect as functions
from genesis.dynamics import step as order
from genesis.dynamics.launch import kernels
from genesis.dynamics.signature import BLOCK, DOUBLE, INTEGER, INTEGERS, TIMED, Kernel
from genesis.dynamics.workspace import FIELDS, IMPLICIT_FIELDS, ParameterBar, Region
from genesis.math.lanes import Cells
from genesis.math.trace import tracing

SCRATCH = {name for name, _, _ in (*FIELDS, *IMPLICIT_FIELDS)}
WORDS = ("Reads", "Writes", "Adds to", "Overwrites")


@dataclass
class Access:
    """Of one call of a stage: fields that it read before it wrote them, wrote, added to."""

    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)  # names of fields among its arguments

    def note(self, name: str, how: str) -> None:
        if how == "set":
            self.written.add(name)
        elif how == "add":
            self.added.update({name} - self.written)
        elif name not in self.written:
            self.read.add(name)


class Seen(Cells):
    """Cells of a field that tell the stages in progress how they are used."""

    _data_oriented = True

    def __init__(self, cells: Cells, name: str, note: Callable[[str, str], None]) -> None:
        super().__init__(cells.array, cells.offset)
        self.name, self.note = name, note

    def at(self, offset) -> "Seen":
        return Seen(super().at(offset), self.name, self.note)

    def get(self, k=0):
        self.note(self.name, "get")
        return super().get(k)

    def set(self, value, k=0) -> None:
        self.note(self.name, "set")
        super().set(value, k)

    def add(self, value, k=0) -> None:
        self.note(self.name, "add")
        super().add(value, k)

    def subtract(self, value, k=0) -> None:
        self.note(self.name, "add")
        super().subtract(value, k)


def stages() -> dict[str, Callable]:
    """The Taichi functions that the orders of a step are made of, by name."""
    return {name: f for name, f in vars(order).items() if getattr(f, "_is_taichi_function", False) or hasattr(f, "__wrapped__")}


@contextmanager
def watched(monkeypatch) -> Iterator[dict[str, list[Access]]]:
    """What every stage does while kernels are traced."""
    found: dict[str, list[Access]] = {}
    running: list[Access] = []

    def note(name: str, how: str) -> None:
        for access in running:
            access.note(name, how)

    def listen(name: str, stage: Callable) -> Callable:
        def heard(*arguments):
            access = Access(given={x for x in arguments if isinstance(x, str)})
            found.setdefault(name, []).append(access)
            running.append(access)
            try:
                return stage(*arguments)
            finally:
                running.pop()

        return heard

    row, add = Region.row, ParameterBar.add
    with monkeypatch.context() as patch:
        patch.setattr(Region, "row", lambda self, name, k: Seen(row(self, name, k), name, note))
        patch.setattr(ParameterBar, "add", lambda self, name, *rest: (note("parameters", "add"), add(self, name, *rest))[1])
        for name, stage in stages().items():
            for module in (order, euler, functions):
                if vars(module).get(name) is stage:
                    patch.setattr(module, name, listen(name, stage))
        yield found


def trace(kernel: Kernel) -> None:
    """Only the front end: nothing is compiled or run."""
    state = runtime.state()
    shapes = {
        INTEGERS: ((4,), torch.int32),
        DOUBLE: ((4,), torch.float64),
        BLOCK: ((4,), state.dtype),
        TIMED: ((1, 1, 1), state.dtype),
    }
    arrays = []
    for array in kernel.signature.arrays:
        shape, dtype = shapes.get(array.kind, ((4,), state.dtype))
        arrays.append(None if array.name in kernel.absent else torch.zeros(shape, dtype=dtype))
    numbers = [1 if number.kind == INTEGER else 1.0 for number in kernel.signature.numbers]
    with tracing():
        kernel.function._primal.ensure_compiled(*arrays, *numbers)


def made(kind: str, variant) -> tuple[Kernel, ...]:
    """Fresh kernels, which have not been traced."""
    kernels.__globals__["_kernels"].cache_clear()
    return kernels(kind, 1, variant, True, 1)


def told(stage: Callable) -> dict[str, list[str]]:
    """What its docstring says, see `parse`."""
    return parse(inspect.getdoc(stage) or "")


def parse(text: str) -> dict[str, list[str]]:
    """The names after each of `WORDS` in a docstring; remarks in brackets are left out. ``x``: the field that the argument x names."""
    text = re.sub(r"\([^()]*(\([^()]*\)[^()]*)*\)", "", " ".join(text.split()))
    parts = re.split(rf"(?:^|\s)({'|'.join((*WORDS, 'Adjoint', 'Source'))}): ", text)
    said: dict[str, list[str]] = {}
    for word, rest in zip(parts[1::2], parts[2::2], strict=True):
        if word in WORDS:
            said.setdefault(word, []).extend(name.strip() for name in rest.split(",") if name.strip())
    return said
