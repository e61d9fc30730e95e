"""Gradients of a task against central differences."""

from dataclasses import dataclass

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.runners.evaluate import Clock, Evaluator, groups_of
from genesis.tasks import Task

# Across the gradient the derivative is mere rounding: errors are relative to at least this part of the gradient's norm.
SMALL = 1e-3
# Offsets in units of h, and weights.
STENCIL = ((1.0, 8.0 / 12.0), (-1.0, -8.0 / 12.0), (2.0, -1.0 / 12.0), (-2.0, 1.0 / 12.0))


@dataclass(frozen=True)
class Check:
    """One direction in one group: derivative by the adjoint and by differences; error relative to the larger."""

    group: str
    analytic: float
    numeric: float
    error: float


def gradcheck(task: Task, *, directions: int = 3, epsilon: float = 1e-4, seed: int = 0) -> list[Check]:
    """∇J · d against the fourth-order central difference of J along random unit directions d in each parameter group.

    (8 J(x + h d) − 8 J(x − h d) − J(x + 2h d) + J(x − 2h d)) / 12h, whose error falls with h⁴: h can be large enough to keep
    rounding small.

    Args:
        epsilon: h, relative to the norm of the group's leaves where that is above one.
    """
    if task.setting.start_qpos.dtype != torch.float64:
        raise InputError("gradcheck: needs float64; set runtime.precision=64.")
    groups = groups_of(task)
    if not groups:
        raise InputError("parameter: nothing to learn; at least one parameter must have learn: true.")
    evaluate = Evaluator(task, groups, Clock(), remember=False)
    evaluate()
    gradients = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad.clone() for leaf in evaluate.leaves]
    generator = torch.Generator().manual_seed(seed)
    checks, first = [], 0
    for group in groups:
        own = gradients[first : first + len(group.leaves)]
        first += len(group.leaves)
        for _ in range(directions):
            checks.append(_check(task, group.name, group.leaves, own, epsilon, generator))
    return checks


def _check(
    task: Task, name: str, leaves: list[Tensor], gradients: list[Tensor], epsilon: float, generator: torch.Generator
) -> Check:
    direction = [torch.randn(leaf.shape, generator=generator, dtype=torch.float64).to(leaf.device) for leaf in leaves]
    length = _norm(direction)
    direction = [d / length for d in direction]
    before = [leaf.detach().clone() for leaf in leaves]
    h = epsilon * max(1.0, _norm(before))
    numeric = 0.0
    with torch.no_grad():
        for factor, weight in STENCIL:
            for leaf, start, d in zip(leaves, before, direction, strict=True):
                leaf.copy_(start + factor * h * d)
            numeric += weight * float(task.judge().objective) / h
        for leaf, start in zip(leaves, before, strict=True):
            leaf.copy_(start)
    analytic = float(sum((g * d).sum() for g, d in zip(gradients, direction, strict=True)))
    scale = max(abs(analytic), abs(numeric), SMALL * _norm(gradients))
    return Check(name, analytic, numeric, abs(analytic - numeric) / scale if scale else 0.0)


def _norm(tensors: list[Tensor]) -> float:
    return float(torch.stack([t.detach().norm() for t in tensors]).norm())
