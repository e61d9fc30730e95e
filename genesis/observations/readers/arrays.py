"""Arrays of several axes as columns."""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

MOST_COLUMNS = 10_000  # of one array; wider ones are images, maps and the like


def numbers(kind: np.dtype) -> bool:
    """Whether entries of this type are numbers or truth values."""
    return kind.kind in "fiub"


def instants(kind: np.dtype) -> bool:
    """Whether they are times of day, or durations."""
    return kind.kind in "mM"


def unfit(kind: np.dtype, shape: Sequence[int]) -> str | None:
    """Why an array cannot be columns of numbers, or None."""
    if kind.hasobject:
        return "it holds Python objects"
    if not numbers(kind) and not (instants(kind) and len(shape) == 1):
        return f"it holds {kind}"
    if prod(shape[1:]) > MOST_COLUMNS:
        return f"it is an array {tuple(shape)}, more than {MOST_COLUMNS} columns"
    return None


def numbers_of(shape: Sequence[int], kind: np.dtype) -> int:
    """How many numbers of 8 bytes an array takes as columns: integers keep their size."""
    each = kind.itemsize if kind.kind in "iu" else max(kind.itemsize, 8)
    return -(-prod(shape) * each // 8)


def columns_of(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """name -> (N,), or name[0], name[1], … of (N, n), and name[0,0], … of (N, n, m)."""
    if values.dtype.kind == "b":
        values = values.astype(np.int64)
    if values.dtype.kind == "f":
        values = values.astype(np.float64)
    if values.ndim == 1:
        return {name: values}
    places: list[Any] = list(product(*(range(n) for n in values.shape[1:])))
    return {f"{name}[{','.join(map(str, place))}]": values[:, *place] for place in places}
