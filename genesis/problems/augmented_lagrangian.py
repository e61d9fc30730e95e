"""Constraints low ≤ y ≤ high as a cost whose minimum comes to meet them; low = high is an equality, an infinite side none.

    ψ(y) = ½ μ |w − P(w)|²,   w = y + λ / μ,   P: nearest point of [low, high]
    λ ← μ (w − P(w)),         μ ← RAISE μ where the largest violation did not fall by four

ψ is a sum of squares, so that methods for residuals take it too; of an equality it is λ·c + ½ μ |c|² and a constant, with c = y − low; of
y ≤ high the ½ μ max(0, c + λ / μ)² of the textbooks.
Source: Bertsekas, Constrained Optimization and Lagrange Multiplier Methods (1982), §3.1 (two-sided constraints by one multiplier); Nocedal,
Wright, Numerical Optimization (2006), §17.3; Howell, Jackson, Manchester, ALTRO, IROS 2019 (updates).
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

RAISE, HIGHEST = 10.0, 1e10  # of the weight μ; the latter over the first one
FALLS = 4.0

#: An end of a range: one number, or one for each of what is constrained.
Side = float | Tensor


@dataclass
class AugmentedLagrangian:
    """Of numbers y. weight: μ; multipliers: λ, of the shape of y or one that broadcasts to it, zero at first. A round is one minimisation
    under both; `rounds` has those of each. low, high: what y must lie between."""

    weight: float
    multipliers: Tensor
    violation: float = float("inf")  # largest one at the last update
    rounds: list[tuple[float, Tensor, float]] = field(default_factory=list)
    low: Side = 0.0
    high: Side = 0.0

    def __post_init__(self) -> None:
        self.begin(self.weight)

    def begin(self, weight: float) -> None:
        """The first round, under this weight."""
        self.first = self.weight = weight
        self.rounds = [(weight, self.multipliers, self.violation)]

    def residuals(self, y: Tensor, multipliers: Tensor | None = None) -> Tensor:
        """√μ (w − P(w)), whose half squares are the value. multipliers: those of the numbers that are there, where not all are."""
        w = y + (self.multipliers if multipliers is None else multipliers) / self.weight
        return self.weight**0.5 * outside(w, self.low, self.high)

    def value(self, y: Tensor) -> Tensor:
        """ψ(y)"""
        return 0.5 * self.residuals(y).square().sum()

    def next_round(self, y: Tensor) -> None:
        """Update at the minimum of the last round, where the constrained numbers are y."""
        y = y.detach()
        multipliers = self.weight * outside(y + self.multipliers / self.weight, self.low, self.high)
        largest = float(outside(y, self.low, self.high).abs().max()) if y.numel() else 0.0
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


def outside(values: Tensor, low: Side, high: Side) -> Tensor:
    """values − P(values): how far each is below low (negative) or above high; its derivative is that of `acts`."""
    low, high = _sides(values, low, high)
    within = torch.zeros_like(values)
    return torch.where((values > high) | (low == high), values - high, torch.where(values < low, values - low, within))


def acts(values: Tensor, low: Side, high: Side) -> Tensor:
    """1 where values are outside their range, or it is one number, else 0."""
    low, high = _sides(values, low, high)
    return ((values > high) | (values < low) | (low == high)).to(values.dtype)


def _sides(values: Tensor, low: Side, high: Side) -> tuple[Tensor, Tensor]:
    """As they broadcast to values ([S,[B,]]m); a side (S, m) has no axis of environments."""
    low, high = (torch.as_tensor(side, dtype=values.dtype, device=values.device) for side in (low, high))
    if values.ndim == 3:
        low, high = (side.unsqueeze(1) if side.ndim == 2 else side for side in (low, high))
    return low, high
