"""Values of tasks at many points, and what asks for them."""

from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import ContactOverflowError
from genesis.losses import LOSSES
from genesis.methods import make_method
from genesis.methods.method import move, point
from genesis.parameters import PARAMETERS
from genesis.runners import candidates as module
from genesis.runners.evaluate import TaskProblem
from genesis.runners.loop import Stop
from genesis.runners.optimize import optimization
from genesis.tasks.task import Task
from tests.tasks.configured import OF_ONE_MOTION, configured

#: Without `follow`, whose motion nothing but a controller can keep: open loop it leaves the finite numbers.
SHIPPED = [task for task in OF_ONE_MOTION if task != "follow"]
SIZES = {"trot_on": 0.01, "pivot": 0.5}  # of changes at which motions exist, and differ
SHORT = ("task=reach", "task.horizon=12", "parameter.controls.count=3")


def points_around(problem: TaskProblem, count: int, size: float = 0.1) -> np.ndarray:
    here = point(problem.groups)
    return here + size * np.random.default_rng(0).standard_normal((count, len(here)))


def one_by_one(problem: TaskProblem, points: np.ndarray) -> np.ndarray:
    before, found = point(problem.groups), []
    for x in points:
        move(problem.groups, x)
        found.append(problem.evaluate(gradient=False))
    move(problem.groups, before)
    return np.array(found)


def assert_same(task: Task, count: int = 3, size: float = 0.1) -> None:
    problem = TaskProblem(task, remember=False)
    before, points = point(problem.groups), points_around(problem, count, size)
    found = problem.values(points)
    assert np.array_equal(point(problem.groups), before)
    assert np.isfinite(found).all()
    assert np.ptp(found) > 0.0
    assert found == pytest.approx(one_by_one(problem, points), rel=1e-11)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_tasks_are_searched_without_gradients(name: str) -> None:
    _, task = configured(f"task={name}")
    assert_same(task, size=SIZES.get(name, 0.1))
    method = make_method({"kind": "cmaes", "population": 4, "spread": 0.1}, {"kind": "constant"}, 3, 0)
    result = optimization(task, method, Stop(iterations=3, when_converged=False), signals=False).run()
    assert result.error is None
    assert result.iterations == 3 or task.constraints.hard, "those have rounds"
    assert result.objective_best is not None and result.objective_first is not None
    assert result.objective_best <= result.objective_first


def test_points_without_a_value_change_nothing_of_the_others() -> None:
    _, task = configured("task=throw", "task.horizon=20", "parameter.velocity.bounds=null")
    problem = TaskProblem(task, remember=False)
    points = points_around(problem, 5)
    expected = problem.values(points)
    points[1], points[3] = np.nan, 1e300
    found = problem.values(points)
    assert np.isinf(found[[1, 3]]).all()
    assert np.array_equal(found[[0, 2, 4]], expected[[0, 2, 4]])
    assert np.isinf(problem.values(points[[1, 3]])).all()


def test_a_motion_that_is_not_finite_where_no_loss_looks_has_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    _, task = configured(*SHORT, "task.envs=2", "task.spread_qpos=0.01")
    problem = TaskProblem(task, remember=False)
    points = points_around(problem, 3)
    task.losses = {"effort": (1.0, LOSSES["control_effort"](task.setting, "loss.effort"))}
    expected, real = problem.values(points), module.roll_out_batch
    assert np.isfinite(expected).all()

    def diverging(*arguments: Any, gradient: bool = False) -> Any:
        run = real(*arguments)
        run.qvel[-1, 3] = np.nan  # environment 1 of the second candidate
        return run

    monkeypatch.setattr(module, "roll_out_batch", diverging)
    found = problem.values(points)
    assert np.isinf(found[1])
    assert np.array_equal(found[[0, 2]], expected[[0, 2]])
    assert (problem.failed.count, problem.failed.why) == (1, "1 of 3 candidates cannot be simulated.")
    assert problem.failure is None


def test_generations_without_any_value_are_counted_and_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    _, task = configured(*SHORT)
    task.goal.limits = []
    method = make_method({"kind": "cmaes", "population": 4}, {"kind": "constant"}, 20, 0)
    loop = optimization(task, method, Stop(iterations=20), signals=False)
    monkeypatch.setattr(module.Candidates, "values", lambda self, points: np.full(len(points), np.inf))
    result = loop.run()
    assert (result.status, result.reason) == ("diverged", "no candidate of 4 can be simulated.")
    assert result.error is not None
    assert result.divergences["failed_evaluations"] == 8 * 4


def test_points_with_too_many_contacts_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    _, task = configured(*SHORT, "task.envs=2", "task.spread_qpos=0.01")
    problem = TaskProblem(task, remember=False)
    points = points_around(problem, 4)
    expected, real, batches = problem.values(points), module.roll_out_batch, []

    def full(solver: Any, kind: str, qpos: Any, qvel: Any, controls: torch.Tensor, *rest: Any, gradient: bool = False) -> Any:
        batches.append(controls)
        if len(batches) == 1:
            raise ContactOverflowError(needed=9, room=8, env=5, step=0, dt=0.01)
        return real(solver, kind, qpos, qvel, controls, *rest)

    monkeypatch.setattr(module, "roll_out_batch", full)
    found = problem.values(points)
    assert np.isinf(found[2]), "environment 5 is the second of the third candidate"
    assert np.array_equal(found[[0, 1, 3]], expected[[0, 1, 3]])
    assert batches[1].shape == batches[0].shape
    assert torch.equal(batches[1][:, 4:6], batches[0][:, 0:2]), "another stands in, so that the batch keeps its size"


@pytest.mark.parametrize("envs", [0, 3])
def test_losses_that_see_whole_trajectories_are_taken_one_by_one(envs: int) -> None:
    _, task = configured("task=throw", "task.horizon=20", "parameter.velocity.bounds=null", f"task.envs={envs}")
    task.losses["own"] = 2.0, LOSSES["user"](task.setting, "loss.own", function="tests.runners.test_candidates.reached")
    assert_same(task)
    problem = TaskProblem(task, remember=False)
    points = points_around(problem, 3)
    points[1] = 1e300
    assert np.isinf(problem.values(points)[1])
    assert problem.candidates.asked["own"] is None


def reached(trajectory: Any, scene: Any) -> torch.Tensor:
    """How high the last link is at the end."""
    assert bool(torch.isfinite(trajectory.qpos).all()), "motions that are not finite are not shown to users"
    return trajectory.links_pos[-1, ..., -1, 2].mean()


@pytest.mark.parametrize("envs", [0, 2])
def test_policies_are_as_many_as_points(envs: int) -> None:
    spread = () if envs else ("task.spread_qpos=0", "task.spread_qvel=0")
    _, task = configured("task=balance", "task.horizon=10", f"task.envs={envs}", "parameter.policy.hidden=[4]", *spread)
    task.parameters["mass"] = PARAMETERS["field"](task.setting, "parameter.mass", field="link_mass", log=True)
    assert_same(task)


def test_what_is_not_learned_is_the_same_for_all() -> None:
    _, task = configured("task=fit", "task.horizon=20", "parameter.mass.learn=false", "parameter.damping.prior=[0.01,0.005]")
    assert not task.parameters["excitation"].learn
    assert_same(task)


def test_targets_of_positions_and_a_policy() -> None:
    _, task = configured(
        "task=balance", "task.horizon=8", "task.envs=2", "parameter.policy.hidden=[2]", "task.control=position", "robot.kp=50",
        "parameter.policy.init=home", "parameter.policy.bounds=null", "task.start_qpos=[0.3,0.1]",
    )  # fmt: skip
    assert_same(task)
