"""Launching compiled kernels at the cost of a few microseconds.

A call through Taichi's public front end takes 0.2 to 2 ms for the number of arrays used here. `Launcher` therefore asks Taichi once for the
compiled kernel and its launch context and afterwards only sets the pointers that changed. That uses names which Taichi does not promise to
keep; it is done in this file alone, and anything unexpected falls back to the public call.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import taichi as ti
from taichi.lang import impl

from genesis import runtime
from genesis.dynamics.inspect import make_inverse, make_kinematics
from genesis.dynamics.inspect_contacts import make_contacts
from genesis.dynamics.rollout import SCHEMES, make_rollout
from genesis.errors import StateError
from genesis.log import logger
from genesis.math.trace import tracing

MAKERS: dict[str, Callable] = {
    **{name: partial(make_rollout, kind=name) for name in SCHEMES},
    "kinematics": make_kinematics,
    "inverse": make_inverse,
    "contacts": make_contacts,
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
def _kernels(
    kind: str, variant: Variant, generation: int, real: Any, lanes: int, serial: bool, near: int
) -> tuple[Callable, Callable, Callable]:
    extra: dict[str, Any] = dict(zip(("pairs", "damped_last", "equalities"), variant or (), strict=False))
    if kind in SCHEMES:
        extra["near"] = near
    forward, make_adjoint = MAKERS[kind](real, lanes, serial, **extra)
    return forward, make_adjoint(False), make_adjoint(True)


def kernels(kind: str, lanes: int, variant: Variant, small: bool, room: int) -> tuple[Callable, Callable, Callable]:
    """Forward kernel of a kind in `MAKERS`, its adjoint, and its adjoint with the parameters' adjoints.

    variant: of a rollout with constraints, its ``pairs``, ``damped_last`` and ``equalities``, see `make_rollout`.
    small: on a CPU, run the blocks one after the other in the calling thread, as is always done with a single environment.
    room: numbers of scratch that an environment needs.

    Each is compiled at its first launch and lives as long as the Taichi runtime it was made in.
    """
    state = runtime.state()
    serial = state.device.type == "cpu" and (small or lanes == 1)  # a single environment: nothing to share out
    near = NEAR if serial and lanes == 1 and variant is None and room <= NEAR else 0
    return _kernels(kind, variant, state.generation, state.ti_float, lanes, serial, near)


class Bound:
    """A kernel bound to integers and floats: its launch context, and of every array the place in it, the size and the last pointer.

    places: place, size and shape of each. The shapes stay in the context once they are set; to set them again would take three times as
    long as a pointer.
    """

    def __init__(self, context: Any, places: list[tuple[tuple[int], int, tuple[int, ...]]]) -> None:
        self.context, self.set_array = context, context.set_arg_external_array_with_shape
        for place, size, shape in places:
            self.set_array(place, 0, size, shape, 0)
        self.places = [(place, size) for place, size, _ in places]
        self.pointers = [0] * len(places)


class Launcher:
    """One kernel, called with tensors, then integers, then floats, as its signature has them.

    Tensors must be contiguous, of the right dtype and on the right device; the axes of time and of one environment may be left out; None
    stands for one that the kernel does not have. The shapes must follow from the integers: they are looked at only when integers come
    that are new.
    """

    MOST = 64  # bindings that are kept

    def __init__(self, kernel: Callable, lanes: int, block_arrays: Sequence[int], batch: int) -> None:
        self.kernel, self.lanes, self.batch, self.generation = kernel, lanes, batch, runtime.generation()
        self.flat = frozenset((0, *block_arrays))  # arrays of one index; the others have three
        self.compiled: Any = None
        self.public = False
        self.scalars: Any = None
        self.bound: Any = None  # to those scalars
        self.known: dict[tuple[tuple[int, ...], tuple[float, ...]], Bound] = {}

    def __call__(self, arrays: Sequence[Any], scalars: tuple[tuple[int, ...], tuple[float, ...]]) -> None:
        """Launch with tensors and (integers, floats). Raises: StateError if `gs.destroy` has ended the engine it belongs to."""
        if runtime.generation() != self.generation:
            raise StateError("this scene or graph belongs to an engine that gs.destroy() has ended; build the scene again.")
        if scalars is not self.scalars:
            self._bind(arrays, scalars)
        if self.public:
            with tracing():
                self.kernel(*self._views(arrays), *scalars[0], *scalars[1])
            return
        bound = self.bound
        found = [x.data_ptr() for x in arrays if x is not None]
        if found != bound.pointers:
            set_array = bound.set_array
            for pointer, last, (place, size) in zip(found, bound.pointers, bound.places, strict=True):
                if pointer != last:
                    set_array(place, pointer, size, (), 0)
            bound.pointers = found
        self.launch(self.compiled, bound.context)

    def _views(self, arrays: Sequence[Any]) -> list[Any]:
        """The arrays as tensors of the kernel's axes: time, environment, number; or block and lane."""
        return [None if x is None else x.detach() if i in self.flat else self._view(x.detach()) for i, x in enumerate(arrays)]

    def _view(self, x: Any) -> Any:
        return x if x.dim() == 3 else x.view(x.shape[0] // self.batch if x.dim() == 2 else 1, self.batch, x.shape[-1])

    def _bind(self, arrays, scalars) -> None:
        """Compile if need be; a context with every scalar set, and the shapes that go with them, unless it is there."""
        integers, floats = scalars
        if self.compiled is None and not self.public:
            self._compile(arrays, integers, floats)
        self.scalars = scalars
        self.bound = self.known.get(scalars)
        if self.bound is not None or self.public:
            return
        views = [(i, x) for i, x in enumerate(self._views(arrays)) if x is not None]
        places = [
            ((place,), x.numel() * x.element_size(), tuple(x.shape)[: 1 if i in self.flat else 3])
            for place, (i, x) in enumerate(views)
        ]
        context = self.traced.make_launch_context()
        for i, n in enumerate(integers, len(views)):
            context.set_arg_int((i,), n)
        for i, value in enumerate(floats, len(views) + len(integers)):
            context.set_arg_float((i,), value)
        if len(self.known) >= self.MOST:  # a caller that varies the horizon without end
            self.known.clear()
        self.bound = self.known[scalars] = Bound(context, places)

    def _compile(self, arrays, integers, floats) -> None:
        try:
            with tracing():
                primal = self.kernel._primal
                key = primal.ensure_compiled(*self._views(arrays), *integers, *floats)
            self.traced = primal.compiled_kernels[key]
            program = impl.get_runtime().prog
            self.launch = program.launch_kernel
            self.compiled = program.compile_kernel(program.config(), program.get_device_caps(), self.traced)
            Bound(self.traced.make_launch_context(), [])  # the names that a binding needs
        except AttributeError as error:
            logger.warning("Taichi %s has other internals than expected (%s); kernels start more slowly.", ti.__version__, error)
            self.public = True
