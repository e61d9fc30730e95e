"""Damped Gauss-Newton steps: Newton's speed, bounds, start states, robust losses, why it ends."""

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError, InputError
from genesis.methods.levenberg_marquardt import LevenbergMarquardt
from tests.methods.objectives import SquaresOf, quadratic, rosenbrock, run

A = torch.as_tensor(np.random.default_rng(0).standard_normal((12, 4)))
B = torch.as_tensor(np.random.default_rng(1).standard_normal(12))


def line(**how) -> SquaresOf:
    return SquaresOf(lambda x: A @ x - B, [0.0] * 4, **how)


def test_linear_residuals_are_met_at_once() -> None:
    trail = run(LevenbergMarquardt(damping=1e-12), line(), 5)
    assert trail.points[1] == pytest.approx(torch.linalg.lstsq(A, B).solution.tolist(), rel=1e-9)
    assert trail.ending is not None and trail.ending.converged


def test_rosenbrock_within_sixty_evaluations() -> None:
    objective = rosenbrock(2)
    trail = run(LevenbergMarquardt(), objective, 100)
    assert trail.values[-1] < 1e-20 and trail.points[-1] == pytest.approx([1.0, 1.0], rel=1e-9)
    assert objective.evaluations < 60 and trail.ending is not None and trail.ending.converged


def test_the_last_step_is_looked_at_before_the_end() -> None:
    trail = run(LevenbergMarquardt(cost_tolerance=0.5, gradient_tolerance=0.0), line(), 50)
    assert trail.ending is not None and trail.ending.reason == "the cost does not fall any further"
    falls = -np.diff(trail.values) / trail.values[:-1]
    assert falls[-1] < 0.5 and (falls[:-1] >= 0.5).all()


def test_tells_step_damping_and_slope() -> None:
    trail = run(LevenbergMarquardt(damping=0.5), line(), 1)
    first, second = trail.told
    assert (first["length"], first["damping"]) == (0.0, 0.5)
    assert second["length"] == pytest.approx(np.linalg.norm(trail.points[1]), rel=1e-12) and second["damping"] < 0.5
    gradient = A.T @ (A @ torch.zeros(4, dtype=A.dtype) - B)
    slope = (gradient.abs() / (A * A).sum(0).sqrt()).max() / B.norm()
    assert first["slope"] == pytest.approx(float(slope), rel=1e-12)


def test_bounds_hold_the_numbers_that_would_leave() -> None:
    trail = run(LevenbergMarquardt(), rosenbrock(2, bounds={0: ([-2.0, -2.0], [0.5, 2.0])}), 100)
    assert trail.points[-1] == pytest.approx([0.5, 0.25], rel=1e-7)
    assert np.array(trail.points)[:, 0].max() <= 0.5


def test_a_start_outside_the_bounds_is_put_inside() -> None:
    assert run(LevenbergMarquardt(), line(bounds={0: (0.5, 1.0)}), 0).points[0].tolist() == [0.5] * 4


def test_start_states_are_found_along() -> None:
    """Two windows, each with a start of its own: the answer is that of all numbers at once."""
    random = np.random.default_rng(4)
    table = random.standard_normal((20, 6))
    windows = np.repeat([0, 1], 10)
    table[:10, 4:], table[10:, 2:4] = 0.0, 0.0
    matrix, right = torch.as_tensor(table), torch.as_tensor(random.standard_normal(20))
    objective = SquaresOf(lambda x: matrix @ x - right, [0.0] * 2, [[0.0] * 2] * 2, windows=windows, nt=2)
    trail = run(LevenbergMarquardt(damping=1e-9), objective, 20)
    assert trail.points[-1] == pytest.approx(torch.linalg.lstsq(matrix, right).solution.tolist(), rel=1e-7)


def test_robust_residuals() -> None:
    objective = line(loss="soft_l1")
    trail = run(LevenbergMarquardt(), objective, 100)
    assert objective.evaluate() == pytest.approx(trail.values[-1], rel=1e-12)
    assert max(float(leaf.grad.abs().max()) for leaf in objective.leaves) < 1e-6


def test_trial_points_without_a_value_are_stepped_around() -> None:
    """A Gauss-Newton step from 0 to e^x = e^0.9 goes to 1.46, where there is no value."""
    far = SquaresOf(lambda x: torch.exp(x) - np.exp(0.9) if float(x.detach().max()) < 1.2 else x * torch.nan, [0.0])
    trail = run(LevenbergMarquardt(), far, 100)
    assert trail.points[-1] == pytest.approx([0.9], rel=1e-8)


def test_a_linearization_that_fails_on_the_way_is_an_end() -> None:
    objective = line()
    method = LevenbergMarquardt()
    run(method, objective, 1)
    objective.residuals = lambda x: x * torch.nan
    ending = method.look()
    assert ending is not None and not ending.converged and isinstance(ending.error, DivergenceError)


def test_nothing_lower_leaves_the_point() -> None:
    """|x| + 1 has a kink at its minimum, past which the linear model is wrong."""
    objective = SquaresOf(lambda x: x.abs() + torch.where(x > 0.0, x, -3.0 * x) + 1.0, [1e-3])
    trail = run(LevenbergMarquardt(step_tolerance=0.0, cost_tolerance=0.0), objective, 200)
    assert trail.ending is not None and "no step lowers" in trail.ending.reason
    assert float(objective.leaves[0].detach()) == trail.points[-1][0]


def test_needs_a_sum_of_squares() -> None:
    with pytest.raises(InputError, match="no sum of squares"):
        run(LevenbergMarquardt(), quadratic(), 1)
