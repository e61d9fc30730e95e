"""Signs and lengths of measured quaternions."""

from pathlib import Path

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.observations import load
from genesis.observations.quaternions import continuous
from tests.observations.recipes import node

CHANNEL = {"turn": {"kind": "link_orientation", "columns": {"tool": ["q0", "q1", "q2", "q3"]}}}


def written(path: Path, quats: np.ndarray) -> Path:
    np.savez(path, time=0.01 * np.arange(len(quats)), **{f"q{k}": quats[:, k] for k in range(4)})
    return path


def test_signs_follow_each_other_over_missing_rows() -> None:
    quats = np.array([[1.0, 0.0, 0.0, 0.0], [-0.8, -0.6, 0.0, 0.0], [np.nan] * 4, [-0.6, -0.8, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5]])
    made = continuous(quats)
    assert made[[1, 3]].tolist() == [[0.8, 0.6, 0.0, 0.0], [0.6, 0.8, 0.0, 0.0]] and made[4].tolist() == [0.5] * 4
    assert np.isnan(made[2]).all()


def test_a_half_turn_logged_with_positive_w(tmp_path: Path) -> None:
    """The sign flips with the noise of w, and is no noise: sigma is 2e-3 * sqrt(4 / 3) of the three angles, what lies between is a turn."""
    random = np.random.default_rng(0)
    quats = np.array([0.0, 1.0, 0.0, 0.0]) + 1e-3 * random.standard_normal((400, 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    flipped = quats * np.where(quats[:, :1] < 0.0, -1.0, 1.0)
    data = [load(node(written(tmp_path / "a.npz", x), channels=CHANNEL, resample=130.0)) for x in (quats, flipped)]
    assert data[0].specs["turn"].sigma == pytest.approx(data[1].specs["turn"].sigma) and data[1].specs["turn"].sigma[0] < 3e-3
    values = data[1].train[0].channels["turn"].values
    assert np.linalg.norm(values, axis=1) == pytest.approx(1.0, abs=1e-12)
    assert float((2.0 * np.arccos(np.clip(np.abs(values[:, 1]), 0.0, 1.0))).max()) < 0.01


def test_numbers_that_are_no_quaternion_are_refused(tmp_path: Path) -> None:
    quats = np.tile([16384.0, 0.0, 0.0, 0.0], (20, 1))
    with pytest.raises(
        InputError, match=r"turn.columns: a.npz: the length of \(q0, q1, q2, q3\) is 1.638e\+04, of a quaternion it is 1"
    ):
        load(node(written(tmp_path / "a.npz", quats), channels=CHANNEL))
    scaled = {"turn": {**CHANNEL["turn"], "scale": 2.0**-14}}
    assert load(node(written(tmp_path / "a.npz", quats), channels=scaled)).train[0].channels["turn"].values[0].tolist() == [
        1.0,
        0,
        0,
        0,
    ]
