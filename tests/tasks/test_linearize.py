"""Residuals of whole tasks: their Jacobian against central differences, and against the gradient of the objective."""

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError, InputError
from genesis.losses import LOSSES
from genesis.parameters import PARAMETERS
from genesis.tasks import linearize as module
from genesis.tasks.linearize import linearize
from genesis.tasks.outside import free_numbers
from genesis.tasks.task import Task
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.tasks.configured import configured

SHORT = "task.horizon=12"
#: What a task is made of, by the kinds of free numbers and of physics that derivatives go through.
TASKS = {
    "reach": ("task=reach", SHORT, "parameter.controls.count=4"),
    "track": ("task=track", SHORT, "parameter.controls.count=4"),
    "fit": ("task=fit", "task.horizon=30"),
    "walk, with contacts": ("task=walk", SHORT, "parameter.controls.count=4"),
    "push, with contacts": ("task=push", "task.horizon=40", "parameter.controls.count=4"),
    "several starts": (
        "task=reach",
        SHORT,
        "parameter.controls.count=4",
        "task.envs=3",
        "task.spread_qpos=0.1",
        "task.spread_qvel=0.3",
    ),
    "substeps": ("task=reach", SHORT, "parameter.controls.count=4", "scene.substeps=2", "scene.integrator=implicitfast"),
    "throw": ("task=throw", "task.horizon=20"),
}


def made(words: tuple[str, ...]) -> Task:
    """The task away from its start, where nothing is special."""
    _, task = configured(*words)
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for leaf in free_numbers(task.parameters):
            leaf.add_(0.1 * torch.randn(leaf.shape, generator=draw, dtype=torch.float64))
    return task


def jacobian(task: Task, way: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """r (M,), J (M, n)"""
    blocks = linearize(task, way).blocks
    return np.concatenate([block.r for block in blocks]), np.concatenate([block.z for block in blocks])


def assert_differences(task: Task, tolerance: float) -> None:
    leaves, draw = free_numbers(task.parameters), torch.Generator().manual_seed(1)
    _, found = jacobian(task)
    for _ in range(3):
        directions = [torch.randn(leaf.shape, generator=draw, dtype=torch.float64) for leaf in leaves]
        values = []
        for offset in OFFSETS:
            with torch.no_grad():
                for leaf, direction in zip(leaves, directions, strict=True):
                    leaf.add_(0.1 * offset * direction)
                values.append(jacobian(task)[0])
                for leaf, direction in zip(leaves, directions, strict=True):
                    leaf.sub_(0.1 * offset * direction)
        expected, error = extrapolated(np.stack(values, -1))
        along = 0.1 * found @ torch.cat([d.reshape(-1) for d in directions]).numpy()
        scale = np.abs(expected).max()
        assert np.abs(error).max() < 0.1 * tolerance * scale, "the differences tell too little"
        assert np.abs(along - expected).max() < tolerance * scale


def assert_gradient(task: Task, way: str | None = None) -> None:
    leaves = free_numbers(task.parameters)
    for leaf in leaves:
        leaf.grad = None
    judged = task.judge()
    judged.objective.backward()
    expected = torch.cat([leaf.grad.reshape(-1) for leaf in leaves]).numpy()
    found = linearize(task, way)
    r, jac = jacobian(task, way)
    assert found.objective == pytest.approx(float(judged.objective), rel=1e-14)
    assert 0.5 * r @ r == pytest.approx(float(judged.objective), rel=1e-13)
    assert found.terms == pytest.approx({name: float(value) for name, value in judged.terms.items()}, rel=1e-14)
    assert np.abs(jac.T @ r - expected).max() < 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("words", TASKS.values(), ids=TASKS)
def test_jacobians_are_those_of_central_differences(words: tuple[str, ...]) -> None:
    task = made(words)
    with task.setting.scene.rigid_solver.physics.without_surrogate():
        assert_differences(task, 1e-6)


@pytest.mark.parametrize("words", TASKS.values(), ids=TASKS)
def test_both_recursions_give_the_same_jacobian_and_the_gradient(words: tuple[str, ...]) -> None:
    task = made(words)
    assert_gradient(task)
    (_, forward), (_, reverse) = jacobian(task, "forward"), jacobian(task, "reverse")
    assert np.abs(forward - reverse).max() < 1e-11 * np.abs(forward).max()
    assert np.abs(forward).max() > 0.0


def test_the_cheaper_recursion_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = []
    for name in ("_by_rows", "_by_columns"):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, real=real, name=name: ways.append(name) or real(*given))
    linearize(made(TASKS["reach"]))  # 13 rows see the end, 28 free numbers
    linearize(made(TASKS["fit"]))  # 120 rows, 2 free numbers
    assert ways == ["_by_rows", "_by_columns"]


