"""Writing files so that a reader never sees half of one."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from genesis.atomic_write import atomic_write


def write_bytes(path: Path, content: bytes) -> None:
    """As a file that is whole."""
    atomic_write(path, lambda partial: partial.write_bytes(content))


def write_json(path: Path, content: Any) -> None:
    """Readable JSON; numbers that are not finite become null."""
    write_bytes(path, (json.dumps(finite(content), indent=2) + "\n").encode())


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Compressed arrays by name."""
    atomic_write(path, lambda partial: np.savez_compressed(partial, **arrays))  # type: ignore[arg-type]


def finite(content: Any) -> Any:
    """The content with null for NaN and infinity, which JSON lacks."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {str(key): finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [finite(value) for value in content]
    return content
