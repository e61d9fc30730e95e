"""Measured tosses of a cube: where they end, and the friction that they tell."""

import pytest
import torch

from tests.shared import SHARED, needs_shared

pytestmark = [needs_shared, pytest.mark.usefixtures("engine")]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch):
    """The benchmark, which has the model and the errors."""
    from pathlib import Path

    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import cube_toss

    return cube_toss


@pytest.mark.parametrize("contact", ["smooth", "mujoco"])
def test_the_cube_lands_where_the_real_one_did(bench, contact: str) -> None:
    """All 400 tosses; the bounds are MuJoCo's own errors with the same parameters."""
    tosses = bench.load(SHARED / "data" / "cube_toss" / "tosses.npz")
    position, rotation, end = bench.errors(bench.simulate(bench.world(contact, len(tosses.start)), tosses).detach(), tosses)
    assert position <= 14.0 and rotation <= 19.0 and end <= 30.0


def test_the_gradient_finds_the_published_friction(bench) -> None:
    """From 0.5 with the first 100 tosses."""
    tosses = bench.load(SHARED / "data" / "cube_toss" / "tosses.npz", 100)
    friction, _, _ = bench.fit(bench.world("smooth", len(tosses.start)), tosses, 0.5)
    assert friction == pytest.approx(bench.PUBLISHED, abs=0.01)


def test_errors_of_a_known_shift(bench) -> None:
    tosses = bench.load(SHARED / "data" / "cube_toss" / "tosses.npz", 3)
    moved = tosses.poses.clone()
    moved[..., :3] += torch.tensor([0.003, 0.0, 0.004])
    moved[..., 3:] *= -1.0  # the same rotation
    position, rotation, end = bench.errors(moved, tosses)
    assert position == pytest.approx(5.0, rel=1e-6) and end == pytest.approx(5.0, rel=1e-6) and rotation < 1e-3
