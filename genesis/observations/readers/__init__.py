"""Readers of log files, one format a file. A new one is added to the table here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genesis.errors import InputError, unknown_name
from genesis.observations.log import Log
from genesis.observations.readers.delimited import read_delimited
from genesis.observations.readers.hdf5 import read_hdf5
from genesis.observations.readers.npz import read_npz
from genesis.observations.readers.parquet import read_parquet
from genesis.observations.readers.rosbag import read_bag


@dataclass(frozen=True)
class ReadOptions:
    """delimiter: of text files; None: found out."""

    delimiter: str | None = None


#: ending of the file's name -> function(path, options); a folder is a ROS 2 bag.
READERS: dict[str, Callable[[Path, ReadOptions], Log]] = {
    ".csv": lambda path, options: read_delimited(path, options.delimiter),
    ".tsv": lambda path, options: read_delimited(path, options.delimiter or "\t"),
    ".txt": lambda path, options: read_delimited(path, options.delimiter),
    ".npz": lambda path, options: read_npz(path),
    ".parquet": lambda path, options: read_parquet(path),
    ".h5": lambda path, options: read_hdf5(path),
    ".hdf5": lambda path, options: read_hdf5(path),
    ".bag": lambda path, options: read_bag(path),
    ".mcap": lambda path, options: read_bag(path),
    ".db3": lambda path, options: read_bag(path),
}


def read(where: str, path: Path, options: ReadOptions) -> Log:
    """The log in a file, or in the folder of a ROS 2 bag.

    Raises: InputError naming file and place.
    """
    if path.is_dir():
        return read_bag(path)
    if path.suffix.lower() not in READERS:
        raise unknown_name(f"{where}: {path}", "ending", path.suffix, READERS)
    if not path.is_file():
        raise InputError(f"{where}: file {path} not found.")
    try:
        log = READERS[path.suffix.lower()](path, options)
    except OSError as error:
        raise InputError(f"{where}: {path} cannot be read: {error}.") from error
    if not log.columns or not any(len(values) for values in log.columns.values()):
        faults = f"; {next(iter(log.faults.values()))}" if log.faults else ""
        raise InputError(f"{where}: {path} holds no rows of numbers{faults}.")
    return log


__all__ = ["READERS", "ReadOptions", "read"]
