"""Run one stage of the mechanics alone: scratch vectors in, scratch vectors out."""

from collections.abc import Callable
from functools import cache

import numpy as np
import taichi as ti
import torch

from genesis import runtime
from genesis.dynamics.signature import BLOCK, INTEGERS, array_types
from genesis.dynamics.workspace import FIELDS, ParameterBar, Robot, Scratch, scratch_size
from genesis.math.lanes import constant, let, load, store
from genesis.math.trace import tracing
from genesis.model.model import Model


@ti.func
def fill(s: ti.template(), name: ti.template(), size: ti.i32, source: ti.template(), at: ti.i32):
    for i in range(size):
        s.row(name).set(load(source, at + i), i)


@ti.func
def take(s: ti.template(), name: ti.template(), size: ti.i32, target: ti.template(), at: ti.i32):
    for i in range(size):
        store(target, s.row(name).get(i), at + i)


class Workbench:
    """One block of ``lanes`` environments, all with the parameters of the model."""

    def __init__(self, model: Model, lanes: int = 1) -> None:
        self.model, self.lanes, self.dtype = model, lanes, runtime.state().dtype
        axis = (lanes,) if lanes > 1 else ()
        self.scratch = torch.zeros(scratch_size(model.sizes), *axis, dtype=self.dtype)
        self.parameters = self._wide(torch.tensor(model.pack_parameters(), dtype=self.dtype))
        self.bars = torch.zeros_like(self.parameters)
        self.integers = torch.tensor(model.pack_integers())
        counts = dict(model.sizes) | {"nslot": model.nlink + 1, "nv4": 4 * model.nv}
        self.size = {name: counts[count] * width for name, count, width in FIELDS}

    def _wide(self, x: torch.Tensor) -> torch.Tensor:
        return x if self.lanes == 1 else x[:, None].expand(-1, self.lanes).contiguous()

    def _laid(self, value) -> torch.Tensor:
        """(size,) for all environments or (lanes, size) in the memory order of the kernels."""
        x = torch.tensor(np.asarray(value, float), dtype=self.dtype)
        return self._wide(x) if x.dim() == 1 else (x[0] if self.lanes == 1 else x.T)

    def _rows(self, x: torch.Tensor) -> np.ndarray:
        return x.reshape(-1, self.lanes).T.numpy().copy()

    def parameter_bar(self, name: str) -> np.ndarray:
        """(lanes, size) adjoint of a parameter."""
        offset, length = self.model.parameter_offsets[name]
        return self._rows(self.bars[offset : offset + length])

    def run(self, stage: Callable, *results: str, **given) -> list[np.ndarray]:
        """Run ``stage(m, s)`` or ``stage(m, s, bar)`` on the ``given`` scratch vectors; returns the named ones, (lanes, size)."""
        values = [self._laid(x) for x in given.values()]
        source = torch.cat([*values, self.scratch[:1]]).contiguous()
        target = torch.zeros_like(self.scratch[: sum(self.size[name] for name in results) + 1])
        sizes = torch.tensor([*(len(x) for x in values), *(self.size[name] for name in results)], dtype=torch.int32)
        kernel = stage_kernel(stage, self.lanes, tuple(given), results, runtime.state().generation)
        with tracing():
            kernel(self.integers, self.parameters, self.scratch, self.bars, sizes, source, target, 1)
        ends = np.cumsum([self.size[name] for name in results])
        return [self._rows(target[end - self.size[name] : end]) for name, end in zip(results, ends, strict=True)]


@cache
def stage_kernel(stage: Callable, lanes: int, given: tuple[str, ...], results: tuple[str, ...], generation: int) -> Callable:
    """One kernel for all robots: fill the given scratch vectors, run the stage, take the results."""
    types = array_types(runtime.state().ti_float, lanes)
    integers_t, block_t = types[INTEGERS], types[BLOCK]
    with_bar = stage.__code__.co_argcount == 3

    def trace(integers, parameters, scratch, bars, sizes, source, target) -> None:
        m = Robot(integers, parameters, let(0), lanes)
        s = Scratch(m, scratch, let(0))
        at, k = let(0), 0
        for name in given:
            size = load(sizes, k)
            fill(s, name, size, source, at)
            at, k = let(at + size), k + 1
        stage(m, s, ParameterBar(m, bars, let(0))) if with_bar else stage(m, s)
        at = let(0)
        for name in results:
            size = load(sizes, k)
            take(s, name, size, target, at)
            at, k = let(at + size), k + 1

    @ti.kernel
    def kernel(
        integers: integers_t, parameters: block_t, scratch: block_t, bars: block_t, sizes: integers_t, source: block_t,
        target: block_t, n: ti.i32,
    ):  # fmt: skip
        for _ in range(n):
            trace(integers, parameters, scratch, bars, sizes, source, target)

    return kernel


def number(m, value: float):
    """A lane scalar of one value."""
    return constant(value, m.lanes)
