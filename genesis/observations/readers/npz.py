"""NumPy archives: one array a column, or several columns."""

import zipfile
from pathlib import Path

import numpy as np

from genesis.errors import InputError
from genesis.observations.log import Log
from genesis.observations.readers.arrays import columns_of, numbers


def read_npz(path: Path) -> Log:
    """Arrays (N,) by their names, (N, n) as name[0], name[1], …, single numbers as scalars; texts are left out."""
    log = Log(path, {})
    faults: dict[str, str] = {}
    try:
        with np.load(path) as archive:
            for name in archive.files:
                _take(log, faults, name, archive)
    except (zipfile.BadZipFile, ValueError) as error:
        raise InputError(f"{path} is no NumPy archive: {error}.") from error
    log.faults = faults
    return log


def _take(log: Log, faults: dict[str, str], name: str, archive: np.lib.npyio.NpzFile) -> None:
    try:
        values = archive[name]
    except ValueError:  # pickled objects, which may run code
        faults[name] = "it holds Python objects"
        return
    if not numbers(values):
        faults[name] = f"it holds {values.dtype}"
    elif values.ndim == 0:
        log.scalars[name] = float(values)
    else:
        log.columns.update(columns_of(name, values))
