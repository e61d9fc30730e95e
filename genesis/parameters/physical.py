"""Masses, damping, gravity, friction, joint limits and other quantities of the model as parameters."""

from typing import Any

from torch import Tensor

from genesis.model.layout import PARAMETER
from genesis.parameters.bounds import read_bounds
from genesis.parameters.entries import choose, known_field, learnable
from genesis.parameters.parameter import Inputs
from genesis.parameters.scalars import ScalarGroup, Scalars
from genesis.selection import indices, vector
from genesis.setting import Setting


class Physical(ScalarGroup):
    """Chosen rows of one physical parameter, replaced in every rollout."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        field: str,
        names: Any = ("*",),
        columns: Any = None,
        init: Any = None,
        log: bool = False,
        bounds: Any = None,
        transform: str = "smooth",
        learn: bool = True,
        lr: float | None = None,
    ) -> None:
        self.learn, self.lr, self.field = learn, lr, field
        self.default = known_field(where, field, learnable(setting))
        entries = choose(where, setting, field, names, columns)
        self.rows, self.columns, self._labels = entries.rows, entries.columns, entries.labels
        self.axis = -1 if PARAMETER[field].width == 1 else -2  # of the rows
        chosen = self._chosen(self.default)
        self.shape = chosen.shape
        size = chosen.numel()
        start = chosen.reshape(-1).clone() if init is None else vector(f"{where}.init", init, size)
        self.scalars = Scalars(where, start, read_bounds(where, bounds, size, transform, {}), log=log, learn=learn)

    def apply(self, inputs: Inputs) -> None:
        value = self.scalars.value().reshape(self.shape)
        # A second group on the same field changes what the first one left.
        base = inputs.physical.get(self.field, self.default)
        if self.columns is not None:
            rows = base if self.rows is None else base.index_select(self.axis, indices(self.rows))
            value = rows.index_copy(-1, indices(self.columns), value)
        inputs.physical[self.field] = value if self.rows is None else base.index_copy(self.axis, indices(self.rows), value)

    def _chosen(self, values: Tensor) -> Tensor:
        """The rows and columns that are parameters."""
        rows = values if self.rows is None else values.index_select(self.axis, indices(self.rows))
        return rows if self.columns is None else rows.index_select(-1, indices(self.columns))
