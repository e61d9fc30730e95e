"""Central finite differences of a scalar function of several tensors, against torch's gradient."""

from collections.abc import Callable

import torch


def relative_error(
    function: Callable[..., torch.Tensor], inputs: list[torch.Tensor], step: float = 1e-5, directions: int = 3
) -> float:
    """Largest |directional derivative - central difference| over random directions, relative to the larger (at least 1e-6)."""
    generator = torch.Generator().manual_seed(7)
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    gradients = torch.autograd.grad(function(*leaves), leaves, allow_unused=True)
    gradients = [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, gradients, strict=True)]
    worst = 0.0
    for _ in range(directions):
        along = [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in inputs]
        exact = sum(float((g * d).sum()) for g, d in zip(gradients, along, strict=True))
        with torch.no_grad():
            ahead, back = (float(function(*(x + s * d for x, d in zip(inputs, along, strict=True)))) for s in (step, -step))
        difference = (ahead - back) / (2 * step)
        worst = max(worst, abs(exact - difference) / max(abs(exact), abs(difference), 1e-6))
    return worst
