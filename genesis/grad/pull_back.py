"""How a hand-written adjoint meets torch: stacked gradients row by row, second order refused."""

from collections.abc import Callable
from typing import Any, NoReturn

import torch

from genesis.errors import UnsupportedError
from genesis.grad.eager import eager

Made = tuple[torch.Tensor | None, ...]  # gradients, None for those that are zero
Adjoint = Callable[..., Made]


def refuse_second_order(ctx_name: str) -> NoReturn:
    """Raises: UnsupportedError, with what to do."""
    raise UnsupportedError(
        f"{ctx_name}: derivatives of second order (create_graph=True) are not implemented; "
        "take finite differences of the gradient, or a Gauss-Newton approximation."
    )


class _NoSecondOrder(torch.autograd.Function):
    """Identity on gradients that refuses to be differentiated again; ``count`` tensors that they depend on come before them."""

    generate_vmap_rule = True

    @staticmethod
    def forward(name: str, count: int, *tensors: torch.Tensor | None) -> Made:
        return tuple(None if t is None else t.view_as(t) for t in tensors[count:])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.name = inputs[0]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor | None) -> NoReturn:
        refuse_second_order(ctx.name)


class _Batched:
    """Adjoints for a stack of output gradients (is_grads_batched, vmap over a vector-Jacobian product), one after the other.

    torch has no rule for running a kernel under vmap, but it calls an operator that it does not know row by row: this one. Absent
    tensors pass as empty ones.
    """

    SLOTS = 6
    library = torch.library.Library("genesis_optimize", "DEF")
    calls: dict[int, Adjoint] = {}

    @classmethod
    def run(cls, adjoint: Adjoint, grads: Made) -> tuple[torch.Tensor, ...]:
        key = max(cls.calls, default=0) + 1
        cls.calls[key] = adjoint
        try:
            given = [torch.empty(0) if g is None else g for g in (*grads, *[None] * (3 - len(grads)))]
            out = torch.ops.genesis_optimize.pull_back(key, len(grads), *given)
        finally:
            del cls.calls[key]
        return out

    @classmethod
    def one(cls, key: int, count: int, *grads: torch.Tensor) -> tuple[torch.Tensor, ...]:
        out = cls.calls[key](*(None if g.dim() == 1 and g.numel() == 0 else g for g in grads[:count]))
        return tuple(torch.empty(0) if o is None else o.clone() for o in (*out, *[None] * (cls.SLOTS - len(out))))


_Batched.library.define(
    "pull_back(int key, int count, Tensor a, Tensor b, Tensor c) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)
_Batched.library.impl("pull_back", _Batched.one, "CompositeExplicitAutograd")


def _is_batched(grad: torch.Tensor) -> bool:
    """Whether a gradient is one of a stack under vmap: such a tensor has no memory of its own."""
    try:
        grad.data_ptr()
    except RuntimeError:
        return True
    return False


_transforming = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)


def transforming() -> bool:
    """Whether a transform of torch.func is at work: tensors may then be wrappers of others."""
    return bool(_transforming())


wrapped = torch._C._functorch.is_functorch_wrapped_tensor  # of a tensor: whether a transform made it, be it over or not


def bare(x: torch.Tensor) -> torch.Tensor:
    """What a transform has wrapped: of vmap the numbers of all points."""
    while wrapped(x):
        x = torch._C._functorch.get_unwrapped(x)
    return x


def constant(x: torch.Tensor, what: str) -> torch.Tensor:
    """What a transform has wrapped though it neither differentiates nor maps it: that may outlive the transform.

    Raises: UnsupportedError if it does.
    """
    while wrapped(x):
        if x.requires_grad or torch._C._functorch.is_batchedtensor(x):
            raise UnsupportedError(
                f"{what}: torch.func: what a transform differentiates or maps dies with it, and a scene would keep it; give it to "
                "scene.rollout(controls, qpos=..., qvel=..., params=...)."
            )
        x = torch._C._functorch.get_unwrapped(x)
    return x


def refuse_transform(what: str) -> None:
    """Raises: UnsupportedError within a transform of torch.func."""
    if _transforming():
        raise UnsupportedError(
            f"torch.func: {what} has no rule for its transforms; scene.rollout and the links of its trajectory have (grad, vjp, jacrev, "
            "vmap). Outside of the transform: loss.backward(), or scene.linearize(qpos, qvel, controls)."
        )


class NoForwardMode:
    """What an autograd function of the engine says to forward differentiation (jvp, jacfwd, hessian, dual numbers)."""

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> NoReturn:
        raise UnsupportedError(
            "a simulation has no forward differentiation by torch (jvp, jacfwd, hessian); use torch.func.jacrev, or exact derivatives of "
            "each step: scene.linearize(qpos, qvel, controls), Trajectory.linearization()."
        )


def apply_in_eager(function: type[torch.autograd.Function], *args: Any) -> Any:
    """Of a method that is eager itself: `function.apply`, without what torch prepares there for its function transforms when none is active:
    2 µs of every step."""
    if _transforming():
        if function.setup_context is torch.autograd.Function.setup_context:
            refuse_transform(f"{function.__name__} of the engine")
        return function.apply(*args)
    return super(torch.autograd.Function, function).apply(*args)  # type: ignore[misc]


apply = eager(apply_in_eager)


def run_adjoint(ctx: Any, name: str, adjoint: Adjoint, grads: Made) -> Made:
    """``adjoint(*grads)`` as torch wants it from a backward: batched gradients row by row, second order refused.

    What its forward saved last are the tensor arguments of the function, or its outputs: something that depends on them all.
    """
    for g in grads:
        if g is not None and _is_batched(g):
            out = _Batched.run(adjoint, grads)
            return tuple(o if n else None for o, n in zip(out, ctx.needs_input_grad[1:], strict=False))
    if torch.is_grad_enabled():  # backward runs with create_graph
        with torch.no_grad():
            made = adjoint(*grads)
        sources = [x for x in (*ctx.saved_tensors[1 - len(ctx.needs_input_grad) :], *grads) if x is not None and x.requires_grad]
        return _NoSecondOrder.apply(name, len(sources), *sources, *made)
    return adjoint(*grads)
