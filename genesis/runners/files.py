"""Files of a run: written so that a reader never sees half of one, and read."""

import json
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from genesis.archives import expect_room
from genesis.atomic_write import atomic_write
from genesis.errors import InputError
from genesis.runtime import free_memory

#: What a damaged archive raises: torn, of another kind, encrypted, of a size that nobody has memory for, or in no encoding.
DAMAGES = (
    OSError,
    EOFError,
    BadZipFile,
    KeyError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    zlib.error,
)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Errors of the system in here name the file: a full disk is found while writing, where Python names none."""
    try:
        yield
    except OSError as error:
        if error.filename is None or Path(error.filename).parent == path.parent:  # or the file beside that becomes it
            error.filename = str(path)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """As a file that is whole."""
    with named(path):
        atomic_write(path, lambda partial: partial.write_bytes(content))


def write_json(path: Path, content: Any) -> None:
    """Readable JSON; numbers that are not finite become null."""
    write_bytes(path, json_bytes(content))


def json_bytes(content: Any) -> bytes:
    """What `write_json` writes."""
    return (json.dumps(finite(content), indent=2) + "\n").encode()


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Compressed arrays by name."""
    with named(path):
        atomic_write(path, lambda partial: np.savez_compressed(partial, **arrays))  # type: ignore[arg-type]


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name. Raises: InputError for a file that is torn, or no such file, or takes more memory than there is."""
    try:
        expect_room(path, free_memory(None))
        stored = np.load(path)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("one array without a name")
        with stored:
            return {name: stored[name] for name in stored.files}
    except DAMAGES as error:
        raise InputError(
            f"{path}: cannot be read as arrays ({_why(error)}); its run was cut off, or it is another file."
        ) from error


def _why(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0].rstrip(".")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def finite(content: Any) -> Any:
    """The content with null for NaN and infinity, which JSON lacks."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {str(key): finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [finite(value) for value in content]
    return content
