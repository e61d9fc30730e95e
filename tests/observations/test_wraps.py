"""Encoders that begin anew."""

from pathlib import Path

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.observations import load
from tests.observations.recipes import node, table

TIME = np.arange(400) * 0.01
ANGLE = 0.8 * np.sin(TIME)
PERIOD = 2.0 * np.pi / 50


def channel(**more) -> dict:
    return {"angle": {"kind": "joint_position", "columns": {"pivot": "q"}, **more}}


def warnings(tmp_path: Path, q: np.ndarray, **more) -> list[str]:
    return load(node(table(tmp_path / "a.csv", time=TIME, q=q), channels=channel(**more))).warnings


def test_a_period_puts_the_saw_tooth_together(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=TIME, q=np.mod(ANGLE, PERIOD))
    data = load(node(path, channels=channel(period=PERIOD)))
    assert data.train[0].channels["angle"].values[:, 0] == pytest.approx(ANGLE, abs=1e-12) and data.warnings == []
    data = load(node(path, channels=channel(period=PERIOD, unit="mrad", scale=1000.0)))  # the period is in radians
    assert data.train[0].channels["angle"].values[:, 0] == pytest.approx(ANGLE, abs=1e-12)
    fast = table(tmp_path / "b.csv", time=TIME, q=np.mod(7.0 * ANGLE, PERIOD))
    assert (
        "near half of the period of 0.1257: which way it went is a guess"
        in load(node(fast, channels=channel(period=PERIOD))).warnings[0]
    )
    for wrong in (-1, "x", [0.1, 0.2], float("nan")):
        with pytest.raises(InputError, match=r"observation.channels.angle.period: .*; allowed: a positive number \[rad \| m\]"):
            load(node(path, channels=channel(period=wrong)))


@pytest.mark.parametrize("periodic", [False, True])
def test_jumps_of_one_size_are_told_with_the_key(tmp_path: Path, periodic: bool) -> None:
    (text,) = warnings(tmp_path, np.mod(ANGLE, PERIOD), periodic=periodic)
    assert text == (
        "observation.channels.angle: pivot jumps by 0.1257 between two samples 17 times; does its encoder begin anew? "
        "(period: 0.125664, a turn before a gear of 50)"
    )


def test_a_jump_of_a_turn_is_told_with_its_key(tmp_path: Path) -> None:
    q = np.mod(4.0 * ANGLE + np.pi, 2.0 * np.pi)
    (text,) = warnings(tmp_path, q)
    assert text.endswith("jumps by 6.283 between two samples 2 times; do its angles begin anew at a turn? (periodic: true)")
    assert warnings(tmp_path, q, periodic=True) == []


def test_what_is_no_wrap_is_not_told(tmp_path: Path) -> None:
    """A smooth motion, noise, a motion in steps, outliers, jumps of many sizes."""
    random = np.random.default_rng(0)
    outliers = ANGLE.copy()
    outliers[[50, 150, 250]] = 5.0
    for q in (
        ANGLE,
        random.standard_normal(400),
        0.3 * np.sign(np.sin(6.0 * TIME)) + 1e-3 * random.standard_normal(400),
        outliers,
        np.cumsum(random.standard_normal(400) * (random.uniform(size=400) < 0.05)),
    ):
        assert [line for line in warnings(tmp_path, q) if "jumps" in line] == []
