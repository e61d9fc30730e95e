"""Files that users name: whole, or a word on why not."""

from collections.abc import Callable
from pathlib import Path

from genesis.atomic_write import atomic_write
from genesis.errors import InputError


def put(target: Path, write: Callable[[Path], object]) -> Path:
    """What ``write`` makes of a path beside the target, then moved there. Raises: InputError where that cannot be."""
    try:
        atomic_write(target, write)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror or type(error).__name__}).") from error
    return target
