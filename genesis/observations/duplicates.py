"""Rows of one instant as one row."""

import numpy as np

from genesis.errors import unknown_name

ERROR = "error"
KEPT = ("first", "last", "mean", ERROR)


def checked(how: str) -> str:
    """The value of `observation.duplicates`. Raises: UnknownNameError."""
    if how not in KEPT:
        raise unknown_name("observation.duplicates", "way", how, KEPT)
    return how


def one_each(
    time: np.ndarray, values: np.ndarray, how: str, quaternions: bool = False
) -> tuple[np.ndarray, np.ndarray, int | None]:
    """(time, values, row) with every run of equal times as one row.

    A number that only one of the rows has, or all alike, is that; where they differ, the first, the last or the mean of them. Quaternions
    count as alike with either sign.

    Args:
        time: (N,) never falling; values: (N, width), NaN: missing; how: one of `KEPT`.
        quaternions: columns are unit quaternions, four a frame.
    Returns: row is the first that differs from one of its time where how is "error", else None.
    """
    new = np.concatenate([[True], np.diff(time) != 0.0])
    starts = np.flatnonzero(new)
    if len(starts) == len(time):
        return time, values, None
    group = np.cumsum(new) - 1
    if quaternions:
        values = _aligned(values, starts[group])
    low, high = np.fmin.reduceat(values, starts, 0), np.fmax.reduceat(values, starts, 0)
    differs = low < high
    if not differs.any():
        return time[starts], low, None
    there = ~np.isnan(values)
    rows = np.arange(len(time))[:, None]
    earliest = np.minimum.reduceat(np.where(there, rows, len(time) - 1), starts, 0)
    if how == ERROR:
        unlike = there & (values != np.take_along_axis(values, earliest, 0)[group])
        return time[starts], low, int(np.flatnonzero(unlike.any(1))[0])
    if how == "mean":
        count = np.add.reduceat(there, starts, 0, dtype=np.int64)
        made = np.add.reduceat(np.where(there, values, 0.0), starts, 0) / np.maximum(count, 1)
        made = _unit(made) if quaternions else made
    else:
        latest = np.maximum.reduceat(np.where(there, rows, 0), starts, 0)
        made = np.take_along_axis(values, earliest if how == "first" else latest, 0)
    return time[starts], np.where(differs, made, low), None


def _aligned(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Quaternions with the sign that is nearer to those of the rows `reference`."""
    parts = values.reshape(len(values), -1, 4)
    return np.where((parts * parts[reference]).sum(-1, keepdims=True) < 0.0, -parts, parts).reshape(values.shape)


def _unit(values: np.ndarray) -> np.ndarray:
    parts = values.reshape(len(values), -1, 4)
    return (parts / np.linalg.norm(parts, axis=-1, keepdims=True)).reshape(values.shape)