def test_gains_are_in_the_command_too() -> None:
    words = (
        "task=track", SHORT, "task.control=position", "robot.kp=300", "robot.kv=20", "parameter.controls.count=4",
        "parameter.controls.init=home", "parameter.controls.scale=1.0", "losses=track_joints", "task.follow=joints",
        "task.path=[[0,-0.7,0,-2.3,0,1.5,0.7],[0.1,-0.6,0.1,-2.2,0.1,1.6,0.8]]",
    )  # fmt: skip
    task = made(words)
    task.parameters["kp"] = PARAMETERS["field"](task.setting, "parameter.kp", field="dof_kp", log=True)
    task.parameters["kv"] = PARAMETERS["field"](task.setting, "parameter.kv", field="dof_kv", log=True)
    assert_differences(task, 1e-6)
    assert_gradient(task, "forward")
    assert_gradient(task, "reverse")


@pytest.mark.parametrize("envs", [0, 2])
def test_policies_feed_back(envs: int) -> None:
    alone = () if envs else ("task.spread_qpos=0", "task.spread_qvel=0")
    task = made(("task=balance", "task.horizon=10", f"task.envs={envs}", "parameter.policy.hidden=[3]", *alone))
    assert_differences(task, 1e-6)
    assert_gradient(task, "forward")
    assert_gradient(task, "reverse")


def test_a_policy_between_other_parameters_keeps_its_columns() -> None:
    task = made(("task=balance", "task.horizon=8", "task.envs=2", "parameter.policy.hidden=[2]"))
    policy = task.parameters.pop("policy")
    task.parameters["push"] = PARAMETERS["hold"](task.setting, "parameter.push", every=4, noise=0.5)
    task.parameters["policy"] = policy
    task.parameters["mass"] = PARAMETERS["field"](task.setting, "parameter.mass", field="link_mass", log=True)
    task.parameters["start"] = PARAMETERS["initial_velocity"](task.setting, "parameter.start")
    assert_differences(task, 1e-6)
    assert_gradient(task, "forward")
    assert_gradient(task, "reverse")


def test_positions_of_links_are_seen_directly() -> None:
    task = made(("task=reach", SHORT, "parameter.controls.count=4"))
    task.parameters["offset"] = PARAMETERS["field"](task.setting, "parameter.offset", field="link_pos", names=["panda_hand"])
    assert_differences(task, 1e-6)
    assert_gradient(task, "forward")
    assert_gradient(task, "reverse")


def test_parameters_that_are_maps_of_many_numbers() -> None:
    task = made(("task=fit", "task.horizon=20"))
    task.parameters["inertia"] = PARAMETERS["inertia"](task.setting, "parameter.inertia", names=["pole"])
    assert_differences(task, 1e-6)
    assert_gradient(task)


def test_priors_are_residuals_too() -> None:
    task = made(("task=fit", "task.horizon=20", "parameter.mass.prior=[0.15,0.02]"))
    assert linearize(task).blocks[-1].label == "prior"
    assert_differences(task, 1e-6)
    assert_gradient(task)


def test_what_is_no_sum_of_squares_is_named() -> None:
    task = made(TASKS["reach"])
    task.losses["work"] = 1.0, LOSSES["energy"](task.setting, "loss.work")
    with pytest.raises(InputError, match=r"loss\.work: it is no sum of squares.*cmaes"):
        linearize(task)
    del task.losses["work"]
    task.losses["effort"] = -1.0, task.losses["effort"][1]
    with pytest.raises(InputError, match=r"loss\.effort: has the weight -1, so it is no sum"):
        linearize(task)


def test_tables_beyond_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    task = made(TASKS["fit"])
    monkeypatch.setattr(module, "LARGEST", 31 * 4 * 2 - 1)
    with pytest.raises(InputError, match="30 steps of 1 environments to 2 free numbers"):
        linearize(task)
    monkeypatch.setattr(module, "LARGEST", 31 * 4 * 2)
    linearize(task)


def test_a_motion_that_diverges_has_no_residuals() -> None:
    task = made(("task=throw", "task.horizon=20", "parameter.velocity.bounds=null"))
    with torch.no_grad():
        for leaf in free_numbers(task.parameters):
            leaf.fill_(1e300)
    with pytest.raises(DivergenceError):
        linearize(task)
