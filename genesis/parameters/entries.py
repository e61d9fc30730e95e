"""Which numbers of a physical parameter are meant: a field of the model, rows by name, columns of each row."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from genesis.errors import InputError, unknown_name
from genesis.grad.physics import CONSTANT_KINDS
from genesis.model.layout import PARAMETER
from genesis.scene.names import row_names
from genesis.selection import match, tensor
from genesis.setting import Setting

# What the rows of a parameter are, by the beginning of its name; gravity is one row.
ROWS = {"link_": "link", "dof_": "joint", "limit_": "joint", "geom_": "geom", "eq_": "equality", "xpair_": "pair"}


@dataclass(frozen=True)
class Entries:
    """Rows (None: the whole, which has none) and columns (None: all) of a field; labels: a name for each number."""

    field: str
    rows: list[int] | None
    columns: list[int] | None
    labels: list[str]

    def positions(self) -> list[int]:
        """Where the numbers lie in the flattened field."""
        width = PARAMETER[self.field].width
        columns = range(width) if self.columns is None else self.columns
        return [row * width + column for row in (self.rows or [0]) for column in columns]


def learnable(setting: Setting) -> dict[str, Tensor]:
    """The scene's value of every field whose rows have names and that has a gradient."""
    table: dict[str, Tensor] = setting.scene.physical_parameters()
    names = [n for n in table if n == "gravity" or (n.startswith(tuple(ROWS)) and n not in CONSTANT_KINDS)]
    return {name: tensor(table[name].detach()) for name in names}


def choose(where: str, setting: Setting, field: str, names: Any, columns: Any) -> Entries:
    """Entries by glob patterns of names and numbers of columns.

    Raises: UnknownNameError, InputError.
    """
    rows, row_labels = _rows(f"{where}.names", setting, field, names)
    chosen = _columns(f"{where}.columns", field, columns)
    places = list(range(PARAMETER[field].width)) if chosen is None else chosen
    labels = row_labels if len(places) == 1 else [f"{name}[{i}]" for name in row_labels for i in places]
    return Entries(field, rows, chosen, labels)


def known_field(where: str, field: str, allowed: dict[str, Tensor]) -> Tensor:
    """The value of a field. Raises: UnknownNameError."""
    if field not in allowed:
        raise unknown_name(f"{where}.field", "physical parameter", field, allowed)
    return allowed[field]


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
