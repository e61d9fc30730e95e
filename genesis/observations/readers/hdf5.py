"""HDF5 files: one dataset a column, or several columns."""

from pathlib import Path
from typing import Any

import numpy as np

from genesis.observations.log import Log
from genesis.observations.readers.arrays import columns_of, numbers
from genesis.observations.readers.extras import library


def read_hdf5(path: Path) -> Log:
    """Datasets by their path, group/name: (N,) a column, (N, n) name[0], name[1], …, single numbers scalars."""
    h5py = library(path, "h5py")
    log = Log(path, {})
    faults: dict[str, str] = {}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        values = np.asarray(item[()])
        if not numbers(values):
            faults[name] = f"it holds {values.dtype}"
        elif values.ndim == 0:
            log.scalars[name] = float(values)
        else:
            log.columns.update(columns_of(name, values))

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    log.faults = faults
    return log
