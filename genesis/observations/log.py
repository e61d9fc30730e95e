"""The raw table of a log file, as its reader found it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genesis.errors import InputError, UnknownNameError, unknown_name

COMMENT_SIGNS = "%#"


@dataclass
class Log:
    """Columns by name, in the units of the file.

    columns: name -> (N,), floats or integers; columns of one clock have the same length. NaN: missing.
    scalars: single numbers beside the table, such as a sampling step.
    clocks: column -> the column that holds its times, where the format says so.
    seconds: columns of times that are in seconds whatever the user's unit is, since the format fixes it.
    faults: column -> why it is not made of numbers.
    lines: (N,) line in the file of each row, where it has lines.
    notes: what was left out, for the user. hint: what to set where a column is not there.
    trajectory: column that numbers the trajectories, where the format says so.
    """

    path: Path
    columns: dict[str, np.ndarray]
    scalars: dict[str, float] = field(default_factory=dict)
    clocks: dict[str, str] = field(default_factory=dict)
    seconds: frozenset[str] = frozenset()
    faults: Mapping[str, str] = field(default_factory=dict)
    lines: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    hint: str = ""
    trajectory: str | None = None

    def named(self, name: str) -> str:
        """The column that a name means: also with the comment sign before it that its line in the file has, `%time`."""
        bare = name.lstrip(COMMENT_SIGNS).strip()
        known = name in self.columns or name in self.faults or bare not in self.columns
        return name if known else bare

    def column(self, where: str, name: str) -> np.ndarray:
        """(N,) numbers. Raises: UnknownNameError, InputError for a column of texts."""
        name = self.named(name)
        if name in self.faults:
            raise InputError(f'{where}: {self.path.name}: column "{name}" is not made of numbers: {self.faults[name]}.')
        if name not in self.columns:
            unknown = unknown_name(f"{where}: {self.path.name}", "column", name, [*self.columns, *self.faults])
            raise UnknownNameError(f"{unknown} ({self.hint})") if self.hint else unknown
        return self.columns[name]

    def place(self, row: int) -> str:
        """Where a row stands, for messages: `ddp.csv, line 12`."""
        if self.lines is not None and row < len(self.lines):
            return f"{self.path.name}, line {self.lines[row]}"
        return f"{self.path.name}, row {row}"
