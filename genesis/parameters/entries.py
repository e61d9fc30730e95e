"""Which numbers of a physical parameter are meant: a field of the model, rows by name, columns of each row."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from genesis.errors import unknown_name
from genesis.model.layout import PARAMETER
from genesis.parameters.rows import columns_of, is_learnable, rows_of
from genesis.selection import tensor
from genesis.setting import Setting


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
    return {name: tensor(table[name].detach()) for name in table if is_learnable(name)}


def choose(where: str, setting: Setting, field: str, names: Any, columns: Any) -> Entries:
    """Entries by glob patterns of names and numbers of columns.

    Raises: UnknownNameError, InputError.
    """
    rows, row_labels = rows_of(f"{where}.names", setting, field, names)
    chosen = columns_of(f"{where}.columns", field, columns)
    places = list(range(PARAMETER[field].width)) if chosen is None else chosen
    labels = row_labels if len(places) == 1 else [f"{name}[{i}]" for name in row_labels for i in places]
    return Entries(field, rows, chosen, labels)


def known_field(where: str, field: str, allowed: dict[str, Tensor]) -> Tensor:
    """The value of a field. Raises: UnknownNameError."""
    if field not in allowed:
        raise unknown_name(f"{where}.field", "physical parameter", field, allowed)
    return allowed[field]
