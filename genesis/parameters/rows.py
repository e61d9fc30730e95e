"""Which rows and columns of a physical parameter are meant: by names of links, joints, actuators, geoms."""

from collections.abc import Iterable
from typing import Any

from genesis.errors import InputError, unknown_name
from genesis.grad.physics import CONSTANT_KINDS
from genesis.model.layout import PARAMETER
from genesis.scene.names import row_names
from genesis.selection import match
from genesis.setting import Setting

# What the rows of a parameter are, by the beginning of its name; gravity is one row.
ROWS = {
    "link_": "link", "dof_": "joint", "qpos_": "joint", "limit_": "joint", "act_": "actuator", "geom_": "geom", "eq_": "equality",
    "xpair_": "pair",
}  # fmt: skip


def is_learnable(field: str) -> bool:
    """Whether the rows of a physical parameter have names, and it has a gradient."""
    return field == "gravity" or (field.startswith(tuple(ROWS)) and field not in CONSTANT_KINDS)


def check_field(where: str, field: str, table: Iterable[str]) -> None:
    """Raises: UnknownNameError for a name that is not among the physical parameters that can be learned."""
    if field not in table or not is_learnable(field):
        raise unknown_name(where, "physical parameter", field, [name for name in table if is_learnable(name)])


def columns_of(where: str, field: str, columns: Any) -> list[int] | None:
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


def rows_of(where: str, setting: Setting, field: str, patterns: Any) -> tuple[list[int] | None, list[str]]:
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
