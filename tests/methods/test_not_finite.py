"""Least squares where a Jacobian, its squares or every trial point is not finite: a failure, never a minimum."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from genesis.errors import DivergenceError
from genesis.methods import make_method
from genesis.methods.residuals import Normal, ResidualBlock, expect_finite
from tests.methods.objectives import SquaresOf, run

KINDS = ("levenberg_marquardt", "least_squares")


def ending(kind: str, objective: SquaresOf) -> tuple[bool, str, Exception | None, int]:
    trail = run(make_method({"kind": kind}, {"kind": "constant"}, 20, 0), objective, 20)
    assert trail.ending is not None
    return trail.ending.converged, trail.ending.reason, trail.ending.error, len(trail.values)


@pytest.mark.parametrize("kind", KINDS)
def test_a_jacobian_whose_squares_overflow_is_no_vanishing_gradient(kind: str) -> None:
    made = SquaresOf(lambda x: torch.stack([torch.sin(1e160 * (x[0] - 1.0)), x[1] - 2.0]), [0.5, 0.5])
    converged, reason, error, looks = ending(kind, made)
    assert not converged and isinstance(error, DivergenceError) and looks == 1
    assert reason.startswith("the squares of the Jacobian overflow")


@pytest.mark.parametrize("kind", KINDS)
def test_a_jacobian_with_a_nan_is_a_failure_and_no_exception(kind: str) -> None:
    made = SquaresOf(lambda x: torch.stack([x[0].square().sqrt(), x[1] - 2.0]), [0.0, 0.5])
    converged, reason, error, _ = ending(kind, made)
    assert not converged and isinstance(error, DivergenceError)
    assert reason.startswith("the Jacobian of the residuals r is not finite")


@pytest.mark.parametrize("kind", KINDS)
def test_where_every_trial_point_fails_nothing_is_known_of_a_minimum(kind: str) -> None:
    def residuals(x: Tensor) -> Tensor:
        if float(x.detach().sum()) != 1.0:
            raise DivergenceError("nothing but the start")
        return x - 2.0

    made = SquaresOf(residuals, [0.5, 0.5])
    converged, reason, error, _ = ending(kind, made)
    assert (converged, reason) == (False, "nothing but the start") and isinstance(error, DivergenceError)
    assert made.leaves[0].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("table", ["z", "start", "after"])
def test_every_table_of_a_block_must_be_finite(table: str) -> None:
    block = ResidualBlock("gap", np.ones(2), np.ones((2, 1)), np.ones((2, 2)), np.zeros(2, int), after=np.ones((2, 2)))
    expect_finite([block])
    getattr(block, table)[1, 0] = math.inf
    with pytest.raises(DivergenceError, match="the Jacobian of the residuals gap is not finite"):
        expect_finite([block])


@pytest.mark.parametrize("table", ["z", "start", "after"])
def test_every_table_of_the_equations_must_be_finite(table: str) -> None:
    block = ResidualBlock("gap", np.ones(2), np.ones((2, 1)), np.ones((2, 2)), np.zeros(2, int))
    block.after, block.after_window = np.ones((2, 2)), np.ones(2, int)
    assert Normal.of([block], 1, 2, 2).expect_finite().gz.tolist() == [2.0]
    getattr(block, table)[0, 0] = 1e200
    with pytest.raises(DivergenceError, match="the squares of the Jacobian overflow"):
        Normal.of([block], 1, 2, 2).expect_finite()
