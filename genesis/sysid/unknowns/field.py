"""Rows and columns of one physical parameter: masses, damping, friction, gains, gravity, …"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.model.layout import PARAMETER
from genesis.parameters.rows import check_field, columns_of, rows_of
from genesis.selection import indices, joints_of, tensor
from genesis.setting import Setting
from genesis.sysid.target import Target
from genesis.sysid.unknowns.unknown import Options, Unknown


@dataclass(frozen=True)
class Quantity:
    """A physical parameter under the name that users know: core name, columns of a row (None: all), least value, unit."""

    field: str
    columns: tuple[int, ...] | None = None
    least: float = -torch.inf
    unit: str | None = None


# Every quantity that is rows of one physical parameter; a further one is a line here and its kind in the schema of the command line.
QUANTITIES: dict[str, Quantity] = {
    "mass": Quantity("link_mass", least=0.0),
    "centre_of_mass": Quantity("link_com"),
    "damping": Quantity("dof_damping", least=0.0),
    "dry_friction": Quantity("dof_frictionloss", least=0.0),
    "dry_friction_time": Quantity("dof_solref", (0,), 1e-6, "s"),
    "stiffness": Quantity("dof_stiffness", least=0.0),
    "spring_reference": Quantity("qpos_spring"),
    "armature": Quantity("dof_armature", least=0.0),
    "kp": Quantity("dof_kp", least=0.0),
    "kv": Quantity("dof_kv", least=0.0),
    "actuator_gain": Quantity("act_gain"),
    "actuator_bias": Quantity("act_bias0"),
    "friction": Quantity("geom_friction", (0,), 0.0, "1"),
    "solref": Quantity("geom_solref"),
    "solimp": Quantity("geom_solimp"),
    "gravity": Quantity("gravity"),
    "link_position": Quantity("link_pos"),
}


class Field(Unknown):
    """Chosen rows (by name) and columns of a physical parameter."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        kind: str,
        options: Options,
        names: Any = ("*",),
        field: str | None = None,
        columns: Any = None,
        total: float | None = None,
        total_std: float | None = None,
    ) -> None:
        quantity = QUANTITIES[kind] if field is None else Quantity(field)
        self.field = quantity.field
        table = setting.scene.rigid_solver.parameters
        check_field(f"{where}.field", self.field, table.names)
        described = tensor(table.value(self.field)[0].detach())
        self.places, found = rows_of(f"{where}.names", setting, self.field, names)
        chosen = quantity.columns if columns is None and quantity.columns is not None else columns
        self.columns = columns_of(f"{where}.columns", self.field, None if chosen is None else list(chosen))
        self.axis = -1 if PARAMETER[self.field].width == 1 else -2
        picked = self._pick(described)
        self.shape = picked.shape
        bare = PARAMETER[self.field].width == 1 or (columns is None and len(self.columns or ()) == 1)
        labels = found if bare else [f"{name}[{axis}]" for name in found for axis in _axes(self.field, self.columns)]
        unit = quantity.unit or PARAMETER[self.field].unit
        super().__init__(where, labels, _of_joints(unit, setting, self.field, self.places), picked, options, quantity.least)
        self.total, self.total_std = total, total_std
        if total is not None and kind != "mass":
            raise InputError(f"{where}.total: only masses have one.")

    def apply(self, z: Tensor, target: Target) -> None:
        base = target.value(self.field)
        value = self.rows_of(z).reshape(self.shape).to(base)
        if self.columns is not None:
            rows = base if self.places is None else base.index_select(self.axis, indices(self.places))
            value = rows.index_copy(-1, indices(self.columns), value)
        target.physical[self.field] = value if self.places is None else base.index_copy(self.axis, indices(self.places), value)

    def pseudo_measurements(self, z: Tensor) -> Tensor | None:
        """The sum of the masses is known: (sum - total) / std."""
        if self.total is None:
            return None
        return ((self.rows_of(z).sum() - self.total) / (self.total_std or 1e-4 * self.total)).reshape(1)

    def _pick(self, values: Tensor) -> Tensor:
        rows = values if self.places is None else values.index_select(self.axis, indices(self.places))
        return rows if self.columns is None else rows.index_select(-1, indices(self.columns))


def _axes(field: str, columns: list[int] | None) -> list[str]:
    """A name for each of the columns of a row."""
    width = PARAMETER[field].width
    return ["xyz"[k] if width == 3 else str(k) for k in (range(width) if columns is None else columns)]


def _of_joints(unit: str, setting: Setting, field: str, places: list[int] | None) -> str:
    """Of "Nm | N" the one that all chosen joints have, where they all turn or all slide."""
    if " | " not in unit or PARAMETER[field].count not in ("nv", "nq"):
        return unit
    joints = [joint for entity in setting.entities.values() for joint in joints_of(entity)]
    slides = {i: j.slides for j in joints if j.is_scalar for i in (j.dofs if PARAMETER[field].count == "nv" else j.qs)}
    kinds = {slides.get(i) for i in (places if places is not None else slides)}
    turn, push = unit.split(" | ")
    return turn if kinds == {False} else push if kinds == {True} else unit
