"""Small logs and configs for the tests."""

from pathlib import Path
from typing import Any

import numpy as np

from genesis.observations.readers import ReadOptions, read


def table(path: Path, **columns: Any) -> Path:
    """Write a CSV file of columns."""
    names = list(columns)
    rows = zip(*(np.asarray(columns[name]).tolist() for name in names), strict=True)
    text = "\n".join([",".join(names), *(",".join("" if x != x else repr(x) for x in row) for row in rows)])
    path.write_text(text + "\n")
    return path


def node(*files: Any, channels: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The node `observation` with one channel `angle`, joint `pivot` from column q."""
    measured = {"angle": {"kind": "joint_position", "columns": {"pivot": "q"}}} if channels is None else channels
    return {"files": [str(f) if isinstance(f, Path) else f for f in files], "channels": measured, **more}


def reading(path: Path, delimiter: str | None = None) -> Any:
    """The log in a file."""
    return read("observation.files", path, ReadOptions(delimiter))
