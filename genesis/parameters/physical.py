"""Rows and columns of one physical parameter: masses, damping, friction, gains, gravity, joint limits, …"""

from typing import Any

from torch import Tensor

from genesis.model.layout import PARAMETER
from genesis.parameters.numbers import DescribedNumbers, NumberOptions, Numbers
from genesis.parameters.parameter import Changes, Inputs
from genesis.parameters.quantities import PhysicalQuantity
from genesis.parameters.rows import check_field, columns_of, rows_of
from genesis.selection import indices, joints_of
from genesis.setting import Setting


class Physical(Numbers):
    """Chosen rows (by name) and columns of a physical parameter, replaced in every rollout.

    Args:
        quantity: which, and of its columns those that are usually meant.
        names: glob patterns of rows; columns: numbers of each row, None: the usual ones.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        quantity: PhysicalQuantity,
        names: Any = ("*",),
        columns: Any = None,
        **common: Any,
    ) -> None:
        self.field = quantity.field
        check_field(f"{where}.field", self.field, setting.described)
        self.places, found = rows_of(f"{where}.names", setting, self.field, names)
        chosen = list(quantity.columns) if columns is None and quantity.columns is not None else columns
        self.columns = columns_of(f"{where}.columns", self.field, chosen)
        self.axis = -1 if PARAMETER[self.field].width == 1 else -2  # of the rows
        picked = self._pick(setting.described[self.field])
        self.shape = picked.shape
        bare = PARAMETER[self.field].width == 1 or (columns is None and len(self.columns or ()) == 1)
        labels = found if bare else [f"{name}[{axis}]" for name in found for axis in _axes(self.field, self.columns)]
        each = unit_of_rows(quantity.unit or PARAMETER[self.field].unit, setting, self.field, self.places)
        unit = each if isinstance(each, str) else [own for own in each for _ in range(len(labels) // len(each))]
        described = DescribedNumbers(labels, unit, picked, quantity.least, natural=quantity.natural)
        super().__init__(setting, where, described, NumberOptions(**common), Changes(physical=(self.field,)))

    def apply(self, inputs: Inputs) -> None:
        # A second group on the same field changes what the first one left.
        base = inputs.value(self.field)
        value = self.of_rows().reshape(self.shape).to(base)
        if self.columns is not None:
            rows = base if self.places is None else base.index_select(self.axis, indices(self.places))
            value = rows.index_copy(-1, indices(self.columns), value)
        inputs.physical[self.field] = value if self.places is None else base.index_copy(self.axis, indices(self.places), value)

    def _pick(self, values: Tensor) -> Tensor:
        """The rows and columns that are meant."""
        rows = values if self.places is None else values.index_select(self.axis, indices(self.places))
        return rows if self.columns is None else rows.index_select(-1, indices(self.columns))


def _axes(field: str, columns: list[int] | None) -> list[str]:
    """A name for each of the columns of a row."""
    width = PARAMETER[field].width
    return ["xyz"[k] if width == 3 else str(k) for k in (range(width) if columns is None else columns)]


def unit_of_rows(unit: str, setting: Setting, field: str, places: list[int] | None) -> str | list[str]:
    """Of "Nm | N" that of each chosen row, as its joint turns or slides; both where it does neither alone."""
    count = PARAMETER[field].count
    if " | " not in unit or count not in ("nv", "nq", "nlimit"):
        return unit
    joints = [joint for entity in setting.entities.values() for joint in joints_of(entity)]
    slides = {i: j.slides for j in joints if j.is_scalar for i in (j.qs if count == "nq" else j.dofs)}
    model = setting.scene.rigid_solver.model
    rows = range(len(setting.described[field])) if places is None else places
    if count == "nlimit":
        rows = [int(model.integers["jnt_dof"][model.integers["limit_jnt"][row]]) for row in rows]
    turn, push = unit.split(" | ")
    return [{False: turn, True: push, None: unit}[slides.get(row)] for row in rows]
