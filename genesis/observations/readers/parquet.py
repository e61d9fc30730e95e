"""Parquet tables, with lists as vectors and times of day as seconds."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.observations.log import Log
from genesis.observations.readers.arrays import MOST_COLUMNS, columns_of
from genesis.observations.readers.budget import afford
from genesis.observations.readers.extras import library
from genesis.observations.readers.options import ReadOptions
from genesis.observations.readers.stamps import NO_TIME, seconds_of


def read_parquet(path: Path, options: ReadOptions) -> Log:
    """Numbers (N,) by name; a column of lists of n numbers as name[0], name[1], …; timestamps and durations in seconds.

    Times are counted from the earliest of the file. Raises: InputError for what is no table, or holds more than the budget.
    """
    arrow = library(path, "pyarrow")
    with opened(path) as file:
        faults = {field.name: why for field in file.schema_arrow if (why := _unfit(arrow, field.type)) is not None}
        wanted = [name for name in dict.fromkeys(file.schema_arrow.names) if name not in faults]
        afford(f"{path}: {file.metadata.num_rows} rows", entries(file, wanted), options)
        table = file.read(columns=wanted, use_threads=False) if wanted else None
    columns: dict[str, np.ndarray] = {}
    stamps: dict[str, np.ndarray] = {}
    for name in wanted:
        assert table is not None
        take(arrow, name, table[name], columns, stamps, faults)
    return Log(path, columns | seconds_of(stamps), faults=faults, seconds=frozenset(stamps))


def opened(path: Path) -> Any:
    """The file, of which only the end has been read. Raises: InputError for what is no table."""
    arrow, parquet = library(path, "pyarrow"), library(path, "pyarrow", "pyarrow.parquet")
    try:
        return parquet.ParquetFile(path)
    except arrow.ArrowException as error:
        raise InputError(f"{path} is no Parquet file: {error}.") from error


def entries(file: Any, wanted: Collection[str]) -> int:
    """How many numbers these columns of a file hold, lists counted by their entries, as its index says."""
    meta = file.metadata
    count = 0
    for group in range(meta.num_row_groups):
        rows = meta.row_group(group)
        for k in range(rows.num_columns):
            column = rows.column(k)
            path = column.path_in_schema  # of a list: NAME.list.element
            if any(path == name or path.startswith(f"{name}.") for name in wanted):
                count += max(column.num_values, rows.num_rows)
    return max(count, meta.num_rows * min(len(wanted), 1))


def take(
    arrow: Any, name: str, column: Any, columns: dict[str, np.ndarray], stamps: dict[str, np.ndarray], faults: dict[str, str]
) -> None:
    """One column of a table into those of numbers or of instants [ns], or why it is neither."""
    kind = column.type
    if arrow.types.is_timestamp(kind) or arrow.types.is_duration(kind):
        exact = column.cast(arrow.timestamp("ns", kind.tz) if arrow.types.is_timestamp(kind) else arrow.duration("ns"))
        stamps[name] = exact.cast(arrow.int64()).fill_null(NO_TIME).to_numpy()
    elif arrow.types.is_integer(kind) and column.null_count == 0:
        columns[name] = column.to_numpy()
    elif _number(arrow, kind):
        columns[name] = column.cast(arrow.float64()).to_numpy()
    else:
        _lists(arrow, name, column, columns, faults)


def _number(arrow: Any, kind: Any) -> bool:
    return bool(arrow.types.is_floating(kind) or arrow.types.is_integer(kind) or arrow.types.is_boolean(kind))


def _list(arrow: Any, kind: Any) -> bool:
    return bool(arrow.types.is_list(kind) or arrow.types.is_large_list(kind) or arrow.types.is_fixed_size_list(kind))


def _unfit(arrow: Any, kind: Any) -> str | None:
    """Why a column of this type cannot be numbers, or None."""
    inner = kind.value_type if _list(arrow, kind) else kind
    fit = _number(arrow, inner) or (inner is kind and (arrow.types.is_timestamp(kind) or arrow.types.is_duration(kind)))
    return None if fit else f"it holds {kind}"


def _lists(arrow: Any, name: str, column: Any, columns: dict[str, np.ndarray], faults: dict[str, str]) -> None:
    """Lists of one length as columns; a list that is missing is NaN."""
    compute = library(Path(name), "pyarrow", "pyarrow.compute")
    widths = compute.unique(compute.list_value_length(column)).drop_null().to_pylist()
    if len(widths) != 1 or widths[0] > MOST_COLUMNS:
        faults[name] = f"its lists have {', '.join(map(str, sorted(widths)[:5])) or 'no'} entries"
        return
    there = compute.is_valid(column).to_numpy(zero_copy_only=False).astype(bool)
    inner = compute.list_flatten(column).cast(arrow.float64()).to_numpy(zero_copy_only=False)
    if len(inner) == len(column) * widths[0]:  # lists of fixed size keep room for missing ones
        values = np.where(there[:, None], inner.reshape(len(column), widths[0]), np.nan)
    else:
        values = np.full((len(column), widths[0]), np.nan)
        values[there] = inner.reshape(-1, widths[0])
    columns.update(columns_of(name, values))
