"""Launching compiled kernels at the cost of a few microseconds.

A call through Taichi's public front end takes 0.2 to 2 ms for the number of arrays used here. `Launcher` therefore asks Taichi once for the
compiled kernel, and a `Launch` for its launch context; afterwards only the pointers that changed are set. Names are put in order when a launch
is bound, and arrays are looked at when it first runs. That uses names which Taichi does not promise to keep; it is done in this file alone, and
anything unexpected falls back to the public call.
"""

import ctypes
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from time import perf_counter
from typing import Any

import taichi as ti
from taichi.lang import impl

from genesis import runtime
from genesis.compilation import COMPILATION
from genesis.dynamics.distance_jacobian import make_distance_jacobian
from genesis.dynamics.inspect import make_inverse, make_kinematics
from genesis.dynamics.inspect_contacts import make_contacts
from genesis.dynamics.linearize import make_linearize
from genesis.dynamics.rollout import make_rollout
from genesis.dynamics.schemes import SCHEMES
from genesis.dynamics.signature import DOUBLE, DOUBLE_BLOCK, INTEGER, INTEGERS, TIMED, Kernel
from genesis.kernel_cache import store
from genesis.log import logger
from genesis.math.trace import tracing


def linearize_kind(scheme: str) -> str:
    """The kind of kernels that linearise a time integration of one stage."""
    return f"linearize {scheme}"


MAKERS: dict[str, Callable] = {
    **{name: partial(make_rollout, kind=name) for name in SCHEMES},
    **{linearize_kind(name): partial(make_linearize, kind=name) for name in SCHEMES if SCHEMES[name].stages == 1},
    "kinematics": make_kinematics,
    "inverse": make_inverse,
    "contacts": make_contacts,
    "distance jacobian": make_distance_jacobian,
}

Variant = tuple[tuple[int, ...], bool, bool] | tuple[tuple[int, ...]] | None
NEAR = 2**13  # numbers of scratch of a single environment that are put on the stack, 64 KiB; more lie in an array
LANES = {ti.f64: 4, ti.f32: 8}  # environments per block on a CPU: one AVX2 register


def lanes_for(batch: int) -> int:
    """How many environments share a lane scalar: 1 for a single one and on a GPU."""
    state = runtime.state()
    return LANES[state.ti_float] if batch > 1 and state.device.type == "cpu" else 1


def keeps_tape(kind: str, batch: int, variant: Variant) -> bool:
    """Whether a rollout can keep its dynamics for the adjoint: of one environment on a CPU, where memory for it is small."""
    return variant is None and batch == 1 and not SCHEMES[kind].implicit_coriolis and runtime.state().device.type == "cpu"


@cache
def _kernels(kind: str, variant: Variant, generation: int, real: Any, lanes: int, serial: bool, near: int) -> tuple[Kernel, ...]:
    extra: dict[str, Any] = dict(zip(("pairs", "damped_last", "equalities"), variant or (), strict=False))
    if kind in SCHEMES:
        extra["near"] = near
    return MAKERS[kind](real, lanes, serial, **extra)


def kernels(kind: str, lanes: int, variant: Variant, small: bool, scratch: int) -> tuple[Kernel, ...]:
    """Forward kernel of a kind in `MAKERS`, its adjoint, and its adjoint with the parameters' adjoints; one that linearises has two, without
    and with the parameters, that of the Jacobian of distances is alone.

    variant: of a rollout with constraints, its ``pairs``, ``damped_last`` and ``equalities``, see `rollout.Version`.
    small: on a CPU, run the blocks one after the other in the calling thread, as is always done with a single environment.
    scratch: numbers of it that an environment needs.

    Each is compiled at its first launch and lives as long as the Taichi runtime it was made in.
    """
    state = runtime.state()
    serial = state.device.type == "cpu" and (small or lanes == 1)  # a single environment: nothing to share out
    near = NEAR if serial and lanes == 1 and variant is None and scratch <= NEAR else 0
    return _kernels(kind, variant, state.generation, state.ti_float, lanes, serial, near)


def _keep_program() -> None:
    """In a forked child: the end of Taichi's program would wait for threads that only the parent has, so it has none."""
    program = impl.get_runtime().prog
    if program is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(program))


os.register_at_fork(after_in_child=_keep_program)


class Launcher:
    """A kernel for one number of environments: compiled at its first launch, bound to numbers as often as one likes."""

    def __init__(self, kernel: Kernel, batch: int) -> None:
        self.kernel, self.batch, self.generation = kernel, batch, runtime.generation()
        self.compiled: Any = None
        self.public = False

    def bind(
        self, numbers: Mapping[str, float], fixed: Mapping[str, Any], given: Sequence[str], sizes: Mapping[str, int]
    ) -> "Launch":
        """A launch with these numbers and ``fixed`` arrays, which will be called with the arrays of the names ``given``, in that order.

        sizes: the symbols in the shapes of the table.
        Raises: TypeError if a name is not the kernel's, or is missing.
        """
        return Launch(self, numbers, fixed, given, sizes)

    def compile(self, arguments: Sequence[Any]) -> None:
        """Raises: AttributeError where Taichi has other internals."""
        COMPILATION.begin()
        clock = perf_counter()
        with tracing():
            primal = self.kernel.function._primal
            key = primal.ensure_compiled(*arguments)
        traced = perf_counter()
        self.traced = primal.compiled_kernels[key]
        program = impl.get_runtime().prog
        self.launch = program.launch_kernel
        self.compiled = program.compile_kernel(program.config(), program.get_device_caps(), self.traced)
        if COMPILATION.end(traced - clock, perf_counter() - traced):
            logger.info("compiled a kernel in %.1f s.", perf_counter() - clock)
            store(program.finalize)


