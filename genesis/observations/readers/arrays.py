"""Arrays of several axes as columns."""

from itertools import product
from typing import Any

import numpy as np


def numbers(values: np.ndarray) -> bool:
    """Whether the entries are numbers or truth values."""
    return values.dtype.kind in "fiub"


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
