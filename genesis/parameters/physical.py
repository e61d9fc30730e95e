"""Masses, damping, gravity and other quantities of the model as parameters."""

from typing import Any

from torch import Tensor

from genesis.errors import InputError, unknown_name
from genesis.parameters.bounds import read_bounds
from genesis.parameters.parameter import Inputs
from genesis.parameters.scalars import ScalarGroup, Scalars
from genesis.selection import indices, joints_of, match, tensor, vector
from genesis.setting import Setting

# Rows of these are links; of dof_* degrees of freedom; gravity is one row.
_LINK, _DOF = "link_", "dof_"
_DERIVED = ("link_invweight", "dof_invweight")  # follow from masses and inertias


class Physical(ScalarGroup):
    """Chosen rows of one physical parameter, replaced in every rollout."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        field: str,
        names: Any = ("*",),
        init: Any = None,
        log: bool = False,
        bounds: Any = None,
        transform: str = "smooth",
        learn: bool = True,
        lr: float | None = None,
    ) -> None:
        self.learn, self.lr, self.field = learn, lr, field
        table: dict[str, Tensor] = setting.scene.physical_parameters()
        learnable = [n for n in table if n == "gravity" or (n.startswith((_LINK, _DOF)) and n not in _DERIVED)]
        if field not in learnable:
            raise unknown_name(f"{where}.field", "physical parameter", field, learnable)
        self.default = tensor(table[field].detach())
        self.rows, row_names = _rows(f"{where}.names", setting, field, names)
        chosen = (
            self.default
            if self.rows is None
            else self.default[..., self.rows, :]
            if _is_wide(field)
            else self.default[..., self.rows]
        )
        self.shape = chosen.shape
        size = chosen.numel()
        start = chosen.reshape(-1).clone() if init is None else vector(f"{where}.init", init, size)
        self.scalars = Scalars(where, start, read_bounds(where, bounds, size, transform, {}), log=log, learn=learn)
        width = size // max(len(row_names), 1)
        self._labels = row_names if width == 1 else [f"{name}[{i}]" for name in row_names for i in range(width)]

    def apply(self, inputs: Inputs) -> None:
        value = self.scalars.value().reshape(self.shape)
        if self.rows is None:
            inputs.physical[self.field] = value
            return
        # A second group on the same field changes what the first one left.
        base = inputs.physical.get(self.field, self.default)
        index = indices(self.rows)
        inputs.physical[self.field] = base.index_copy(0, index, value)


def _is_wide(field: str) -> bool:
    """Each row has several numbers."""
    return field in ("link_pos", "link_quat", "link_com", "link_inertia", "dof_solref", "dof_solimp")


def _rows(where: str, setting: Setting, field: str, patterns: Any) -> tuple[list[int] | None, list[str]]:
    """Rows of the parameter that the patterns choose, and a name for each; None: the whole (gravity)."""
    if field == "gravity":
        return None, ["gravity"]
    indices, names = [], []
    for entity in setting.entities.values():
        if field.startswith(_LINK):
            for link in entity.links:
                indices.append(int(link.idx))
                names.append(str(link.name))
        else:
            for joint in joints_of(entity):
                for k, dof in enumerate(joint.dofs):
                    indices.append(dof)
                    names.append(joint.name if len(joint.dofs) == 1 else f"{joint.name}.{k}")
    picked = match(where, "link" if field.startswith(_LINK) else "joint", patterns, names)
    if not picked:
        raise InputError(f"{where}: nothing is chosen.")
    return [indices[i] for i in picked], [names[i] for i in picked]
