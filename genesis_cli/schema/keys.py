"""How a config key is declared: default, help text and the values it allows, in the metadata of a dataclass field."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import field
from typing import Any

REQUIRED = "???"  # OmegaConf's marker of a mandatory value
MOST = 1e30  # magnitude of a number in SI units: beyond, products of a few of them leave the range of floating point
MOST_WHOLE = 10**9


def key(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] = (),
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    length: int | None = None,
    off: bool = False,
    terms: Mapping[str, type] | None = None,
    node: type | None = None,
) -> Any:
    """A dataclass field with its documentation and limits.

    Args:
        default: the value without an override; `REQUIRED` where the user must give one.
        help: one line, with the unit, shown by `genesis show keys`.
        choices: allowed texts.
        low: smallest allowed number, also of the entries of a list.
        above: the number must be greater than this.
        high: largest allowed number; `MOST` or `MOST_WHOLE` where none is given.
        length: how many entries a list must have.
        off: null leaves out the term that the key belongs to.
        terms: of a mapping of names to nodes: dataclass of a node by its kind. node: of a key that is a node by itself: its dataclass.
    """
    metadata = {
        "help": help, "choices": tuple(choices), "low": low, "above": above, "high": high, "length": length, "off": off, "terms": terms,
        "node": node,
    }  # fmt: skip
    if node is not None:
        return field(default_factory=node, metadata=metadata)
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: deepcopy(default), metadata=metadata)
    return field(default=default, metadata=metadata)
