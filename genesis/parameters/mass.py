"""Masses of links."""

from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.parameters.parameter import Changes, Inputs
from genesis.parameters.physical import Physical
from genesis.parameters.quantities import PhysicalQuantity
from genesis.setting import Setting

INERTIA = ("scale", "keep")  # what becomes of the inertia tensor of a link whose mass is learned


class Mass(Physical):
    """Masses [kg]; total, total_std: what they add up to, if that is known, and the standard deviation of that (None: a ten-thousandth).

    inertia: "scale": the inertia tensor grows with the mass, I = I_described m / m_described, as that of a body of the same shape does;
    "keep": it stays as it is.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        names: Any = ("*",),
        columns: Any = None,
        total: float | None = None,
        total_std: float | None = None,
        inertia: str = "scale",
        **common: Any,
    ) -> None:
        if inertia not in INERTIA:
            raise InputError(f'{where}.inertia: "{inertia}" is not allowed; allowed: {", ".join(INERTIA)}.')
        super().__init__(setting, where, quantity=PhysicalQuantity("link_mass"), names=names, columns=columns, **common)
        self.total, self.total_std, self.scales = total, total_std, inertia == "scale"
        if self.scales:
            self.changes = Changes(physical=("link_mass", "link_inertia"), scales=("link_inertia",))

    def apply(self, inputs: Inputs) -> None:
        before = inputs.value("link_mass")
        super().apply(inputs)
        if self.scales:
            # A link without mass has no tensor that could grow with it.
            ratio = torch.where(before > 0.0, inputs.physical["link_mass"] / torch.where(before > 0.0, before, 1.0), 1.0)
            inputs.physical["link_inertia"] = inputs.value("link_inertia") * ratio.unsqueeze(-1)

    def prior_residuals(self) -> Tensor | None:
        """Those of the prior, and (sum - total) / std."""
        known = super().prior_residuals()
        if self.total is None:
            return known
        sum_ = ((self.of_rows().sum() - self.total) / (self.total_std or 1e-4 * self.total)).reshape(1)
        return sum_ if known is None else torch.cat([known, sum_])
