"""Masses of links."""

from typing import Any

import torch
from torch import Tensor

from genesis.parameters.physical import Physical
from genesis.parameters.quantities import PhysicalQuantity
from genesis.setting import Setting


class Mass(Physical):
    """Masses [kg]; total, total_std: what they add up to, if that is known, and the standard deviation of that (None: a ten-thousandth)."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        names: Any = ("*",),
        columns: Any = None,
        total: float | None = None,
        total_std: float | None = None,
        **common: Any,
    ) -> None:
        super().__init__(setting, where, quantity=PhysicalQuantity("link_mass"), names=names, columns=columns, **common)
        self.total, self.total_std = total, total_std

    def prior_residuals(self) -> Tensor | None:
        """Those of the prior, and (sum - total) / std."""
        known = super().prior_residuals()
        if self.total is None:
            return known
        sum_ = ((self.of_rows().sum() - self.total) / (self.total_std or 1e-4 * self.total)).reshape(1)
        return sum_ if known is None else torch.cat([known, sum_])
