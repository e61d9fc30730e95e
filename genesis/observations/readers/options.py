"""What the config says of how its files are read."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from genesis.errors import InputError, unknown_name

BUDGET_GB = 1.0  # numbers of one file, or of one recording on a uniform grid, where the user sets no other limit
DELIMITER_WORDS = {"tab": "\t", "\\t": "\t", "blanks": " "}
DECIMALS = (".", ",")


@dataclass(frozen=True)
class ReadOptions:
    """Keys of `observation`, and of a file in its long form. None: found out.

    delimiter: between fields of text, " ": any blanks; decimal: "." or ","; comment: sign at the start of lines that are left out;
    skip: lines before the table; units_row: whether a row of units follows the names; encoding: of text.
    format: of times of day, as strptime has it, besides ISO 8601; zone: of those that name none.
    episodes: of a LeRobot data set. asked: columns that the config names, {name} for any part; of what is beyond the budget only these
    are read. budget_gb: most numbers that a file may hold [GB, 8 bytes each].
    """

    delimiter: str | None = None
    decimal: str | None = None
    comment: str | None = None
    skip: int = 0
    units_row: bool | None = None
    encoding: str | None = None
    format: str | None = None
    zone: str | None = None
    episodes: tuple[int, ...] | slice | None = None
    budget_gb: float = BUDGET_GB
    asked: tuple[str, ...] | None = None

    @property
    def most(self) -> int:
        """Numbers of 8 bytes in the budget."""
        return int(self.budget_gb * 1e9 / 8.0)


#: What a file in its long form may say for itself.
OF_A_FILE = ("delimiter", "decimal", "comment", "skip", "units_row", "encoding")


def read_options(spec: Mapping[str, Any]) -> ReadOptions:
    """From the node `observation`. Raises: InputError naming the key."""
    names = {field.name for field in fields(ReadOptions)} - {"format", "zone", "episodes", "asked"}
    given = {name: spec[name] for name in names if spec.get(name) is not None}
    time = spec.get("time") or {}
    given |= {name: time[name] for name in ("format", "zone") if time.get(name) is not None}
    return replace(ReadOptions(), **{name: _checked("observation", name, value) for name, value in given.items()})


def of_file(options: ReadOptions, where: str, node: Mapping[str, Any]) -> ReadOptions:
    """With what one file says for itself. Raises: InputError naming the key."""
    given = {name: node[name] for name in OF_A_FILE if node.get(name) is not None}
    return replace(options, **{name: _checked(where, name, value) for name, value in given.items()})


def _checked(where: str, name: str, value: Any) -> Any:
    """The value as readers take it."""
    key = f"{where}.time.{name}" if name in ("format", "zone") else f"{where}.{name}"
    if name == "skip":
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InputError(f"{key}: {value!r}; allowed: a number of lines from 0.")
        return value
    if name == "units_row":
        if not isinstance(value, bool):
            raise InputError(f"{key}: {value!r}; allowed: true, false, or null to find out.")
        return value
    if name == "budget_gb":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < float("inf"):
            raise InputError(f"{key}: {value!r}; allowed: a positive number of gigabytes.")
        return float(value)
    if not isinstance(value, str) or not value:
        raise InputError(f"{key}: {value!r}; allowed: a text.")
    return _text(key, name, value)


def _text(key: str, name: str, value: str) -> str:
    """A text that names a sign, an encoding or a zone."""
    if name == "delimiter":
        sign = DELIMITER_WORDS.get(value, value)
        if len(sign) != 1 or sign in '"\r\n':
            raise InputError(f'{key}: "{value}"; allowed: one character, tab, or blanks.')
        return sign
    if name == "decimal" and value not in DECIMALS:
        raise unknown_name(key, "decimal sign", value, DECIMALS)
    if name == "encoding":
        try:
            codecs.lookup(value)
        except (LookupError, ValueError) as error:
            raise InputError(f'{key}: unknown encoding "{value}"; allowed: utf-8, utf-16, latin-1, cp1252, …') from error
    return value
