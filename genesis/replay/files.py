"""Files that appear whole or not at all."""

from collections.abc import Callable
from pathlib import Path

from genesis.errors import InputError


def put(target: Path, write: Callable[[Path], None]) -> Path:
    """What ``write`` makes of a path beside the target, then moved there. Raises: InputError where that cannot be."""
    partial = target.with_name(f".{target.name}.part")
    try:
        write(partial)
        partial.replace(target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror or type(error).__name__}).") from error
    finally:
        partial.unlink(missing_ok=True)
    return target
