"""Masses, damping, gravity, friction, joint limits and other quantities of the model as parameters."""

from typing import Any

from torch import Tensor

from genesis.errors import InputError, unknown_name
from genesis.grad.physics import CONSTANT_KINDS
from genesis.model.layout import PARAMETER
from genesis.parameters.bounds import read_bounds
from genesis.parameters.parameter import Inputs
from genesis.parameters.scalars import ScalarGroup, Scalars
from genesis.scene.names import row_names
from genesis.selection import indices, match, tensor, vector
from genesis.setting import Setting

# What the rows of a parameter are, by the beginning of its name; gravity is one row.
ROWS = {"link_": "link", "dof_": "joint", "limit_": "joint", "geom_": "geom", "eq_": "equality", "xpair_": "pair"}


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
        table: dict[str, Tensor] = setting.scene.physical_parameters()
        learnable = [n for n in table if n == "gravity" or (n.startswith(tuple(ROWS)) and n not in CONSTANT_KINDS)]
        if field not in learnable:
            raise unknown_name(f"{where}.field", "physical parameter", field, learnable)
        self.default = tensor(table[field].detach())
        self.rows, names_of_rows = _rows(f"{where}.names", setting, field, names)
        self.axis = -1 if PARAMETER[field].width == 1 else -2  # of the rows
        self.columns = _columns(f"{where}.columns", field, columns)
        chosen = self._chosen(self.default)
        self.shape = chosen.shape
        size = chosen.numel()
        start = chosen.reshape(-1).clone() if init is None else vector(f"{where}.init", init, size)
        self.scalars = Scalars(where, start, read_bounds(where, bounds, size, transform, {}), log=log, learn=learn)
        width = size // max(len(names_of_rows), 1)
        places = self.columns or range(width)
        self._labels = names_of_rows if width == 1 else [f"{name}[{i}]" for name in names_of_rows for i in places]

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


def _columns(where: str, field: str, columns: Any) -> list[int] | None:
    """Which numbers of each row; None: all."""
    if columns is None:
        return None
    width = PARAMETER[field].width
    chosen = [columns] if isinstance(columns, int) else list(columns)
    if (
        width == 1
        or not chosen
        or any(not isinstance(k, int) or not 0 <= k < width for k in chosen)
        or len(set(chosen)) < len(chosen)
    ):
        allowed = f"numbers from 0 to {width - 1}, each once" if width > 1 else "none, a row of it is one number"
        raise InputError(f"{where}: {columns!r} of {field}; allowed: {allowed}.")
    return chosen


def _rows(where: str, setting: Setting, field: str, patterns: Any) -> tuple[list[int] | None, list[str]]:
    """Rows of the parameter that the patterns choose, and a name for each; None: the whole (gravity)."""
    if field == "gravity":
        return None, ["gravity"]
    kind = next(what for start, what in ROWS.items() if field.startswith(start))
    names = row_names(setting.scene.rigid_solver.model, field)
    if not names:
        raise InputError(f"{where}: the scene has no {kind} with {field}.")
    rows = match(where, kind, patterns, names)
    if not rows:
        raise InputError(f"{where}: nothing is chosen.")
    return rows, [names[k] for k in rows]
