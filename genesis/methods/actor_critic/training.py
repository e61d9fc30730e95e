"""What an objective of episodes is to methods that learn values: windows of steps with what came of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from genesis.errors import InputError

#: Values (rows,) of normalised observations (rows, width).
Value = Callable[[Tensor], Tensor]


@dataclass
class Transitions:
    """h steps of B environments, without a graph: normalised observations seen and reached (h, B, width), rewards (h, B); fell, done (h, B):
    the episode has ended there, for good or in any way."""

    seen: Tensor
    reached: Tensor
    rewards: Tensor
    fell: Tensor
    done: Tensor


class Training(Protocol):
    """width: numbers of an observation. like: a tensor of the type and on the device of all others."""

    width: int
    like: Tensor

    def window(self, value: Value | None, steps: int, discount: float, clip: float | None) -> Transitions | None:
        """Simulate so many steps on, with the gradient of

            −1/(h B) Σ_b Σ_t γ^(t − t₀) r_t  −  γ^n V(o)  where a piece of an episode is cut off, but did not end for good

        in the leaves of the policy afterwards. value: V, whose weights are fixed; None: 0. clip: see `genesis.episodes.window.roll`; in units
        of the mean over environments. None where there is no value; the objective's `failure` says why.
        """
        ...

    def learn_statistics(self) -> None:
        """Of the observations of the last window."""
        ...


def lambda_returns(found: Transitions, values: Tensor, discount: float, decay: float) -> Tensor:
    """TD(λ) targets (h, B); values (h, B) of what was reached.

        G_t = r_t + γ ((1 − λ) V_(t+1) + λ G_(t+1)),   G = r + γ V where a piece is cut off,   G = r where it ended for good

    Source: Sutton, Barto, Reinforcement Learning (2018), §12.1.
    """
    values = torch.where(found.fell, torch.zeros_like(values), values)
    made, following = torch.empty_like(found.rewards), values[-1]
    for t in range(len(values) - 1, -1, -1):
        ahead = (
            values[t]
            if t == len(values) - 1
            else torch.where(found.done[t], values[t], (1.0 - decay) * values[t] + decay * following)
        )
        following = made[t] = found.rewards[t] + discount * ahead
    return made


def training_of(objective: Any, kind: str) -> Training:
    """The objective as what such methods ask. Raises: InputError for one without episodes."""
    if not hasattr(objective, "training"):
        raise InputError(
            f"optimizer: {kind} learns policies in episodes, and this task has none; take task=run_hopper, or another optimizer."
        )
    made: Training = objective.training()
    return made
