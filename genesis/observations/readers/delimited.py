"""Text tables: comma, semicolon, tab, bar or blanks between the fields."""

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genesis.errors import InputError
from genesis.observations.log import Log
from genesis.observations.readers.budget import afford
from genesis.observations.readers.dialect import Dialect, comment_of, dialect_of, head_of
from genesis.observations.readers.fields import Fields, has_zone, zone_of
from genesis.observations.readers.options import ReadOptions
from genesis.observations.readers.stamps import NO_TIME, seconds_of
from genesis.observations.readers.text import Text, examine

EXACT = 2.0**53  # whole numbers beyond are kept as integers: floats would round them
DATE = re.compile(r"\d[-./:]\d\d?[-./:]\d")  # what may be a date or a time of day
KEYS = "keys: observation.delimiter, observation.comment, observation.skip, observation.units_row"


def read_delimited(path: Path, options: ReadOptions) -> Log:
    """Names in the line above the numbers or in a comment there, then one row a line; no names: 0, 1, 2, …

    Found out, where the options leave it open: encoding, delimiter, decimal sign, comments, lines before the table, a row of units,
    times in ISO 8601. Columns without name and number are left out, and so is a last line that was cut.
    Raises: InputError with the line that has another number of fields, or for a file without rows.
    """
    text = examine(path, options.encoding)
    fields = Fields(",", options.decimal, options.format, zone_of("observation.time.zone", options.zone))
    dialect = dialect_of(text, head_of(text, options), options, fields)
    width = len(dialect.names)
    afford(f"{path}: about {text.lines} lines of {width} fields", text.lines * (width + 1), options)
    made = _plain(text, dialect, options) or _mixed(text, dialect, options)
    log = Log(path, made.columns, faults=made.faults, lines=np.array(made.lines), notes=made.notes)
    if dialect.header:
        log.hint = f"the names stand in line {dialect.header}; {KEYS}"
    return _stamped(log, made.stamps)


@dataclass
class _Table:
    """What was read: columns by name, instants [ns], why others are none of them, the line of each row, what was left out."""

    columns: dict[str, np.ndarray] = field(default_factory=dict)
    stamps: dict[str, np.ndarray] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    lines: "array[int]" = field(default_factory=lambda: array("q"))
    notes: list[str] = field(default_factory=list)


def _stamped(log: Log, stamps: dict[str, np.ndarray]) -> Log:
    """With instants as seconds from the first of the file."""
    log.columns |= seconds_of(stamps)
    log.seconds = frozenset(stamps)
    return log


def _unique(path: Path, names: list[str]) -> None:
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise InputError(f'{path}: two columns are called "{twice}"; give each a name of its own.')


def _rows(text: Text, dialect: Dialect, options: ReadOptions) -> Iterator[tuple[int, str]]:
    """The lines of the table, without comments."""
    comments = comment_of(options)
    for number, line in text.numbered(dialect.first - 1):
        if not line.lstrip().startswith(comments):
            yield number, line


def _plain(text: Text, dialect: Dialect, options: ReadOptions) -> _Table | None:
    """The columns of a table of numbers alone, many times faster than `_mixed`; None if it is not one."""
    names, mark = dialect.names, dialect.fields.delimiter
    if options.decimal == "," or not all(names):
        return None
    _unique(text.path, names)
    made = _Table()

    def contents() -> Iterator[str]:
        made.lines = array("q")
        for number, line in _rows(text, dialect, options):
            made.lines.append(number)
            yield line

    def loaded(kind: type, columns: list[int] | None) -> np.ndarray | None:
        try:
            return np.loadtxt(
                contents(), dtype=kind, delimiter=None if mark == " " else mark, comments=None, ndmin=2, usecols=columns
            )
        except (ValueError, OverflowError):
            return None

    values = loaded(np.float64, None)
    if values is None or values.shape[1] != len(names):
        return None
    made.columns = dict(zip(names, values.T.copy(), strict=True))
    large = [k for k in range(len(names)) if np.abs(values[:, k]).max(initial=0.0) >= EXACT]
    for k in large:
        exact = loaded(np.int64, [k])
        if exact is not None:
            made.columns[names[k]] = exact[:, 0]
    return made


