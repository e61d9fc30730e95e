"""How far values lie beyond a range: the body of the losses that keep limits."""

from typing import Any

import torch
from torch import Tensor

from genesis.losses.term import Columns, Squares, SumOfSquares
from genesis.selection import chosen_joints, dofs, limits, vector
from genesis.setting import Setting
from genesis.view import View


def excess(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """low − x below, x − high above, zero within; an infinite side is none."""
    return torch.relu(low - values) + torch.relu(values - high)


class RelativeExcess(SumOfSquares):
    """mean over joints, time and environments of the squared excess of a quantity of the joints over its range less `margin`, in units of
    the limit.

    kind: which limits of the robot, velocity or force. first: the step that the first of the values belongs to.

    Args:
        limit: ±limit (number or list over the dofs), or None: the robot's.
        margin: part of the limit that is kept free.
    """

    kind: str
    first: int

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        limit: Any = None,
        margin: float = 0.0,
        joints: Any = ("*",),
        entity: str | None = None,
    ) -> None:
        body = setting.entity(where, entity)
        chosen = chosen_joints(where, body, joints)
        self.dofs = dofs(chosen)
        if limit is None:
            low, high = limits(body, chosen, self.kind)
        else:
            high = vector(f"{where}.limit", limit, len(self.dofs)).abs()
            low = -high
        self.unit = _size(low, high)
        self.low, self.high = low + margin * self.unit, high - margin * self.unit

    def residuals(self, trajectory: View) -> list[Squares]:
        return [Squares(self.excess(trajectory) / self.unit, first=self.first, sees=self.sees(), one_sided=True)]

    def excess(self, trajectory: View) -> Tensor:
        """(T,[B,]n) in SI units."""
        return excess(self.values(trajectory)[..., self.dofs], self.low, self.high)

    def values(self, trajectory: View) -> Tensor:
        """(T,[B,]nv): what is limited."""
        raise NotImplementedError

    def sees(self) -> Columns | None:
        """See `Squares.sees`."""
        return None


def _size(low: Tensor, high: Tensor) -> Tensor:
    """The larger finite end of each range by magnitude; one where there is none."""
    ends = torch.stack([low, high]).abs()
    largest = torch.where(torch.isfinite(ends), ends, torch.zeros_like(ends)).max(0).values
    return torch.where(largest > 0.0, largest, torch.ones_like(largest))