class Launch:
    """A kernel bound to numbers and names. Call it with tensors.

    Tensors must be contiguous, of the right dtype and on the right device; the axes of time and of one environment may be left out; None
    stands for one that this version of the kernel does not have. The first call looks at their types and shapes; later ones do not.
    """

    def __init__(
        self,
        launcher: Launcher,
        numbers: Mapping[str, float],
        fixed: Mapping[str, Any],
        given: Sequence[str],
        sizes: Mapping[str, int],
    ) -> None:
        signature = launcher.kernel.signature
        self.numbers = signature.pack(numbers)
        signature.expect((*fixed, *given), [array.name for array in signature.arrays])
        self.launcher, self.fixed, self.given, self.sizes = launcher, fixed, tuple(given), sizes
        self.generation = launcher.generation
        self.context: Any = None
        self.pointers: list[int] = []
        self.places: list[tuple[tuple[int], int]] = []  # of every given array: which argument, bytes

    def named(self, **arrays: Any) -> None:
        """Launch with arrays by name: for what is not launched often."""
        self.launcher.kernel.signature.expect(arrays, self.given)
        self(tuple(arrays[name] for name in self.given))

    def __call__(self, arrays: Sequence[Any]) -> None:
        """Launch. Raises: StateError if `gs.destroy` has ended the engine it belongs to; at the first call TypeError for a wrong array."""
        if runtime.generation() != self.generation:
            raise runtime.ended("this scene or graph belongs to an engine that gs.destroy() has ended; build the scene again.")
        if self.context is None and not self._prepare(arrays):
            return
        found = [x.data_ptr() for x in arrays if x is not None]
        if found != self.pointers:
            set_array = self.set_array
            for pointer, last, (place, size) in zip(found, self.pointers, self.places, strict=True):
                if pointer != last:
                    set_array(place, pointer, size, (), 0)
            self.pointers = found
        self.launch(self.compiled, self.context)

    def _prepare(self, arrays: Sequence[Any]) -> bool:
        """Compile if need be; a context with every number, every shape and the arrays that stay. The shapes remain in it: to set them again
        would take three times as long as a pointer. False where the kernel was launched through Taichi's public front end instead."""
        launcher = self.launcher
        views = self._views({**self.fixed, **dict(zip(self.given, arrays, strict=True))})
        arguments = [*views.values(), *(value for _, value in self.numbers)]
        try:
            if launcher.compiled is None and not launcher.public:
                launcher.compile(arguments)
            if not launcher.public:
                self._fill(views)
                return True
        except AttributeError as error:
            logger.warning("Taichi %s has other internals than expected (%s); kernels start more slowly.", ti.__version__, error)
            launcher.public = True
        with tracing():
            launcher.kernel.function(*arguments)
        return False

    def _fill(self, views: Mapping[str, Any]) -> None:
        there = self.launcher.kernel.arrays
        context = self.launcher.traced.make_launch_context()
        set_array = context.set_arg_external_array_with_shape
        places = {}
        for place, array in enumerate(there):
            x, name = views[array.name], array.name
            size, shape = x.numel() * x.element_size(), tuple(x.shape)[: 3 if array.kind == TIMED else 1]
            places[name] = (place,), size
            set_array((place,), x.data_ptr() if name in self.fixed else 0, size, shape, 0)
        for place, (number, value) in enumerate(self.numbers, len(there)):
            (context.set_arg_int if number.kind == INTEGER else context.set_arg_float)((place,), value)
        self.places = [places[name] for name in self.given if name in places]
        self.pointers = [0] * len(self.places)
        self.set_array, self.launch, self.compiled = set_array, self.launcher.launch, self.launcher.compiled
        self.context = context

    def _views(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """All arrays in the order of the kernel with its axes: time, environment, number; or block and lane. Raises: TypeError."""
        kernel, made = self.launcher.kernel, {}
        precision = "float32" if kernel.real is ti.f32 else "float64"
        for array in kernel.signature.arrays:
            x, where = arrays[array.name], f"kernel {kernel.signature.name}: {array.name}"
            if (x is None) is not (array.name in kernel.absent):
                raise TypeError(f"{where} is {'missing' if x is None else 'given, and this version of the kernel has none'}.")
            if x is not None:
                expected = {INTEGERS: "int32", DOUBLE: "float64", DOUBLE_BLOCK: "float64"}.get(array.kind, precision)
                if str(x.dtype) != f"torch.{expected}" or not x.is_contiguous():
                    raise TypeError(f"{where} is {x.dtype}, contiguous: {x.is_contiguous()}; allowed: contiguous {expected}.")
                x = x.detach() if array.kind != TIMED else self._view(x.detach())
                if array.kind == TIMED and not (array.optional and x.numel() == 1):
                    rows, *rest = array.extents(self.sizes)
                    if list(x.shape[1:]) != rest or x.shape[0] < rows:
                        raise TypeError(f"{where} has shape {tuple(x.shape)}; allowed: ({array.shape}) = {(rows, *rest)}.")
            made[array.name] = x
        return made

    def _view(self, x: Any) -> Any:
        batch = self.launcher.batch
        return x if x.dim() == 3 else x.view(x.shape[0] // batch if x.dim() == 2 else 1, batch, x.shape[-1])
