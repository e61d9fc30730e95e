"""A constraint written by the user."""

from typing import Any

import torch

from genesis.constraints.constraint import Constraint, RangedQuantity, size_of
from genesis.constraints.frames import open_range
from genesis.errors import InputError
from genesis.grad.tensor import plain
from genesis.losses.term import TimeRows
from genesis.losses.user import load
from genesis.setting import Setting
from genesis.view import View


class UserConstraint(Constraint):
    """`function(trajectory, scene, **options)` returns numbers, each within [low, high]: a tensor (S, m) or (S, n_envs, m), whose row s depends
    on the states s to s + reach (S = horizon + 1) or what drives it from there (S = horizon), or (m,) numbers of the whole motion.

    function: module.function, importable from the working folder, or FILE.py:function. labels: names of the m numbers; unit: in words.
    scale: how much of them is much.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        function: str,
        options: dict[str, Any] | None = None,
        low: Any = None,
        high: Any = None,
        labels: Any = (),
        unit: str = "",
        scale: Any = None,
        reach: int = 0,
        tolerance: float = 1e-6,
    ) -> None:
        self.where, self.name, self.reach = where, function, reach
        self.function, self.scene, self.options = load(where, function), setting.scene, dict(options or {})
        self.horizon, self.envs = setting.horizon, setting.batch[0] if setting.batch else None
        names = [str(label) for label in labels] or [str(k) for k in range(_count(low, high))]
        least, most = open_range(where, low, high, len(names))
        sizes = size_of(least, most) if scale is None else torch.full_like(least, float(scale))
        self.quantities = [RangedQuantity(unit, names, least, most, sizes, tolerance)]

    def measure(self, trajectory: View) -> list[TimeRows]:
        found = self.function(trajectory.trajectory, self.scene, **self.options)
        count = len(self.quantities[0].labels)
        if not isinstance(found, torch.Tensor) or found.ndim == 0 or found.shape[-1] != count:
            shape = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else type(found).__name__
            raise InputError(
                f"{self.where}: {self.name} returned {shape}; it must return numbers (..., {count}), one for each label."
            )
        values = plain(found)
        batched = values.ndim - (self.envs is not None)
        if batched == 1:  # of the whole motion
            return [TimeRows(values.unsqueeze(0), 0, self.horizon)]
        if batched != 2 or values.shape[0] not in (self.horizon, self.horizon + 1):
            raise InputError(
                f"{self.where}: {self.name} returned a tensor of shape {tuple(values.shape)}; its first axis must be time, with "
                f"{self.horizon + 1} states or {self.horizon} steps."
            )
        return [TimeRows(values, 0, self.reach, claimed_by=f"{self.where}.reach")]


def _count(low: Any, high: Any) -> int:
    """How many numbers the sides are for."""
    return max((len(side) for side in (low, high) if isinstance(side, (list, tuple))), default=1)
