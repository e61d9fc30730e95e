"""Differential dynamic programming: quadratic problems in one step, bounds, gaps, motions without a value, resume bit by bit."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear, minimize

from genesis.errors import InputError
from genesis.methods.ddp import DDP
from genesis.methods.optimal_control import Path as Motion
from tests.methods.driven import STEP, Pendulum
from tests.methods.objectives import Trail, quadratic, run, through_a_file

pytestmark = pytest.mark.usefixtures("engine")  # the sweep is a kernel


def squares(p: Pendulum) -> tuple[np.ndarray, np.ndarray]:
    """Rows and right-hand side of the least squares that a mass without gravity poses."""
    k = np.arange(p.horizon)
    position, velocity = STEP**2 * (p.horizon - k), np.full(p.horizon, STEP)
    root = np.sqrt(p.weight)
    return (
        np.vstack([np.sqrt(p.effort) * np.eye(p.horizon), root * position, root * velocity]),
        np.concatenate([np.zeros(p.horizon), [root * p.goal, 0.0]]),
    )


def test_a_quadratic_problem_is_solved_by_one_step() -> None:
    p = Pendulum(pull=0.0)
    trail = run(DDP(regularization=0.0), p, 5)
    rows, wanted = squares(p)
    best = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    assert trail.points[1] == pytest.approx(best, abs=1e-10)
    assert len(trail.values) == 2 and trail.ending is not None and trail.ending.converged
    assert trail.ending.reason == "the gradient vanishes"


def test_bounds_hold_exactly_and_the_rest_is_best_within_them() -> None:
    p = Pendulum(pull=0.0, limit=0.9)
    trail = run(DDP(), p, 100)
    rows, wanted = squares(p)
    best = lsq_linear(rows, wanted, (-0.9, 0.9), tol=1e-14).x
    assert np.abs(trail.points[-1]).max() == 0.9  # some torque lies on its bound, none beyond
    assert trail.points[-1] == pytest.approx(best, abs=1e-5)


def test_a_swing_ends_where_a_search_over_its_torques_does() -> None:
    p = Pendulum(horizon=40, goal=np.pi)
    trail = run(DDP(), p, 200)
    assert trail.ending is not None and trail.ending.converged

    def cost(u: np.ndarray) -> tuple[float, np.ndarray]:
        x = torch.tensor(u.reshape(-1, 1), requires_grad=True)
        value = p._cost(x)
        value.backward()
        return float(value.detach()), x.grad.numpy().ravel()

    polished = minimize(cost, trail.points[-1], jac=True, method="BFGS", options={"gtol": 1e-9})
    assert trail.values[-1] == pytest.approx(polished.fun, rel=1e-6)
    assert all(b <= a for a, b in zip(trail.values, trail.values[1:], strict=False))


def straight(p: Pendulum) -> Any:
    share = np.linspace(0.0, 1.0, p.horizon + 1)[:, None]
    return p.guess(share * p.goal, np.where(share > 0.0, p.goal / (STEP * p.horizon), 0.0))


def test_a_path_with_gaps_closes_them() -> None:
    p = Pendulum(horizon=40, goal=np.pi)
    p.known = [straight(p)]
    method = DDP(guess="interpolation")
    trail = run(method, p, 200)
    assert trail.told[0]["gap"] == pytest.approx(np.abs(p.known[0].gaps).sum())
    gaps = [told.get("gap", 0.0) for told in trail.told]
    assert gaps[-1] == 0.0 and all(b <= a for a, b in zip(gaps, gaps[1:], strict=False))
    assert p.exact and trail.values[-1] == pytest.approx(p.evaluate(gradient=False), rel=1e-12)  # of the motion, not of a path
    assert trail.values[-1] < 0.01 * Pendulum(horizon=40, goal=np.pi).evaluate(gradient=False)


def test_a_quadratic_problem_with_gaps_is_solved_by_one_step_too() -> None:
    p = Pendulum(pull=0.0)
    p.known = [straight(p)]
    trail = run(DDP(regularization=0.0, guess="interpolation"), p, 5)
    rows, wanted = squares(p)
    assert trail.points[1] == pytest.approx(np.linalg.lstsq(rows, wanted, rcond=None)[0], abs=1e-10)


def test_a_guess_is_tried_where_small_changes_grow_alone() -> None:
    tried = []
    for p in (Pendulum(horizon=40, goal=np.pi), Pendulum(horizon=60, goal=0.3, pull=-9.81)):
        p.known = [straight(p)]
        looks, expand = [], p.expand

        def seen(path: Motion, looks: list = looks, expand: Any = expand) -> Any:
            looks.append(path)
            return expand(path)

        p.expand = seen  # type: ignore[method-assign]
        run(DDP(), p, 3)
        tried.append(any(path is p.known[0] for path in looks))
    assert tried == [False, True]


def test_the_diagonal_is_relative_to_what_the_first_sweep_shows() -> None:
    """A larger one leaves more of what a nonlinear problem has left after the first step."""
    left = []
    for rho in (1e-3, 1.0, 1e3):
        p = Pendulum(horizon=40, goal=np.pi)
        trail = run(DDP(regularization=rho), p, 2)
        left.append((trail.values[1], trail.values[2]))
    assert left[0][0] == left[1][0] == left[2][0]
    assert left[0][1] < left[1][1] < left[2][1] < left[2][0]


def test_controls_without_a_cost_are_learned_all_the_same() -> None:
    p = Pendulum(pull=0.0, effort=0.0)
    trail = run(DDP(), p, 200)
    assert trail.values[-1] < 1e-8 * trail.values[0]


class Leaky(Pendulum):
    """What is put moves otherwise than what was tried, and worse, while `leak` is set."""

    leak = True

    def put(self, path: Motion) -> Motion | None:
        led = super().put(path)
        if led is None or not self.leak:
            return led
        self.leak = False
        with torch.no_grad():
            self.leaves[0].add_(50.0)
        return self.start()


def test_a_step_counts_by_the_motion_that_it_leads_to() -> None:
    p = Leaky(horizon=30, goal=2.0)
    trail = run(DDP(), p, 6)
    assert not p.leak and len(trail.values) > 2
    assert all(b < a for a, b in zip(trail.values, trail.values[1:], strict=False))
    assert np.abs(trail.points[1]).max() < 50.0


def test_motions_without_a_value_are_stepped_back_from() -> None:
    free, walled = Pendulum(horizon=30, goal=2.0), Pendulum(horizon=30, goal=2.0, wall=2.01)
    best = run(DDP(), free, 100).values[-1]
    trail = run(DDP(), walled, 100)
    assert np.isfinite(trail.values).all() and trail.values[-1] < 1.05 * best + 1e-9


def test_a_start_without_a_value_is_an_end() -> None:
    p = Pendulum(wall=0.5)
    with torch.no_grad():
        p.leaves[0].fill_(50.0)
    trail = run(DDP(), p, 3)
    assert trail.ending is not None and not trail.ending.converged and trail.ending.reason == "beyond the wall"


@pytest.mark.parametrize("guess", ["auto", "interpolation"])
@pytest.mark.parametrize("done", [0, 1, 3])
def test_a_resume_goes_on_bit_by_bit(guess: str, done: int) -> None:
    def fresh() -> Pendulum:
        p = Pendulum(horizon=40, goal=np.pi, limit=8.0)
        p.known = [straight(p)]
        return p

    whole = run(DDP(guess=guess), fresh(), 7)
    method, first = DDP(guess=guess), fresh()
    part = run(method, first, done)
    again, later = DDP(guess=guess), fresh()
    with torch.no_grad():
        later.leaves[0].copy_(first.leaves[0])
    again.init(later)
    again.load_state_dict(through_a_file(method.state_dict()))
    rest = run(again, later, 7 - done, begun=True)
    joined = Trail(part.values[:done] + rest.values, part.points[:done] + rest.points, part.told[:done] + rest.told)
    assert joined.values == whole.values and np.array_equal(joined.points, whole.points)
    assert repr(joined.told) == repr(whole.told)  # nan is nan


def test_what_cannot_be() -> None:
    p = Pendulum()
    p.groups[0].lr = 0.1
    with pytest.raises(InputError, match="parameter.x0.lr: ddp finds one step for all groups"):
        DDP().init(p)
    empty = quadratic()
    empty.groups = []
    with pytest.raises(InputError, match="nothing to learn"):
        DDP().init(empty)
    with pytest.raises(InputError, match="optimizer.shortest: 5 is no step length"):
        DDP(shortest=5.0)
    method = DDP()
    method.init(Pendulum(horizon=10))
    run(method, Pendulum(horizon=10), 2)
    other = DDP()
    other.init(Pendulum(horizon=12))
    with pytest.raises(ValueError, match="controls of 10 steps for 12"):
        other.load_state_dict(method.state_dict())
