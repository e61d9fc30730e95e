"""Recordings that are far too long are refused before a window is made, with the likely cause."""

from pathlib import Path

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.observations import load
from genesis.sysid.shooting import MOST_STEPS, Shooting, cut
from tests.observations.recipes import node, table


@pytest.mark.parametrize(
    ("times", "cause"),
    [
        (np.arange(6) * 1e12, r"rows are 1e\+12 s apart: is the time in ns\? then set observation.time.unit: ns\."),
        (np.arange(6) * 5e5 / 1.25, r"rows are 400000 s apart: is the time in ns\?"),
        (np.arange(6) * 3e4, r"rows are 30000 s apart: is the time in us\? then set observation.time.unit: us\."),
        ([0.0, 0.1, 0.2, 1e6], r"a gap of 1e\+06 s between rows, from 0.2 to 1e\+06 s \(the others are 0.1 s apart\)"),
    ],
)
@pytest.mark.parametrize("window", [1.0, None])
def test_too_long(tmp_path: Path, times: np.ndarray, cause: str, window: float | None) -> None:
    data = load(node(table(tmp_path / "log.csv", time=times, q=np.arange(len(times)) % 3)))
    with pytest.raises(
        InputError, match=rf"log: .* steps of scene.dt = 0.001 s .* windows; allowed: 5e\+07 and 1e\+06\. .*{cause}"
    ):
        cut(data.recordings, Shooting(window=window), 1e-3)


def test_a_long_one_is_cut(tmp_path: Path) -> None:
    dt = 1e-3
    end = 0.9 * MOST_STEPS * dt
    data = load(node(table(tmp_path / "log.csv", time=[0.0, 0.5 * end, end], q=[0, 1, 2])))
    assert [window.steps for window in cut(data.recordings, Shooting(window=None), dt)] == [round(end / dt)]
