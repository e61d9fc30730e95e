"""Text tables: comma, semicolon, tab or blanks between the fields."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genesis.errors import InputError
from genesis.observations.log import Log

MISSING = ("", "nan", "na", "n/a", "null", "none", "-")
DELIMITERS = (",", ";", "\t", " ")
SNIFFED = 20  # lines that the delimiter is found from


def read_delimited(path: Path, delimiter: str | None) -> Log:
    """Header of names in the first line or in a comment (#) above the numbers, then one row a line; no header: 0, 1, 2, …

    Raises: InputError with the line that has another number of fields, or for an empty file.
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    comments = [line.strip().lstrip("#").strip() for _, line in lines if line.lstrip().startswith("#")]
    lines = [(i, line) for i, line in lines if not line.lstrip().startswith("#")]
    if not lines:
        raise InputError(f"{path}: the file is empty.")
    mark = delimiter or sniff([line for _, line in lines[:SNIFFED]])
    names = [field.strip() for field in split(lines[0][1], mark)]
    if all(_number(field, mark) is not None for field in names):  # a table without names
        above = [field.strip() for field in split(comments[-1], mark)] if comments else []
        names = above if len(above) == len(names) else [str(k) for k in range(len(names))]
    else:
        lines = lines[1:]
    if not lines:
        raise InputError(f"{path}: there is no row below the header.")
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise InputError(f'{path}: two columns are called "{twice}"; give each a name of its own.')
    columns, faults = _plain(lines, mark, names), dict[str, str]()
    if columns is None:
        columns, faults = _mixed(path, lines, mark, names)
    return Log(path, columns, faults=faults, lines=np.array([line for line, _ in lines]))


def _plain(lines: list[tuple[int, str]], mark: str, names: list[str]) -> dict[str, np.ndarray] | None:
    """The columns of a table of numbers alone, three times faster than `_mixed`; None if it is not one."""
    try:
        values = np.loadtxt([line for _, line in lines], delimiter=None if mark == " " else mark, comments=None, ndmin=2)
    except ValueError:
        return None
    return dict(zip(names, values.T.copy(), strict=True)) if values.shape[1] == len(names) else None


def _mixed(path: Path, lines: list[tuple[int, str]], mark: str, names: list[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The columns of numbers, and what is wrong with the others. Raises: InputError with the line that has too few fields."""
    rows = [(line, split(content, mark)) for line, content in lines]
    for line, fields in rows:
        if len(fields) != len(names):
            raise InputError(f"{path}, line {line}: {len(fields)} fields, but there are {len(names)} columns.")
    columns, faults = {}, {}
    for k, name in enumerate(names):
        values, fault = _column([(line, fields[k]) for line, fields in rows], mark)
        if fault is None:
            columns[name] = values
        else:
            faults[name] = fault
    return columns, faults


def sniff(lines: Sequence[str]) -> str:
    """The delimiter that cuts the lines into the same number of fields, the greatest; blanks only where nothing else does."""
    best, most = ",", 1
    for mark in DELIMITERS:
        counts = {len(split(line, mark)) for line in lines}
        if len(counts) == 1 and (count := counts.pop()) > most:
            best, most = mark, count
            if mark == ";":
                break  # the commas that it beats are decimal ones
    return best


def split(line: str, mark: str) -> list[str]:
    """The fields of one line."""
    if mark == " ":
        return re.split(r"\s+", line.strip())
    return next(csv.reader([line], delimiter=mark, skipinitialspace=True))


def _number(field: str, mark: str) -> float | None:
    """The number in a field, NaN where it is missing, or None."""
    word = field.strip()
    if word.lower() in MISSING:
        return float("nan")
    try:
        return float(word.replace(",", ".") if mark in ";\t " else word)
    except ValueError:
        return None


def _column(fields: list[tuple[int, str]], mark: str) -> tuple[np.ndarray, str | None]:
    """(N,) numbers, and what is wrong with the first field that is none."""
    values = np.empty(len(fields))
    for row, (line, field) in enumerate(fields):
        number = _number(field, mark)
        if number is None:
            return values, f'line {line} says "{field}"'
        values[row] = number
    return values, None
