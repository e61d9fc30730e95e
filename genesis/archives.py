"""Zip archives of numbers, as NumPy and torch write them: what they hold, by their headers alone, before memory is taken."""

import zipfile
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

ENDING = ".npy"
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
SMALL = 1 << 30  # bytes that are read whatever the archive's own size
DENSEST = 200  # times that numbers of a run may be packed: a motion at rest packs better, and is small


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype, bool]:
    """(shape, type, whether the columns come first) of an array that is read from its beginning. Raises: ValueError for what is none."""
    version = npy.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"its format is version {version}")
    shape, fortran, kind = HEADERS[version](file)
    return shape, kind, fortran


def expect_room(path: Path, free: float) -> None:
    """That an archive can be read.

    Args: free: bytes of memory.
    Raises: ValueError for one that would take more, or is packed as no numbers of a run are, and for an array that is smaller than it says;
        BadZipFile for what is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        needed = sum(member.file_size for member in archive.infolist())
        if needed > free or needed > max(SMALL, DENSEST * path.stat().st_size):
            raise ValueError(f"its {path.stat().st_size} bytes would take {needed} of memory")
        for member in archive.infolist():
            if member.filename.endswith(ENDING):
                with archive.open(member) as file:
                    shape, kind, _ = npy_header(file)
                if not kind.hasobject and prod(shape) * kind.itemsize > member.file_size:
                    raise ValueError(f"{member.filename} says to be an array {shape}")
