"""Launching compiled kernels at the cost of a few microseconds.

A call through Taichi's public front end takes 0.2 to 2 ms for the number of arrays used here. `Launcher` therefore asks Taichi once for the
compiled kernel and its launch context and afterwards only sets the pointers that changed. That uses names which Taichi does not promise to
keep; it is done in this file alone, and anything unexpected falls back to the public call.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import taichi as ti
from taichi.lang import impl

from genesis import runtime
from genesis.dynamics.inspect import make_inverse, make_kinematics
from genesis.dynamics.rollout import make_rollout
from genesis.log import logger

MAKERS: dict[str, Callable] = {"rollout": make_rollout, "kinematics": make_kinematics, "inverse": make_inverse}

LANES = {ti.f64: 4, ti.f32: 8}  # environments per block on a CPU: one AVX2 register


def lanes_for(batch: int) -> int:
    """How many environments share a lane scalar: 1 for a single one and on a GPU."""
    state = runtime.state()
    return LANES[state.ti_float] if batch > 1 and state.device.type == "cpu" else 1


@lru_cache(maxsize=None)
def _kernels(kind: str, generation: int, real: Any, lanes: int) -> tuple[Callable, Callable]:
    return MAKERS[kind](real, lanes)


def kernels(kind: str, lanes: int) -> tuple[Callable, Callable]:
    """(forward, adjoint) kernel pair of a kind in `MAKERS`; a pair lives as long as the Taichi runtime it was made in."""
    state = runtime.state()
    return _kernels(kind, state.generation, state.ti_float, lanes)


class Launcher:
    """One kernel, called with tensors, then integers, then floats, as its signature has them.

    Tensors must be contiguous, of the right dtype and on the right device, and detached.
    """

    def __init__(self, kernel: Callable, lanes: int, block_arrays: Sequence[int]) -> None:
        self.kernel = kernel
        # array arguments whose last axis is the lane axis and not an index
        self.laned = frozenset(block_arrays) if lanes > 1 else frozenset()
        self.ready = False
        self.public = False
        self.bound: list[Any] = []

    def __call__(self, arrays: Sequence[Any], integers: Sequence[int], floats: Sequence[float] = ()) -> None:
        if not self.ready:
            self._compile(arrays, integers, floats)
        if self.public:
            self.kernel(*arrays, *integers, *floats)
            return
        context, bound = self.context, self.bound
        for i, x in enumerate(arrays):
            key = (x.data_ptr(), x.shape)
            if bound[i] != key:
                bound[i] = key
                shape = x.shape[:-1] if i in self.laned else x.shape
                context.set_arg_external_array_with_shape((i,), key[0], x.numel() * x.element_size(), tuple(shape), 0)
        i = len(arrays)
        for n in integers:
            if bound[i] != n:
                bound[i] = n
                context.set_arg_int((i,), n)
            i += 1
        for value in floats:
            if bound[i] != value:
                bound[i] = value
                context.set_arg_float((i,), value)
            i += 1
        self.program.launch_kernel(self.compiled, context)

    def _compile(self, arrays, integers, floats) -> None:
        self.ready = True
        with warnings.catch_warnings():
            # plain Python functions that build expressions while a kernel is traced are intended here
            warnings.filterwarnings("ignore", message=r"(?s).*Calling non-taichi function.*")
            try:
                primal = self.kernel._primal
                key = primal.ensure_compiled(*arrays, *integers, *floats)
                traced = primal.compiled_kernels[key]
                self.program = impl.get_runtime().prog
                self.compiled = self.program.compile_kernel(self.program.config(), self.program.get_device_caps(), traced)
                self.context = traced.make_launch_context()
                self.bound = [None] * (len(arrays) + len(integers) + len(floats))
            except AttributeError as error:
                logger.warning("Taichi %s has other internals than expected (%s); kernels start more slowly.", ti.__version__, error)
                self.public = True