def _mixed(text: Text, dialect: Dialect, options: ReadOptions) -> _Table:
    """The columns of numbers and of instants, and what is wrong with the others."""
    names = dialect.names
    columns = [_Column(dialect.fields) for _ in names]
    made = _Table()
    room = options.most
    waiting: tuple[int, str] | None = None
    for row in _rows(text, dialect, options):
        if waiting is not None:
            _take(text, dialect, columns, made, *waiting)
            if len(made.lines) * (len(names) + 1) > room:
                afford(f"{text.path}: more than {len(made.lines)} lines of {len(names)} fields", room + 1, options)
        waiting = row
    assert waiting is not None
    if not _cut(text, dialect, columns, made, *waiting):
        _take(text, dialect, columns, made, *waiting)
    if not made.lines:
        raise InputError(f"{text.path}: there is no row below the header.")
    kept = [k for k, name in enumerate(names) if name or columns[k].fault or not columns[k].empty]
    named = [names[k] or str(k) for k in kept]
    _unique(text.path, named)
    for k, name in zip(kept, named, strict=True):
        columns[k].put(made, name)
    return made


def _cut(text: Text, dialect: Dialect, columns: list["_Column"], made: _Table, number: int, line: str) -> bool:
    """Whether the last line of a file ends before its row does, which is said."""
    row = dialect.fields.split(line)
    torn = (
        bool(row)
        and len(row) == len(columns)
        and not text.finished
        and columns[-1].numeric
        and not dialect.fields.readable(row[-1])
    )
    if not torn and (len(row) >= len(columns) or not made.lines):
        return False
    made.notes.append(f'{text.path.name}, line {number}: the last line is cut ("{_short(line)}") and left out.')
    return True


def _take(text: Text, dialect: Dialect, columns: list["_Column"], made: _Table, number: int, line: str) -> None:
    """Add one row. Raises: InputError where it has too few or too many fields."""
    row = dialect.fields.split(line)
    if len(row) > len(columns) and not any(row[len(columns) :]):
        row = row[: len(columns)]
    if len(row) != len(columns):
        raise InputError(
            f'{text.path}, line {number}: {len(row)} fields, but there are {len(columns)} columns. It says "{_short(line)}"; {KEYS}.'
        )
    if '"' in line and not dialect.fields.closed(line):
        raise InputError(f'{text.path}, line {number}: a quote is not closed in "{_short(line)}"; fields end with their line.')
    made.lines.append(number)
    for column, word in zip(columns, row, strict=True):
        column.add(word, number)


def _short(line: str, most: int = 40) -> str:
    return line if len(line) <= most else f"{line[:most]}…"


class _Column:
    """The numbers or the instants of one column, until a field is neither."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.values: array[float] = array("d")
        self.stamps: array[int] | None = None
        self.exact: array[int] | None = array("q")
        self.fault = ""
        self.empty, self.zoned = True, False

    @property
    def numeric(self) -> bool:
        """Whether all of its fields so far are numbers or instants, and not all are missing."""
        return not self.fault and not self.empty

    def add(self, word: str, line: int) -> None:
        """The field of the next row."""
        if self.fault:
            return
        value = self.fields.number(word)
        if value is None and (stamp := self.fields.stamp(word)) is not None:
            if self.empty and self.stamps is None:
                self.stamps, self.zoned = array("q", [NO_TIME]) * len(self.values), has_zone(word)
            if self.stamps is not None and has_zone(word) != self.zoned:
                self.fault = (
                    f'line {line} says "{_short(word)}", {"without" if self.zoned else "with"} a time zone, unlike those above'
                )
                return
            if self.stamps is not None:
                self.stamps.append(stamp)
                self.empty = False
                return
        if value is None or (self.stamps is not None and value == value):
            advice = "; set observation.time.format" if DATE.search(word) else ""
            self.fault = f'line {line} says "{_short(word)}"{advice}'
            return
        if self.stamps is not None:
            self.stamps.append(NO_TIME)
            return
        self.empty = self.empty and value != value
        self.values.append(value)
        self._keep_exact(word, value)

    def _keep_exact(self, word: str, value: float) -> None:
        """Whole numbers beside the floats, as long as every field is one and floats would round it."""
        if self.exact is None:
            return
        whole = abs(value) >= EXACT and word.lstrip("+-").isdecimal() and abs(int(word)) < 2**63
        if whole:
            self.exact.append(int(word))
        else:
            self.exact = None

    def put(self, made: _Table, name: str) -> None:
        """Into the table."""
        if self.fault:
            made.faults[name] = self.fault
        elif self.stamps is not None:
            made.stamps[name] = np.array(self.stamps)
        else:
            made.columns[name] = np.array(self.exact if self.exact else self.values)
