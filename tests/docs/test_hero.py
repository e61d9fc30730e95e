"""The animation of the README."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.docs.conftest import REPOSITORY

pytest.importorskip("vtk", reason='pictures need: pip install "genesis-optimize[video]"')


def test_the_readme_begins_with_an_animation_that_loops() -> None:
    (first,) = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (REPOSITORY / "README.md").read_text())
    with Image.open(REPOSITORY / first) as film:
        assert film.n_frames >= 50 and film.info["loop"] == 0 and film.width > 900
    assert (REPOSITORY / first).stat().st_size < 2_000_000


def test_error_bars_stand_where_the_result_says(tmp_path) -> None:
    import hero

    (tmp_path / "result.json").write_text(json.dumps({"estimates": [
        {"name": "mass/rod", "start": 0.5, "value": 1.0, "low": 0.9, "high": 1.1},
        {"name": "damping/hinge", "start": 0.1, "value": 0.0, "low": None, "high": None},
    ]}))  # fmt: skip
    image = hero.bars(tmp_path).astype(int)
    assert image.shape == (hero.BARS, hero.WIDTH, 3)
    band = np.abs(image - [0x99, 0xD5, 0xDF]).sum(-1) < 6
    tick = np.abs(image - [0x87, 0x95, 0xA1]).sum(-1) < 6
    left, right = np.flatnonzero(band.any(0))[[0, -1]]
    start = np.flatnonzero(tick.any(0)).mean()
    middle = (left + right) / 2
    # in units of the estimate: 0.9 to 1.1, and the start at 0.5
    assert (middle - start) / (right - left) == pytest.approx(0.5 / 0.2, rel=0.05)
