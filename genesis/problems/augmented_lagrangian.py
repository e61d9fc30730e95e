"""Equality constraints c = 0 as a cost whose minimum comes to meet them.

    ψ(c) = ½ μ |c + λ / μ|²,      λ ← λ + μ c,      μ ← RAISE μ where the largest |c| did not fall by four

ψ is a sum of squares, so that methods for residuals take it too; it is λ·c + ½ μ |c|² and a constant.
Source: Nocedal, Wright, Numerical Optimization (2006), §17.3; Howell, Jackson, Manchester, ALTRO, IROS 2019 (updates).
"""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

RAISE, HIGHEST = 10.0, 1e10  # of the weight μ; the latter over the first one
FALLS = 4.0


@dataclass
class AugmentedLagrangian:
    """Of constraints (k,). weight: μ; multipliers: λ, zero at first. A round is one minimisation under both; `rounds` has those of each."""

    weight: float
    multipliers: Tensor
    violation: float = float("inf")  # largest |c| at the last update
    rounds: list[tuple[float, Tensor, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begin(self.weight)

    def begin(self, weight: float) -> None:
        """The first round, under this weight."""
        self.first = self.weight = weight
        self.rounds = [(weight, self.multipliers, self.violation)]

    def residuals(self, c: Tensor) -> Tensor:
        """√μ (c + λ / μ), whose half squares are the value."""
        return self.weight**0.5 * (c + self.multipliers / self.weight)

    def value(self, c: Tensor) -> Tensor:
        """ψ(c)"""
        return 0.5 * self.residuals(c).square().sum()

    def next_round(self, c: Tensor) -> None:
        """Update at the minimum of the last round, where the constraints are c."""
        multipliers = self.multipliers + self.weight * c.detach()
        largest = float(c.detach().abs().max()) if c.numel() else 0.0
        slow = largest > self.violation / FALLS
        weight = min(RAISE * self.weight, HIGHEST * self.first) if slow else self.weight
        self.rounds.append((weight, multipliers, largest))
        self.go_to(len(self.rounds) - 1)

    def repeat_round(self) -> None:
        """The same once more, where the constraints have no value."""
        self.rounds.append(self.rounds[-1])

    def go_to(self, number: int) -> None:
        """The weight and multipliers of a round."""
        self.weight, self.multipliers, self.violation = self.rounds[number]

    def state_dict(self) -> dict[str, Any]:
        """Rounds so far; `go_to` says which."""
        return {"first": self.first, "rounds": [tuple(one) for one in self.rounds]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        self.first, self.rounds = state["first"], [tuple(one) for one in state["rounds"]]
