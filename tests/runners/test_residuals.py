"""Tasks under methods for least squares."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError, InputError
from genesis.losses import LOSSES
from genesis.methods import make_method
from genesis.methods.method import gradient, move, point
from genesis.methods.residuals import cost
from genesis.runners import evaluate as module
from genesis.runners.checkpoint import load_checkpoint
from genesis.runners.evaluate import TaskProblem
from genesis.runners.loop import Loop, Stop
from genesis.runners.optimize import optimization
from genesis.runners.record import Record, RecordOptions
from genesis.tasks.linearize import linearize
from tests.tasks.configured import configured


@pytest.mark.parametrize(("name", "steps"), [("reach", 20), ("fit", 8), ("track", 120)])
def test_levenberg_marquardt_meets_every_tolerance(name: str, steps: int) -> None:
    _, task = configured(f"task={name}")
    method = make_method({"kind": "levenberg_marquardt"}, {"kind": "constant"}, steps, 0)
    result = optimization(task, method, Stop(iterations=steps), signals=False).run()
    assert result.status == "converged", result.reason
    assert all(result.metrics[name] <= limit for name, limit in result.tolerances.items())


def test_what_is_linearized_is_what_is_evaluated() -> None:
    _, task = configured("task=track", "task.horizon=12", "parameter.controls.count=3", "task.envs=2", "task.spread_qpos=0.1")
    problem = TaskProblem(task, remember=False)
    blocks = problem.linearize()
    assert blocks is not None
    linearized, gradients = problem.latest, [leaf.grad.clone() for leaf in problem.leaves]
    assert linearized is not None
    value = problem.evaluate()
    evaluated = problem.latest
    assert evaluated is not None
    assert cost(blocks) == pytest.approx(value, rel=1e-12)
    assert linearized.objective == pytest.approx(evaluated.objective, rel=1e-12)
    assert linearized.terms == pytest.approx(evaluated.terms, rel=1e-12)
    assert linearized.metrics == pytest.approx(evaluated.metrics, rel=1e-12)
    assert linearized.norms == pytest.approx(evaluated.norms, rel=1e-10)
    assert np.array_equal(linearized.point, evaluated.point)
    for leaf, expected in zip(problem.leaves, gradients, strict=True):
        assert torch.allclose(leaf.grad, expected, rtol=1e-9, atol=1e-12)
    normal = problem.normal(blocks)
    assert normal.gradient() == pytest.approx(evaluated.gradient, rel=1e-9, abs=1e-12)
    assert problem.counts() == {"evaluations": 2}


def test_what_a_trial_point_has_shown_is_not_simulated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _, task = configured("task=reach", "task.horizon=12", "parameter.controls.count=3")
    problem, simulated = TaskProblem(task, remember=False), []
    real = task.simulate
    monkeypatch.setattr(task, "simulate", lambda *given: simulated.append(1) or real(*given))
    fresh = problem.linearize()
    assert fresh is not None and problem.latest is not None and len(simulated) == 1
    known = problem.latest
    problem.evaluate(gradient=False)
    again = problem.linearize()
    assert again is not None and len(simulated) == 2
    assert all(np.array_equal(a.z, b.z) and np.array_equal(a.r, b.r) for a, b in zip(fresh, again, strict=True))
    assert (problem.latest.objective, problem.latest.metrics) == (known.objective, known.metrics)
    problem.evaluate(gradient=False)
    with torch.no_grad():
        problem.leaves[0].add_(0.1)
    moved = problem.linearize()
    assert moved is not None and len(simulated) == 4
    assert problem.latest.objective == problem.evaluate(gradient=False) != known.objective


def test_gauss_newton_products_are_differences_of_gradients_where_residuals_vanish() -> None:
    _, task = configured("task=fit", "task.horizon=30")
    for name, value in task.goal.truth.items():
        task.parameters[name].set_value(value.reshape(task.parameters[name].value().shape))
    problem = TaskProblem(task, remember=False)
    blocks = problem.linearize()
    assert blocks is not None and cost(blocks) < 1e-25
    normal, jacobian = problem.normal(blocks), np.concatenate([block.z for block in blocks])
    v, w, here = np.array([0.3, -0.7]), np.array([0.5, 0.2]), point(problem.groups)
    assert (jacobian @ v) @ (jacobian @ w) == pytest.approx(w @ normal.zz @ v, rel=1e-12)

    def slope(step: float) -> np.ndarray:
        move(problem.groups, here + step * v)
        problem.evaluate()
        return gradient(problem.groups)

    differences = [(slope(h) - slope(-h)) / (2.0 * h) for h in (2e-3, 1e-3)]
    assert (4.0 * differences[1] - differences[0]) / 3.0 == pytest.approx(normal.zz @ v, rel=1e-7)


def test_a_point_that_diverges_is_a_failure_and_not_an_exception() -> None:
    _, task = configured("task=throw", "task.horizon=20", "parameter.velocity.bounds=null")
    problem = TaskProblem(task, remember=False)
    assert problem.linearize() is not None
    before = problem.latest
    with torch.no_grad():
        problem.leaves[0].fill_(1e300)
    assert problem.linearize() is None
    assert isinstance(problem.failure, DivergenceError)
    assert (problem.failed.count, problem.latest) == (1, before)


@pytest.mark.parametrize("value", [np.nan, 1e200])
def test_a_jacobian_that_is_not_finite_is_a_failure(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    _, task = configured("task=throw", "task.horizon=5")
    problem = TaskProblem(task, remember=False)

    def spoiled(task: Any, **options: Any) -> Any:
        found = linearize(task, **options)
        found.blocks[0].z[0, 0] = value
        return found

    monkeypatch.setattr(module, "linearize", spoiled)
    assert problem.linearize() is None
    assert isinstance(problem.failure, DivergenceError)
    assert "Jacobian" in problem.failed.why and problem.failed.count == 1
    assert problem.counts() == {"evaluations": 0}


def test_a_run_by_least_squares_refuses_other_losses_before_it_begins() -> None:
    _, task = configured("task=swing_up")
    task.losses["work"] = 1.0, LOSSES["energy"](task.setting, "loss.work")
    with pytest.raises(InputError, match=r"loss\.work: it is no sum of squares"):
        optimization(task, make_method({"kind": "least_squares"}, {"kind": "constant"}, 5, 0), Stop())


def test_a_loss_that_is_no_sum_of_squares_is_named_before_anything_is_simulated() -> None:
    _, task = configured("task=swing_up")
    task.losses["work"] = 1.0, LOSSES["energy"](task.setting, "loss.work")
    problem = TaskProblem(task, remember=False)
    with pytest.raises(InputError, match=r"loss\.work: it is no sum of squares"):
        problem.linearize()
    assert problem.counts() == {"evaluations": 0}


def test_going_on_from_a_bound_is_bit_identical(tmp_path: Path) -> None:
    def begun(**more: Any) -> tuple[Loop, list[float]]:
        _, task = configured(
            "task=throw", "task.horizon=20", "parameter.velocity.bounds=[-2,2]", "parameter.velocity.transform=clamp"
        )
        told: list[float] = []
        method = make_method({"kind": "least_squares", "cost_tolerance": 0.0}, {"kind": "constant"}, 30, 0)
        loop = optimization(task, method, Stop(iterations=30), signals=False, **more)
        loop.observers = [lambda report: told.append(report.evaluation.objective)]
        return loop, told

    whole, expected = begun()
    whole.run()
    first, before = begun(record=Record(tmp_path, RecordOptions(tensorboard=False)))
    first.stop.iterations = len(expected) - 2
    first.run()
    second, after = begun()
    second.load(load_checkpoint(tmp_path))
    room = np.abs(np.abs(point(second.problem.groups)) - 2.0).min()
    assert room < 1e-8, "nearer to the bound than where this method begins"
    second.run()
    assert before[:-1] + after == expected
