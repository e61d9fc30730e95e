"""What is drawn of constraints: of each quantity the number that is nearest to its limits, or farthest beyond them, at every state."""

from dataclasses import dataclass

import torch
from torch import Tensor

from genesis.constraints.constraint import RangedQuantity
from genesis.constraints.constraint_set import ConstraintSet, metric_name
from genesis.losses.term import TimeRows
from genesis.view import View

LARGEST, SMALLEST, ERROR, SHARE, VALUE = "largest", "smallest", "largest error", "share of the limit", "value"


@dataclass(frozen=True)
class WorstOverTime:
    """values (T+1,[B]): not a number where nothing is constrained. low, high: lines, infinite where there is none. words: which of several
    numbers it is; unit: empty for a share."""

    values: Tensor
    low: float
    high: float
    words: str
    unit: str


def worst_over_time(constraints: ConstraintSet, trajectory: View, states: int) -> dict[str, WorstOverTime]:
    """By metric, the first quantity of each. states: T + 1."""
    made: dict[str, WorstOverTime] = {}
    with torch.no_grad():
        for name, one in constraints.all.items():
            for quantity, rows in zip(one.constraint.quantities, one.constraint.measure(trajectory), strict=True):
                made.setdefault(metric_name(name, quantity), _worst(quantity, rows, states))
    return made


def _worst(quantity: RangedQuantity, rows: TimeRows, states: int) -> WorstOverTime:
    values = rows.values
    low, high = (_beside(side.to(values), values) for side in (quantity.low, quantity.high))
    least, most = (_common(side) for side in (quantity.low, quantity.high))
    if bool((low == high).all()):
        series, lines, words = (values - low).abs().amax(-1), (-torch.inf, quantity.tolerance), ERROR
    elif values.shape[-1] == 1 and least is not None and most is not None:
        series, lines, words = values[..., 0], (least, most), VALUE
    elif least == -torch.inf and most is not None:
        series, lines, words = values.amax(-1), (least, most), LARGEST
    elif most == torch.inf and least is not None:
        series, lines, words = values.amin(-1), (least, most), SMALLEST
    else:
        half = 0.5 * (high - low)
        size = torch.where(torch.isfinite(half) & (half > 0.0), half, quantity.scale.to(values))
        series, lines, words = (1.0 + torch.maximum(values - high, low - values) / size).amax(-1), (-torch.inf, 1.0), SHARE
    whole = series.new_full((states, *series.shape[1:]), torch.nan)
    first = rows.first + rows.reach
    whole[first : first + len(series)] = series
    return WorstOverTime(whole, *lines, words, "" if words == SHARE else quantity.unit)


def _beside(side: Tensor, values: Tensor) -> Tensor:
    """A side (m,) or (S, m) as it broadcasts to values (S,[B,]m)."""
    return side.unsqueeze(1) if side.ndim == 2 and values.ndim == 3 else side


def _common(side: Tensor) -> float | None:
    """The one number that a side is everywhere."""
    first = float(side.reshape(-1)[0])
    return first if bool((side == side.reshape(-1)[0]).all()) else None
