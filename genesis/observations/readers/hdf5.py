"""HDF5 files: one dataset a column, or several columns."""

from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.observations.log import Log
from genesis.observations.readers.arrays import columns_of, numbers_of, unfit
from genesis.observations.readers.budget import afford, within
from genesis.observations.readers.extras import library
from genesis.observations.readers.options import ReadOptions


def read_hdf5(path: Path, options: ReadOptions) -> Log:
    """Datasets by their path, group/name: (N,) a column, (N, n) name[0], name[1], …, single numbers scalars.

    What lies in another file (external links and storage, virtual datasets) is not read, and links are not followed.
    Raises: InputError for more than the budget, or a dataset that is damaged.
    """
    h5py = library(path, "h5py")
    log = Log(path, {})
    faults: dict[str, str] = {}
    wanted: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group):
            _links(h5py, name, item, faults)
        elif isinstance(item, h5py.Dataset):
            why = _elsewhere(item) or ("it is empty" if item.shape is None else unfit(item.dtype, item.shape))
            if why is None:
                wanted.append(name)
            else:
                faults[name] = why

    with h5py.File(path, "r") as file:
        _links(h5py, "", file, faults)
        file.visititems(visit)
        sizes = {name: numbers_of(file[name].shape, file[name].dtype) for name in wanted}
        kept = within(f"{path}: its datasets", sizes, options, faults)
        wanted = [name for name in wanted if name in kept]
        for name in wanted:
            chunk = file[name].chunks
            if chunk is not None:  # one is held as a whole, however little of it is in use
                afford(f'{path}: a chunk of "{name}"', numbers_of(chunk, file[name].dtype), options)
        for name in wanted:
            _take(log, path, name, file[name])
    log.faults = faults
    return log


def _links(h5py: Any, name: str, group: Any, faults: dict[str, str]) -> None:
    """Name the links in a group that are not datasets themselves."""
    for key in group:
        link = group.get(key, getlink=True)
        full = f"{name}/{key}".lstrip("/")
        if isinstance(link, h5py.ExternalLink):
            faults[full] = f"it is a link to another file, {link.filename}, which is not followed"
        elif isinstance(link, h5py.SoftLink):
            faults[full] = f"it is a link to {link.path}; name that"


def _elsewhere(dataset: Any) -> str | None:
    """Why the numbers of a dataset are not in its file, or None."""
    if dataset.external:
        return f"its numbers lie in another file, {dataset.external[0][0]}, which is not read"
    if dataset.is_virtual:
        return f"it is a virtual dataset of {', '.join(sorted({source.file_name for source in dataset.virtual_sources()}))}, which is not read"
    return None


def _take(log: Log, path: Path, name: str, dataset: Any) -> None:
    try:
        values = np.asarray(dataset[()])
    except (OSError, RuntimeError) as error:
        raise InputError(f'{path}: dataset "{name}" cannot be read: {error}.') from error
    if values.ndim == 0:
        log.scalars[name] = float(values)
    else:
        log.columns.update(columns_of(name, values))
