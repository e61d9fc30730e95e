"""Files of a run: written so that a reader never sees half of one, and read."""

import json
import math
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from genesis.atomic_write import atomic_write
from genesis.errors import InputError


def write_bytes(path: Path, content: bytes) -> None:
    """As a file that is whole."""
    atomic_write(path, lambda partial: partial.write_bytes(content))


def write_json(path: Path, content: Any) -> None:
    """Readable JSON; numbers that are not finite become null."""
    write_bytes(path, (json.dumps(finite(content), indent=2) + "\n").encode())


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Compressed arrays by name."""
    atomic_write(path, lambda partial: np.savez_compressed(partial, **arrays))  # type: ignore[arg-type]


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name. Raises: InputError for a file that is torn, or no such file."""
    try:
        stored = np.load(path)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("one array without a name")
        with stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, EOFError, BadZipFile, ValueError, zlib.error) as error:
        raise InputError(
            f"{path}: cannot be read as arrays ({type(error).__name__}); its run was cut off, or it is another file."
        ) from error


def finite(content: Any) -> Any:
    """The content with null for NaN and infinity, which JSON lacks."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {str(key): finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [finite(value) for value in content]
    return content
