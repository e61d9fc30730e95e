"""A stochastic policy of episodes as a parameter: a network from normalised observations to actions."""

import math
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor

from genesis.networks import Network, start_leaves
from genesis.parameters.parameter import Changes, Inputs


class Actor:
    """a = tanh(MLP(o) + e^s ε), ε ~ N(0, 1): leaves are the weights and s (n,), which no state changes. Without noise: tanh(MLP(o)).

    Args:
        inputs, outputs: numbers of observations and of actions. std: e^s at the start.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        generator: torch.Generator,
        *,
        hidden: Any = (64, 64),
        activation: str = "elu",
        std: float = 0.35,
        learn: bool = True,
        lr: float | None = None,
    ) -> None:
        self.learn, self.lr, self.activation, self.changes = learn, lr, activation, Changes()
        weights = start_leaves([inputs, *hidden, outputs], generator)
        self.weights = [leaf.requires_grad_(learn) for leaf in weights]
        self.log_std = weights[0].new_full((outputs,), math.log(std)).requires_grad_(learn)

    def leaves(self) -> list[Tensor]:
        return [*self.weights, self.log_std]

    def leaf_bounds(self) -> list[tuple[Tensor, Tensor] | None]:
        return [None for _ in self.leaves()]

    def with_leaves(self, leaves: list[Tensor]) -> Self:
        made = self.__class__.__new__(self.__class__)
        made.__dict__.update(self.__dict__, weights=list(leaves[:-1]), log_std=leaves[-1])
        return made

    def law(self, mean: Tensor, scale: Tensor, generator: torch.Generator | None) -> Callable[[Tensor], Tensor]:
        """Actions (B, n) for observations (B, inputs), whose mean and inverse deviation are given; generator: of ε, None: without noise."""
        network, spread = Network(self.weights, self.activation), self.log_std.exp()

        def act(observed: Tensor) -> Tensor:
            middle = network((observed - mean) * scale)
            if generator is None:
                return middle.tanh()
            noise = torch.randn(middle.shape, generator=generator, dtype=torch.float64).to(middle)
            return (middle + spread * noise).tanh()

        return act

    def apply(self, inputs: Inputs) -> None:
        """It acts in episodes, not in rollouts."""

    def project(self) -> None:
        """A network has no bounds."""

    def value(self) -> Tensor:
        """All leaves in one vector."""
        return torch.cat([leaf.detach().reshape(-1) for leaf in self.leaves()])

    def set_value(self, value: Tensor) -> None:
        with torch.no_grad():
            for leaf, part in zip(self.leaves(), value.split([leaf.numel() for leaf in self.leaves()]), strict=True):
                leaf.copy_(part.view_as(leaf))

    def bounds(self) -> tuple[Tensor, Tensor] | None:
        return None

    def labels(self) -> list[str]:
        return []

    def prior_residuals(self) -> Tensor | None:
        return None
