"""Constraints as terms of an objective: hard ones by an augmented Lagrangian, soft ones by the squares of what exceeds them.

Both are sums of squares, so that every method takes them as it takes losses.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from genesis.constraints.constraint import Constraint, RangedQuantity
from genesis.losses.term import Squares, SumOfSquares, TimeRows
from genesis.problems.augmented_lagrangian import AugmentedLagrangian, acts, outside
from genesis.view import View


class Hard(SumOfSquares):
    """Σ ψ(y / scale), mean over environments. laws: of each quantity."""

    def __init__(self, constraint: Constraint, laws: Sequence[AugmentedLagrangian]) -> None:
        self.constraint, self.laws = constraint, laws

    def residuals(self, trajectory: View) -> list[Squares]:
        rows = self.constraint.measure(trajectory)
        return [_of_law(*one, trajectory) for one in zip(rows, self.constraint.quantities, self.laws, strict=True)]


class Soft(SumOfSquares):
    """Σ over quantities of the mean of ((y − nearest allowed y) / scale)²."""

    def __init__(self, constraint: Constraint) -> None:
        self.constraint = constraint

    def residuals(self, trajectory: View) -> list[Squares]:
        rows = self.constraint.measure(trajectory)
        return [_of_excess(*one) for one in zip(rows, self.constraint.quantities, strict=True)]


def _of_law(rows: TimeRows, quantity: RangedQuantity, law: AugmentedLagrangian, trajectory: View) -> Squares:
    scale = quantity.scale.to(rows.values)
    y, multipliers = rows.values / scale, law.multipliers.to(rows.values)
    if multipliers.ndim == 3:
        multipliers = trajectory.own(multipliers, 1)
    w = y + multipliers / law.weight
    root = law.weight**0.5
    environments = y.shape[1] if y.ndim == 3 else 1
    return _squares(
        rows, root * outside(w, law.low, law.high), (w, law.low, law.high), root / scale, 0.5 * y.numel() / environments
    )


def _of_excess(rows: TimeRows, quantity: RangedQuantity) -> Squares:
    values, low, high = rows.values, quantity.low, quantity.high
    scale = quantity.scale.to(values)
    return _squares(rows, outside(values, low, high) / scale, (values, low, high), 1.0 / scale, 1.0)


def _squares(
    rows: TimeRows, values: Tensor, of: tuple[Tensor, Tensor | float, Tensor | float], slope: Tensor, weight: float
) -> Squares:
    """values: `outside` of `of` times the slope (m,), where it acts."""
    w, low, high = of

    def to_state() -> Tensor:
        assert rows.to_state is not None
        moved = rows.to_state()  # (S, B, m, nx)
        factor = acts(w.detach(), low, high) * slope
        return moved * (factor if factor.ndim == 3 else factor.unsqueeze(1)).unsqueeze(-1)

    equality = bool((torch.as_tensor(low) == torch.as_tensor(high)).any())
    return Squares(
        values, rows.first, rows.reach, rows.sees, None if rows.to_state is None else to_state, rows.claimed_by, rows.ends,
        weight=weight, one_sided=not equality,
    )  # fmt: skip
