"""Where the larger data sets and oracles lie, if they are here: GENESIS_SHARED, else ``../shared`` beside the repository."""

import os
from pathlib import Path

import pytest

_folder = Path(os.environ.get("GENESIS_SHARED", Path(__file__).resolve().parents[2] / "shared"))

SHARED: Path | None = _folder if (_folder / "data").is_dir() else None
MODELS: Path | None = SHARED / "data" / "robot_models" if SHARED else None

needs_shared = pytest.mark.skipif(SHARED is None, reason="GENESIS_SHARED: no shared data beside the repository")
