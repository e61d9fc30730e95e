"""A dense network that acts many times with the same weights, as a policy does in a rollout.

Its weights' gradients are sums over the times. Left to autograd, each time is a product of its own and an addition to all weights, which costs
more than the network. Here inputs and their gradients wait until the last has come back, and one product for each layer makes the sum.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from genesis import runtime

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "silu": torch.nn.functional.silu,
    "elu": torch.nn.functional.elu,
    "gelu": torch.nn.functional.gelu,
}

#: What waits for each layer: of every time the backward pass, its inputs, and the gradients of its outputs, ([n,] rows, columns).
Waiting = list[dict[int, tuple[int, Tensor, Tensor]]]


class Network:
    """Weights and biases for the times of one rollout: a function of ([n,] ..., inputs).

    leaves: weight ([n,] outputs, inputs) and bias ([n,] outputs) of each layer; with n, networks that each see their own inputs.
    """

    def __init__(self, leaves: Sequence[Tensor], activation: str) -> None:
        self.weights, self.biases = [x.detach() for x in leaves[::2]], [x.detach() for x in leaves[1::2]]
        self.activation = ACTIVATIONS[activation]
        self.waiting: Waiting = [{} for _ in self.weights]
        self.times = 0
        self.token: Tensor = _Leaves.apply(self.waiting, *leaves)

    def __call__(self, seen: Tensor) -> Tensor:
        several = self.weights[0].shape[:-2]
        x = seen.reshape(*several, -1, seen.shape[-1])
        for layer, (weight, bias, waiting) in enumerate(zip(self.weights, self.biases, self.waiting, strict=True)):
            x = _Layer.apply((waiting, self.times), self.token, weight, bias, self.activation(x) if layer else x)
        self.times += 1
        return x.reshape(*seen.shape[:-1], x.shape[-1])


def backward_pass() -> int:
    """Number of the backward pass that is under way; torch.utils.checkpoint relies on it too."""
    return torch._C._current_graph_task_id()


class _Leaves(torch.autograd.Function):
    """(waiting, leaves) -> a token without value; whatever depends on the leaves takes it, so this adjoint comes after all of theirs."""

    @staticmethod
    def forward(ctx: Any, waiting: Waiting, *leaves: Tensor) -> Tensor:
        ctx.waiting = waiting
        return leaves[0].new_zeros(())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor | None, ...]:
        bars: list[Tensor | None] = []
        now = backward_pass()
        for waiting in ctx.waiting:
            # what else waits is of passes that did not come to here
            pairs = [pair for number, *pair in waiting.values() if number == now]
            waiting.clear()
            if not pairs:
                bars += [None, None]
                continue
            inputs, outputs_bar = (torch.cat(part, -2) for part in zip(*pairs, strict=True))
            bars += [outputs_bar.mT @ inputs, outputs_bar.sum(-2)]
        return None, *bars


class _Layer(torch.autograd.Function):
    """(waiting and time, token, weight, bias, inputs ([n,] rows, ·)) -> outputs."""

    @staticmethod
    def forward(ctx: Any, place: tuple, token: Tensor, weight: Tensor, bias: Tensor, inputs: Tensor) -> Tensor:
        ctx.place = place
        ctx.save_for_backward(weight, inputs)
        if weight.dim() == 2:
            return torch.addmm(bias, inputs, weight.mT)
        return torch.baddbmm(bias.unsqueeze(1), inputs, weight.mT)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outputs_bar: Tensor) -> tuple[Tensor | None, ...]:
        weight, inputs = ctx.saved_tensors
        _, token_needs, _, _, inputs_need = ctx.needs_input_grad
        if token_needs:
            waiting, time = ctx.place
            waiting[time] = backward_pass(), inputs, outputs_bar
        return None, None, None, None, outputs_bar @ weight if inputs_need else None


def start_leaves(sizes: Sequence[int], generator: torch.Generator) -> list[Tensor]:
    """Weight and bias of each layer: Glorot's uniform start, the last weights a tenth of it so that learning begins near zero."""
    state = runtime.state()
    leaves = []
    for i, (inputs, outputs) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        reach = (6.0 / (inputs + outputs)) ** 0.5 * (0.1 if i == len(sizes) - 2 else 1.0)
        weight = torch.rand(outputs, inputs, generator=generator, dtype=torch.float64) * 2.0 * reach - reach
        leaves += [weight.to(state.device, state.dtype), torch.zeros(outputs, dtype=state.dtype, device=state.device)]
    return leaves
