"""Methods on an identification: the same iterates, bit by bit, as the solver of the same name."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from genesis.methods import make_method
from genesis.methods.method import Group, point
from genesis.methods.residuals import Block, Normal, cost
from genesis.observations import Smoothing
from genesis.sysid.shooting import Shooting
from genesis.sysid.solvers import LeastSquares
from tests.methods.objectives import run
from tests.sysid.problems import joint_problem, recorded
from tests.sysid.test_solvers import ARM, PARAMETERS, solved, truth

pytestmark = pytest.mark.usefixtures("engine")


class Flat:
    """A least-squares problem as an objective over one flat leaf."""

    def __init__(self, squares: LeastSquares) -> None:
        self.squares = squares
        low, high = (torch.as_tensor(b) for b in squares.flat_bounds())
        self.leaf = torch.tensor(squares.flat(squares.first()), requires_grad=True)
        self.groups = [Group("x", [self.leaf], [(low, high)], None, lambda: None)]
        self.failure: Exception | None = None
        self.diverged: tuple[int, ...] = ()
        self.value = float("inf")

    def evaluate(self, gradient: bool = True) -> float:
        assert not gradient
        self.value = self.squares.cost(self.squares.unflat(point(self.groups)))
        return self.value

    def values(self, points: np.ndarray) -> np.ndarray:
        return np.array([self.squares.cost(self.squares.unflat(x)) for x in points])

    def linearize(self) -> Sequence[Block] | None:
        blocks = self.squares.blocks(self.squares.unflat(point(self.groups)))
        self.value = cost(blocks)
        return blocks

    def normal(self, blocks: Sequence[Block]) -> Normal:
        return self.squares.normal(blocks)


@pytest.mark.parametrize("free", [False, True])
def test_levenberg_marquardt_takes_the_same_steps(free: bool) -> None:
    recording = recorded(ARM, truth=truth(), noise=1e-3)
    more: dict[str, Any] = {}
    if free:
        more = {"start": {"kind": "start_state", "position_std": 0.01, "velocity_std": None}}
    shooting = Shooting(window=0.5, continuity=1e2) if free else Shooting()
    squares = LeastSquares(
        joint_problem(ARM, PARAMETERS | more, [recording], shooting, smoothing=Smoothing(9, 3)),
        shooting.continuity if free else 0.0,
    )
    reports, ok, reason = solved(squares, "levenberg_marquardt")
    method = make_method({"kind": "levenberg_marquardt"}, {"kind": "constant"}, 100, 0)
    trail = run(method, Flat(squares), 100)
    assert len(reports) > 3 and trail.values == [r.cost for r in reports]
    assert np.array_equal(trail.points, [squares.flat(r.point) for r in reports])
    assert [tuple(t.values()) for t in trail.told] == [(r.step, r.damping, r.gradient_norm) for r in reports]
    assert trail.ending is not None and (trail.ending.converged, trail.ending.reason) == (ok, reason)


def test_least_squares_finds_the_same_minimum() -> None:
    """Sparse, with free start states and gaps between two windows."""
    recording = recorded(ARM, truth=truth(), noise=1e-3)
    parameters = PARAMETERS | {"start": {"kind": "start_state", "position_std": 0.01, "velocity_std": None}}
    shooting = Shooting(window=0.5, continuity=1e2)
    squares = LeastSquares(joint_problem(ARM, parameters, [recording], shooting, smoothing=Smoothing(9, 3)), 1e2)
    trails = [
        run(make_method({"kind": kind}, {"kind": "constant"}, 100, 0), Flat(squares), 100)
        for kind in ("levenberg_marquardt", "least_squares")
    ]
    assert all(trail.ending is not None and trail.ending.converged for trail in trails)
    assert trails[1].values[-1] == pytest.approx(trails[0].values[-1], rel=1e-7)
    assert trails[1].points[-1][:3] == pytest.approx(trails[0].points[-1][:3], rel=1e-4)
