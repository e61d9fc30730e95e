"""The trust region against SciPy's, its pieces against dense algebra, start states, bounds, why it ends."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from genesis.errors import InputError
from genesis.methods.least_squares import Exact, LeastSquares, LocalModel, SearchPlane, _to_ball
from genesis.methods.method import bounds, move, point
from tests.methods.objectives import SquaresOf, quadratic, rosenbrock, run

TIME = torch.linspace(0.0, 4.0, 40, dtype=torch.float64)
SEEN = 2.5 * torch.exp(-1.3 * TIME) + 0.5 + torch.as_tensor(np.random.default_rng(0).standard_normal(40) * 0.01)


def decay(**how: Any) -> SquaresOf:
    """a exp(−b t) + c against noisy samples."""
    return SquaresOf(lambda x: x[0] * torch.exp(-x[1] * TIME) + x[2] - SEEN, [1.0, 0.1, 0.0], **how)


def line(count: int, n: int, condition: float, **how: Any) -> SquaresOf:
    random = np.random.default_rng(n)
    a = torch.as_tensor(random.standard_normal((count, n)) * condition ** (np.arange(n) / n))
    b = torch.as_tensor(random.standard_normal(count))
    return SquaresOf(lambda x: a @ x - b, [0.1] * n, **how)


PROBLEMS = {
    "rosenbrock": lambda: rosenbrock(2),
    "long rosenbrock": lambda: rosenbrock(10),
    "rosenbrock at a bound": lambda: rosenbrock(2, bounds={0: ([-2.0, -2.0], [0.5, 2.0])}),
    "long rosenbrock in a box": lambda: rosenbrock(10, bounds={0: (-1.5, 0.8)}),
    "line": lambda: line(20, 5, 1e4),
    "line in a box": lambda: line(20, 5, 1e4, bounds={0: (0.05, 0.3)}),
    "decay": decay,
    "decay within bounds": lambda: decay(bounds={0: ([0.0, 0.0, 0.0], [2.0, 5.0, 0.4])}),
}


def scipys(objective: SquaresOf) -> Any:
    """SciPy's trf from the same start, with the same tolerances."""

    def blocks(x: np.ndarray) -> Any:
        move(objective.groups, x)
        made = objective.linearize()
        assert made is not None
        return made[0]

    low, high = bounds(objective.groups)
    room = 1e-8 * np.where(np.isfinite(high - low), high - low, 1.0)
    start = np.clip(point(objective.groups), low + room, high - room)
    return least_squares(
        lambda x: blocks(x).r, start, lambda x: blocks(x).z, bounds=(low, high), x_scale="jac", ftol=1e-9, xtol=1e-8, gtol=1e-9
    )


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_minima_of_scipy_in_as_many_evaluations(name: str) -> None:
    objective = PROBLEMS[name]()
    wanted = scipys(PROBLEMS[name]())
    trail = run(LeastSquares(), objective, 200)
    assert trail.ending is not None and trail.ending.converged
    assert trail.values[-1] == pytest.approx(wanted.cost, rel=1e-8, abs=1e-18)
    assert trail.points[-1] == pytest.approx(wanted.x, rel=1e-4, abs=1e-6)
    assert objective.evaluations - len(trail.values) + 1 <= wanted.nfev + 1  # accepted points are linearized besides
    low, high = bounds(objective.groups)
    assert all(((x >= low) & (x <= high)).all() for x in trail.points)


def test_keeps_digits_that_normal_equations_lose() -> None:
    """Columns that differ by 1e-9 of their length: squared, they are the same."""
    random = np.random.default_rng(1)
    first, other = random.standard_normal((2, 30))
    a = torch.as_tensor(np.stack([first, first + 1e-9 * other], 1))
    wanted = np.array([2.0, -1.0])
    b = a @ torch.as_tensor(wanted)
    objective = SquaresOf(lambda x: a @ x - b, [0.0, 0.0])
    trail = run(LeastSquares(gradient_tolerance=0.0, cost_tolerance=0.0, step_tolerance=1e-14), objective, 50)
    assert trail.points[-1] == pytest.approx(wanted, abs=1e-5)


def test_robust_residuals() -> None:
    objective = decay(loss="soft_l1")
    trail = run(LeastSquares(cost_tolerance=0.0, gradient_tolerance=1e-8), objective, 100)
    assert objective.evaluate() == pytest.approx(trail.values[-1], rel=1e-12)
    assert float(objective.leaves[0].grad.abs().max()) < 1e-7


