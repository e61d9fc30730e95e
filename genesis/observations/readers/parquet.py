"""Parquet tables, with lists as vectors and times of day as seconds."""

from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.observations.log import Log
from genesis.observations.readers.arrays import columns_of
from genesis.observations.readers.extras import library


def read_parquet(path: Path) -> Log:
    """Numbers (N,) by name; a column of lists of n numbers as name[0], name[1], …; timestamps and durations in seconds.

    Times are counted from the first row: seconds since 1970 would round to a quarter of a microsecond.
    """
    arrow = library(path, "pyarrow")
    parquet = library(path, "pyarrow", "pyarrow.parquet")
    try:
        table = parquet.read_table(path)
    except arrow.ArrowInvalid as error:
        raise InputError(f"{path} is no Parquet file: {error}.") from error
    columns: dict[str, np.ndarray] = {}
    faults: dict[str, str] = {}
    seconds = set()
    for name in table.column_names:
        column = table[name]
        kind = column.type
        if arrow.types.is_timestamp(kind) or arrow.types.is_duration(kind):
            columns[name] = _seconds(arrow, column)
            seconds.add(name)
        elif arrow.types.is_integer(kind) and column.null_count == 0:
            columns[name] = column.to_numpy()
        elif arrow.types.is_floating(kind) or arrow.types.is_integer(kind) or arrow.types.is_boolean(kind):
            columns[name] = column.cast(arrow.float64()).to_numpy()
        elif arrow.types.is_list(kind) or arrow.types.is_large_list(kind) or arrow.types.is_fixed_size_list(kind):
            _lists(column, name, columns, faults)
        else:
            faults[name] = f"it holds {kind}"
    return Log(path, columns, faults=faults, seconds=frozenset(seconds))


def _seconds(arrow: Any, column: Any) -> np.ndarray:
    """(N,) from the first row on; NaN: missing."""
    is_time = arrow.types.is_timestamp(column.type)
    exact = column.cast(arrow.timestamp("ns", column.type.tz) if is_time else arrow.duration("ns")).cast(arrow.int64())
    first = next((value for value in exact.to_pylist() if value is not None), 0)
    return np.array([np.nan if value is None else (value - first) * 1e-9 for value in exact.to_pylist()])


def _lists(column: Any, name: str, columns: dict[str, np.ndarray], faults: dict[str, str]) -> None:
    rows = column.to_pylist()
    widths = {len(row) for row in rows if row is not None}
    if len(widths) != 1:
        faults[name] = f"its lists have {sorted(widths)} entries"
        return
    width = widths.pop()
    try:
        values = np.array([[np.nan] * width if row is None else row for row in rows], dtype=np.float64)
    except (TypeError, ValueError):
        faults[name] = f"it holds {column.type}"
        return
    columns.update(columns_of(name, values))
