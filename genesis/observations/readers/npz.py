"""NumPy archives: one array a column, or several columns."""

import zipfile
from math import prod
from pathlib import Path

import numpy as np

from genesis.archives import ENDING, npy_header
from genesis.errors import InputError
from genesis.observations.log import Log
from genesis.observations.readers.arrays import columns_of, instants, numbers_of, unfit
from genesis.observations.readers.budget import NUMBER, within
from genesis.observations.readers.options import ReadOptions
from genesis.observations.readers.stamps import seconds_of


def read_npz(path: Path, options: ReadOptions) -> Log:
    """Arrays (N,) by their names, (N, n) as name[0], name[1], …, single numbers as scalars; texts are left out, instants are seconds.

    Nothing is unpickled. Raises: InputError for what is no archive, or holds more than the budget.
    """
    log = Log(path, {})
    faults: dict[str, str] = {}
    stamps: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(ENDING)]
            wanted = [member for member in members if _looked_at(archive, member, faults)]
            sizes = {_name(member): max(_count(archive, member), member.file_size // NUMBER) for member in wanted}
            kept = within(f"{path}: its arrays", sizes, options, faults)
            wanted = [member for member in wanted if _name(member) in kept]
            for member in wanted:
                _take(log, stamps, archive, member)
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no NumPy archive: {error}.") from error
    log.columns |= seconds_of(stamps)
    log.seconds, log.faults = frozenset(stamps), faults
    return log


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(ENDING)


def _looked_at(archive: zipfile.ZipFile, member: zipfile.ZipInfo, faults: dict[str, str]) -> bool:
    """Whether an array is made of numbers, from its first bytes."""
    try:
        with archive.open(member) as file:
            shape, kind, _ = npy_header(file)
        why = unfit(kind, shape)
    except (ValueError, EOFError) as error:
        why = f"it is no array that can be read ({error})"
    if why is not None:
        faults[_name(member)] = why
    return why is None


def _count(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """How many numbers of 8 bytes an array takes in memory."""
    with archive.open(member) as file:
        shape, kind, _ = npy_header(file)
    return numbers_of(shape, kind)


def _take(log: Log, stamps: dict[str, np.ndarray], archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    name = _name(member)
    with archive.open(member) as file:
        shape, kind, fortran = npy_header(file)
        data = file.read()
    if len(data) != prod(shape) * kind.itemsize:
        raise ValueError(f'its array "{name}" says {shape} of {kind} and holds {len(data)} bytes')
    values = np.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C")
    if instants(kind):
        stamps[name] = values.astype(f"{kind.kind}8[ns]").astype(np.int64)
    elif values.ndim == 0:
        log.scalars[name] = float(values)
    else:
        log.columns.update(columns_of(name, values))
