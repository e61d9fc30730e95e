"""Readers of log files, one format a file. A new one is added to the table here."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from genesis.errors import GenesisError, InputError, unknown_name
from genesis.observations.log import Log
from genesis.observations.readers.delimited import read_delimited
from genesis.observations.readers.hdf5 import read_hdf5
from genesis.observations.readers.lerobot import is_lerobot, read_lerobot
from genesis.observations.readers.npz import read_npz
from genesis.observations.readers.options import ReadOptions, of_file, read_options
from genesis.observations.readers.parquet import read_parquet
from genesis.observations.readers.rosbag import read_bag

LONGEST_MESSAGE = 300  # characters of what a library says of a file
KINDS = {
    stat.S_ISFIFO: "a FIFO",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def _tabs(path: Path, options: ReadOptions) -> Log:
    return read_delimited(path, options if options.delimiter else replace(options, delimiter="\t"))


#: ending of the file's name -> function(path, options); a folder is a ROS 2 bag or a LeRobot data set.
READERS: dict[str, Callable[[Path, ReadOptions], Log]] = {
    ".csv": read_delimited,
    ".tsv": _tabs,
    ".txt": read_delimited,
    ".npz": read_npz,
    ".parquet": read_parquet,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".bag": read_bag,
    ".mcap": read_bag,
    ".db3": read_bag,
}


def read(where: str, path: Path, options: ReadOptions) -> Log:
    """The log in a file, or in the folder of a ROS 2 bag or of a LeRobot data set.

    Raises: InputError naming file and place, whatever is wrong with the file.
    """
    reader = _reader(where, path, options)
    try:
        log = reader(path, options)
    except GenesisError as error:
        text = _line(error)
        raise InputError(text if path.name in text else f"{where}: {path}: {text}") from error
    except MemoryError as error:
        raise InputError(
            f"{where}: {path} needs more memory than there is; it is damaged, or too large to be read as a whole."
        ) from error
    except Exception as error:  # a damaged file makes the libraries raise anything
        raise InputError(f"{where}: {path} cannot be read: {_said(error)}.") from error
    if not log.columns or not any(len(values) for values in log.columns.values()):
        faults = f"; {next(iter(log.faults.values()))}" if log.faults else ""
        raise InputError(f"{where}: {path} holds no rows of numbers{faults}.{f' ({log.hint})' if log.hint else ''}")
    return log


def _reader(where: str, path: Path, options: ReadOptions) -> Callable[[Path, ReadOptions], Log]:
    """The function that reads a path. Raises: InputError for what is no file with a known ending."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{where}: file {path} not found.") from error
        raise InputError(f"{where}: {path} cannot be read: {_said(error)}.") from error
    if stat.S_ISDIR(mode):
        if is_lerobot(path):
            return read_lerobot
        if (path / "metadata.yaml").is_file():
            return _no_episodes(where, path, options, read_bag)
        raise InputError(
            f"{where}: {path} is a folder, but neither a ROS 2 bag (it has no metadata.yaml) nor a LeRobot data set (no meta/info.json); "
            "name the files in it, or a pattern, *.csv."
        )
    kind = next((name for is_kind, name in KINDS.items() if is_kind(mode)), None)
    if kind is not None:
        raise InputError(f"{where}: {path} is {kind}, not a file.")
    if path.suffix.lower() not in READERS:
        raise unknown_name(f"{where}: {path}", "ending", path.suffix, READERS)
    return _no_episodes(where, path, options, READERS[path.suffix.lower()])


def _no_episodes(
    where: str, path: Path, options: ReadOptions, reader: Callable[[Path, ReadOptions], Log]
) -> Callable[[Path, ReadOptions], Log]:
    if options.episodes is not None:
        raise InputError(f"{where}: {path} is no LeRobot data set and has no episodes; the key of other files is trajectories.")
    return reader


def _said(error: BaseException) -> str:
    """What a library says, in one line."""
    text = _line(error).rstrip(".")
    text = text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"
    return text if isinstance(error, OSError) and text else f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line(error: BaseException) -> str:
    text = str(error)
    return " ".join(text.split()) if "\n" in text else text


__all__ = ["READERS", "ReadOptions", "of_file", "read", "read_options"]
