"""How a config key is declared: default, help text and the values it allows, in the metadata of a dataclass field."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import field
from typing import Any

REQUIRED = "???"  # OmegaConf's marker of a mandatory value


def key(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] = (),
    low: float | None = None,
    above: float | None = None,
    length: int | None = None,
    terms: Mapping[str, type] | None = None,
) -> Any:
    """A dataclass field with its documentation and limits.

    Args:
        default: the value without an override; `REQUIRED` where the user must give one.
        help: one line, with the unit, shown by `genesis show keys`.
        choices: allowed texts.
        low: smallest allowed number.
        above: the number must be greater than this.
        length: how many entries a list must have.
        terms: of a mapping of names to nodes: dataclass of a node by its kind.
    """
    metadata = {"help": help, "choices": tuple(choices), "low": low, "above": above, "length": length, "terms": terms}
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: deepcopy(default), metadata=metadata)
    return field(default=default, metadata=metadata)