def windows_problem(weak: float = 1.0) -> tuple[SquaresOf, np.ndarray]:
    """Two shared numbers, three windows with a start of two each; and the answer of dense algebra."""
    random = np.random.default_rng(4)
    table = random.standard_normal((30, 8))
    windows = np.repeat([0, 1, 2], 10)
    for w in range(3):
        table[windows != w, 2 + 2 * w : 4 + 2 * w] = 0.0
    table[:, 0] *= weak
    matrix, right = torch.as_tensor(table), torch.as_tensor(random.standard_normal(30))
    objective = SquaresOf(lambda x: matrix @ x - right, [0.0] * 2, [[0.0] * 2] * 3, windows=windows, nt=2)
    return objective, torch.linalg.lstsq(matrix, right).solution.numpy()


@pytest.mark.parametrize("weak", [1.0, 1e-3])
def test_start_states_are_found_along(weak: float) -> None:
    objective, wanted = windows_problem(weak)
    trail = run(LeastSquares(), objective, 60)
    assert trail.points[-1] == pytest.approx(wanted, rel=1e-5)
    assert trail.ending is not None and trail.ending.converged


@pytest.fixture
def model() -> LocalModel:
    random = np.random.default_rng(0)
    j, r = random.standard_normal((12, 5)), random.standard_normal(12)
    return LocalModel(j, r, j.T @ r, random.uniform(0.0, 2.0, 5))


@pytest.mark.parametrize("radius", [1e-3, 0.1, 0.3, 10.0])
def test_the_step_is_the_minimum_within_the_radius(model: LocalModel, radius: float) -> None:
    """It meets (H + a) p = −g with a ≥ 0 and a (‖p‖ − Δ) = 0 (Nocedal, Wright, theorem 4.1)."""
    hessian = model.j.T @ model.j + np.diag(model.diag)
    p = Exact(model).within(radius)
    rest = -(hessian @ p + model.g)
    a = float(rest @ p / (p @ p))
    assert rest == pytest.approx(a * p, abs=1e-4 * max(abs(a), 1.0) * np.linalg.norm(p)) and a > -1e-9
    assert np.linalg.norm(p) <= radius * (1.0 + 1e-12)
    assert radius > 1.0 or np.linalg.norm(p) == pytest.approx(radius, rel=1e-5)
    assert model.value(p) == pytest.approx(model.g @ p + 0.5 * p @ hessian @ p, rel=1e-12)


def test_a_singular_problem_has_a_step_too() -> None:
    j = np.ones((4, 3))
    p = Exact(LocalModel(j, np.ones(4), j.T @ np.ones(4), np.zeros(3))).within(10.0)
    assert j @ p == pytest.approx([-1.0] * 4, rel=1e-3)


@pytest.mark.parametrize("radius", [0.1, 10.0])
def test_the_plane_holds_gradient_and_full_step(model: LocalModel, radius: float) -> None:
    p = SearchPlane(model, radius).within(radius)
    assert np.linalg.norm(p) <= radius * (1.0 + 1e-9)
    best, steepest = (
        model.value(Exact(model).within(radius)),
        model.lowest(np.zeros(5), -model.g, 0.0, radius / np.linalg.norm(model.g))[1],
    )
    assert best - 1e-9 <= model.value(p) <= steepest
    assert radius < 1.0 or model.value(p) == pytest.approx(best, rel=1e-2)


def test_to_ball() -> None:
    for sign in (1.0, -1.0):
        start, along = np.array([0.3, 0.4]), sign * np.array([1.0, 2.0])
        t = _to_ball(start, along, 1.0)
        assert t > 0.0 and np.linalg.norm(start + t * along) == pytest.approx(1.0, rel=1e-12)


def test_trial_points_without_a_value_are_stepped_around() -> None:
    far = SquaresOf(lambda x: torch.exp(x) - np.exp(0.9) if float(x.detach().max()) < 1.2 else x * torch.nan, [0.0])
    assert run(LeastSquares(), far, 100).points[-1] == pytest.approx([0.9], rel=1e-8)


def test_a_number_without_room_stays() -> None:
    trail = run(LeastSquares(), rosenbrock(3, bounds={0: ([-2.0, 0.5, -2.0], [2.0, 0.5, 2.0])}), 100)
    assert all(x[1] == 0.5 for x in trail.points)
    assert trail.points[-1][2] == pytest.approx(0.25, rel=1e-6)


def test_the_last_step_is_looked_at_before_the_end() -> None:
    trail = run(LeastSquares(cost_tolerance=0.5, gradient_tolerance=0.0), decay(), 50)
    assert trail.ending is not None and trail.ending.reason == "the cost does not fall any further"
    falls = -np.diff(trail.values) / trail.values[:-1]
    assert falls[-1] < 0.5 and (falls[:-1] >= 0.5).all()


def test_needs_a_sum_of_squares() -> None:
    with pytest.raises(InputError, match="no sum of squares"):
        run(LeastSquares(), quadratic(), 1)
