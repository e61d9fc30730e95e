"""Gradients of batches in chunks of environments that keep a budget of memory."""

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.memory import rollout_bytes
from genesis.methods import make_method
from genesis.runners.chunks import GRADIENT, MB, ChunkedProblem, Chunks, chunks_of
from genesis.runners.evaluate import TaskProblem
from genesis.runners.loop import Stop
from genesis.runners.optimize import optimization
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

BATCH = ("task=reach", "task.envs=8", "task.horizon=20", "task.spread_qpos=0.1", "task.spread_qvel=0.1")
CASES = {
    "controls": BATCH, "policy": ("task=balance", "task.envs=8", "task.horizon=12"),
    "starts": ("task=throw", "task.envs=8", "task.horizon=10", "task.spread_qvel=0.5"),
    "distance": ("task=walk", "task.envs=8", "task.horizon=30", "task.spread_qpos=0.02"),
}  # fmt: skip


def budget(task, envs):
    """That holds so many environments, and not twice as many."""
    physics = task.setting.scene.rigid_solver.physics
    return 1.5 * envs * GRADIENT * rollout_bytes(task.setting.horizon, 1, physics.nv, physics.substeps, 8) / MB


@pytest.mark.parametrize("name", CASES)
def test_chunks_add_up_to_the_batch(name):
    _, task = configured(*CASES[name])
    whole = TaskProblem(task, remember=False)
    value = whole.evaluate()
    chunks = chunks_of(task, budget(task, 2))
    assert chunks is not None and [len(rows) for rows in chunks.rows] == [2, 2, 2, 2]
    parts = ChunkedProblem(task, chunks, remember=False)
    assert parts.evaluate() == pytest.approx(value, rel=1e-13)
    assert whole.latest is not None and parts.latest is not None
    size = float(np.abs(whole.latest.gradient).max())
    assert parts.latest.gradient == pytest.approx(whole.latest.gradient, rel=1e-11, abs=1e-13 * size)
    assert parts.latest.metrics == pytest.approx(whole.latest.metrics, rel=1e-12)
    assert parts.latest.terms == pytest.approx(whole.latest.terms, rel=1e-12)
    told = parts.summary()["memory"]
    assert told["chunks"] == 4 and told["environments"] == 2 and told["planned_mb"] <= told["budget_mb"] + 0.1


def test_a_batch_that_has_room_stays_whole_and_a_run_in_chunks_is_the_same():
    def run(budget_mb):
        _, task = configured(*CASES["policy"])
        method = make_method({"kind": "adam"}, {"kind": "constant"}, 5, 0)
        loop = optimization(task, method, Stop(iterations=5), budget_mb=budget_mb, signals=False)
        return loop.problem, loop.run()

    _, task = configured(*CASES["policy"])
    assert chunks_of(task, 1e6) is None
    whole, parts = run(1e6), run(budget(task, 4))
    assert type(whole[0]) is TaskProblem and isinstance(parts[0], ChunkedProblem)
    assert parts[1].objective_best == pytest.approx(whole[1].objective_best, rel=1e-9)
    assert parts[1].content()["memory"]["chunks"] == 2


def test_environments_that_diverge_are_named_in_the_whole_batch():
    import torch

    _, task = configured(*BATCH)
    task.setting.start_qvel[5] = 1e200
    problem = ChunkedProblem(task, Chunks(1.0, 1.0, list(torch.arange(8).split(2))), remember=False)
    assert problem.evaluate() == np.inf and "environment 5" in str(problem.failure), problem.failure


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [(BATCH, "levenberg_marquardt", "is kept by gradients of one task"), (("task=fit", "task.envs=4"), "adam", "changes the model"),
     ((*BATCH, "+constraint.c={kind: joint_torque}"), "adam", "without hard constraints")],
)  # fmt: skip
def test_what_cannot_be_cut_is_named(words, kind, message):
    _, task = configured(*words)
    method = make_method({"kind": kind}, {"kind": "constant"}, 5, 0)
    with pytest.raises(InputError, match=message):
        optimization(task, method, Stop(), budget_mb=budget(task, 1), signals=False)


def test_a_budget_without_room_for_one_environment_says_what_is_needed():
    _, task = configured(*BATCH)
    with pytest.raises(
        InputError,
        match=r"memory\.budget_mb: 0\.001, but the gradient of one environment over 20 steps needs about .*; give at least",
    ):
        chunks_of(task, 0.001)
