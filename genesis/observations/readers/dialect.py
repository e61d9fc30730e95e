"""How a text table is written: where its rows begin, what its columns are called, and what stands between its fields."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from genesis.errors import InputError
from genesis.observations.readers.fields import Fields
from genesis.observations.readers.options import ReadOptions
from genesis.observations.readers.text import Text

COMMENTS = ("#", "%", "//")
DELIMITERS = (
    ";",
    "\t",
    "|",
    ",",
    " ",
)  # which of them cuts where several would: those that decimal commas are written beside come first
HEAD_LINES, HEAD_SIZE = 400, 4 << 20  # lines, characters that the rest is judged by
COMMENTS_KEPT = 50  # the last ones above the numbers
MOST_COLUMNS = 100_000
TAIL = 20  # lines at the end of those that say how many fields there are
SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)  # first line of a table that a spreadsheet wrote
UNIT = re.compile(
    r"[\[(<].*[\])>]|-+|1|%|[numkMµμ]?(s|sec|seconds?|m|g|A|V|W|Hz|N|Nm|N\.m|N\*m|rad|bar|Pa|K|C)|m?deg|degrees?|°|°C|degC|rev|rpm|cm|bool|px"
    r"|[numkcMµμ]?(rad|deg|°|m|rev)/(s|min|s\^?2|s²)|counts?|ticks?|ms|us|µs|μs|ns|min|h|string|float|int|double",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Dialect:
    """fields: how lines are cut; names: of the columns, "" for one without; first: line of the first row; header: line of the names, or 0."""

    fields: Fields
    names: list[str]
    first: int
    header: int


@dataclass(frozen=True)
class Head:
    """The first lines of a table: comments apart, and whether these are all."""

    lines: list[tuple[int, str]]
    comments: list[tuple[int, str]]
    whole: bool


def comment_of(options: ReadOptions) -> tuple[str, ...]:
    """Signs at the start of lines that are left out."""
    return COMMENTS if options.comment is None else (options.comment,)


def head_of(text: Text, options: ReadOptions) -> Head:
    """The lines that the dialect is found from."""
    head = Head([], [], True)
    size = 0
    for number, line in text.numbered(options.skip):
        if len(head.lines) == HEAD_LINES or (size > HEAD_SIZE and len(head.lines) > 2):
            return replace(head, whole=False)
        sign = next((mark for mark in comment_of(options) if line.lstrip().startswith(mark)), None)
        if sign is not None:
            head.comments.append((number, line.strip().lstrip(sign).strip()))
            del head.comments[:-COMMENTS_KEPT]
        else:
            head.lines.append((number, line))
            size += len(line)
    return head


def dialect_of(text: Text, head: Head, options: ReadOptions, fields: Fields) -> Dialect:
    """The dialect that the options leave open. Raises: InputError for a table without a row."""
    lines = head.lines
    if not lines:
        raise InputError(f"{text.path}: the file is empty.")
    said = SEPARATOR.fullmatch(lines[0][1].strip())
    if said is not None and len(lines) > 1:
        lines = lines[1:]
    mark = options.delimiter or (said[1] if said else _delimiter([line for _, line in lines], fields))
    fields = replace(fields, delimiter=mark)
    wide = next((number for number, line in lines if line.count(mark) >= MOST_COLUMNS), None)
    if wide is not None:
        raise InputError(
            f"{text.path}, line {wide}: more than {MOST_COLUMNS} fields; this is no table. Keys: observation.delimiter."
        )
    rows = [fields.split(line) for _, line in lines]
    width = _width(rows)
    start = next(k for k, row in enumerate(rows) if len(row) == width)
    numeric = _numeric(fields, [row for row in rows[-TAIL:] if len(row) == width])
    first = next((k for k in range(start, len(rows)) if _is_row(fields, rows[k], width, numeric)), None)
    _no_numbers_above(text, lines, rows[:start], fields, start)
    if first is None or not numeric:  # no number anywhere: what stands first are the names
        return _named(text, lines, rows[start], start, start + 1, fields)
    if first == start:
        return _above(text, head, lines, rows, start, width, fields)
    place = first - 1
    if options.units_row or (options.units_row is None and place > start and _units(rows[place])):
        place -= 1
    if place < start:
        raise InputError(
            f"{text.path}: observation.units_row is true, but line {lines[start][0]} is the only one above the numbers."
        )
    if any(fields.holds_number(rows[place][n]) for n in numeric if len(rows[place]) > n):
        place, first = start, start + 1  # a row with a wrong field, which is told when the column is used
    return _named(text, lines, rows[place], place, first, fields)


def _named(text: Text, lines: Sequence[tuple[int, str]], names: list[str], at: int, first: int, fields: Fields) -> Dialect:
    if first >= len(lines):
        raise InputError(f"{text.path}: there is no row below the header.")
    return Dialect(fields, names, lines[first][0], lines[at][0])


def _above(
    text: Text, head: Head, lines: Sequence[tuple[int, str]], rows: list[list[str]], start: int, width: int, fields: Fields
) -> Dialect:
    """The names of a table whose first line of full width is numbers: in the line above that has separators to spare or too
    few, in a comment above, or none: 0, 1, 2, …"""
    if start > 0:
        above = _trimmed(rows[start - 1])
        spare = all(not word for row in rows[start:] if len(row) == width for word in row[len(above) :])
        if len(above) == len(rows[start - 1]) == width or (len(above) < width and spare) or len(above) == width:
            names = above + [""] * (width - len(above))
            if len(above) > 1 and not any(fields.readable(word) and word for word in above):
                return _named(text, lines, names, start - 1, start, fields)
    found = [(number, fields.split(line)) for number, line in head.comments if number < lines[start][0]]
    found = [(number, names) for number, names in found if len(names) == width]
    if len(found) > 1 and _units(found[-1][1]):
        found.pop()
    if found:
        return Dialect(fields, found[-1][1], lines[start][0], found[-1][0])
    return Dialect(fields, [str(k) for k in range(width)], lines[start][0], 0)


def _no_numbers_above(text: Text, lines: Sequence[tuple[int, str]], above: list[list[str]], fields: Fields, start: int) -> None:
    """Raises: InputError for lines of numbers among those that are taken for a preamble."""
    for k, row in enumerate(above):
        if (
            len(row) > 1
            and all(fields.readable(word) for word in _trimmed(row))
            and any(fields.holds_number(word) for word in row)
        ):
            raise InputError(
                f"{text.path}, line {lines[k][0]}: {len(row)} fields, but line {lines[start][0]} and those below have another number; "
                f'it says "{lines[k][1][:40]}". Leave lines out with observation.skip.'
            )


def _trimmed(row: list[str]) -> list[str]:
    """Without empty fields at the end."""
    count = len(row)
    while count and not row[count - 1]:
        count -= 1
    return row[:count]


def _units(row: list[str]) -> bool:
    """Whether the fields are units of measurement."""
    return any(row) and all(not word or UNIT.fullmatch(word) for word in row)


def _width(rows: Sequence[list[str]]) -> int:
    """How many fields most of the last lines have; where two numbers are as frequent, that of more lines in all, or the greater."""
    last = Counter(len(row) for row in (rows[1:][-TAIL:] if len(rows) > 2 else rows))
    every = Counter(len(row) for row in rows)
    return max(last, key=lambda width: (last[width], every[width], width))


def _numeric(fields: Fields, rows: Sequence[list[str]]) -> list[int]:
    """The columns that hold numbers or instants, or nothing, in all of the rows that are not names."""
    below = [row for row in rows if any(fields.holds_number(word) for word in row)]
    columns = range(len(rows[0])) if rows else range(0)
    found = [k for k in columns if sum(fields.readable(row[k]) for row in below) > 0.5 * len(below)]
    return [k for k in found if any(fields.holds_number(row[k]) for row in below)]


def _is_row(fields: Fields, row: list[str], width: int, numeric: list[int]) -> bool:
    """Whether a line is one of numbers rather than of names or units."""
    if len(row) != width or not numeric:
        return False
    return all(fields.readable(row[k]) for k in numeric) and any(fields.holds_number(row[k]) for k in numeric)


def _delimiter(lines: Sequence[str], fields: Fields) -> str:
    """The sign that cuts the last lines into the same number of fields, names above them too; blanks where nothing else does."""
    best, found = (0.0, False, 0), ","
    for mark in DELIMITERS:
        if any(line.count(mark) >= MOST_COLUMNS for line in lines):
            continue
        rows = [replace(fields, delimiter=mark).split(line) for line in lines]
        width = _width(rows)
        if width < 2:
            continue
        tail = rows[1:][-TAIL:] or rows
        share = sum(len(row) == width for row in tail) / len(tail)
        start = next(k for k, row in enumerate(rows) if len(row) == width)
        named = not any(fields.holds_number(word) for word in rows[start])
        quality = (round(share, 1), named, int(mark != " "))
        if quality > best:
            best, found = quality, mark
    return found
