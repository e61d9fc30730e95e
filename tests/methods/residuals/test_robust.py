"""Robust losses against SciPy's least squares."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from genesis.methods.residuals import LOSSES, ResidualBlock

S = np.array([0.0, 1e-9, 0.3, 0.999, 1.001, 4.0, 1e4])


@pytest.mark.parametrize("name", LOSSES)
def test_cost_is_that_of_scipy(name: str) -> None:
    r = np.array([-30.0, -1.1, -0.4, 0.0, 0.7, 2.0, 9.0])
    theirs = least_squares(lambda x: r + 0.0 * x, [0.0], loss=name, f_scale=1.5, max_nfev=1)
    assert ResidualBlock("it", r, loss=name, loss_scale=1.5).cost() == pytest.approx(theirs.cost, rel=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_derivatives(name: str) -> None:
    h = 1e-6
    value, first, second = LOSSES[name](S)
    (high, first_high, _), (low, first_low, _) = LOSSES[name](S + h), LOSSES[name](np.abs(S - h))
    inside = S > 2 * h
    assert first[inside] == pytest.approx(((high - low) / (2 * h))[inside], rel=1e-4, abs=1e-10)
    assert second[inside] == pytest.approx(((first_high - first_low) / (2 * h))[inside], rel=1e-4, abs=1e-10)
    assert value[0] == 0.0 and first[0] == 1.0, "small residuals count as squares"


@pytest.mark.parametrize("name", LOSSES)
def test_weighted_blocks_have_the_gradient_and_a_positive_hessian(name: str) -> None:
    random = np.random.default_rng(0)
    z, x = random.standard_normal((40, 3)), random.standard_normal(3)
    offset = 3.0 * random.standard_normal(40)

    def cost(at: np.ndarray) -> float:
        return ResidualBlock("it", z @ at + offset, loss=name, loss_scale=0.7).cost()

    block = ResidualBlock("it", z @ x + offset, z, loss=name, loss_scale=0.7).weighted()
    h = 1e-6
    expected = [(cost(x + h * e) - cost(x - h * e)) / (2 * h) for e in np.eye(3)]
    assert block.z.T @ block.r == pytest.approx(expected, rel=1e-6, abs=1e-8)
    assert np.linalg.eigvalsh(block.z.T @ block.z).min() > 0.0 and block.loss == "linear"
