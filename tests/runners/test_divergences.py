"""Environments of a batch that diverge do not count, and do not end the run."""

import json

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError
from genesis.methods import Group, make_method
from genesis.methods.method import point
from genesis.problems.problem import Evaluation
from genesis.runners.evaluate import TaskProblem, groups_of
from genesis.runners.loop import Loop, Stop
from genesis.runners.optimize import optimization
from genesis.runners.record import Record, RecordOptions
from genesis.tasks.task import Task
from tests.runners.valley import Valley
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")
SMALL = ("task=balance", "task.horizon=12", "task.envs=5", "parameter.policy.hidden=[4]")
OPEN = (*SMALL[:3], "parameters=cart_force", "parameter.controls.every=3", "parameter.controls.noise=0.1")
#: Losses with a target of each environment's own, and one of the user's.
OWN = ("+loss.end={kind: terminal_state, weight: 0.3}", "+loss.back={kind: control_effort, weight: 0.2, relative_to: start}")


def task_of(*overrides: str, bad: tuple[int, ...] = (), keep: tuple[int, ...] | None = None) -> Task:
    """A task of five starts: some of them so fast that nothing can be simulated, or only those of `keep`."""
    _, task = configured(*overrides, *(() if keep is None else (f"task.envs={len(keep)}",)))
    if keep is not None:
        whole = task_of(*overrides)
        task.setting.start_qpos.copy_(whole.setting.start_qpos[list(keep)])
        task.setting.start_qvel.copy_(whole.setting.start_qvel[list(keep)])
        for mine, theirs in zip(task.parameters.values(), whole.parameters.values(), strict=True):
            for leaf, value in zip(mine.leaves(), theirs.leaves(), strict=True):
                leaf.data.copy_(value)
        for name, (_, loss) in task.losses.items():
            if getattr(loss, "start", None) is not None:  # controls before learning, which were drawn at random
                loss.start = whole.losses[name][1].start[:, list(keep)]
    for env in bad:
        task.setting.start_qvel[env] = 1e200
    return task


def evaluated(task: Task, masks: bool = True) -> TaskProblem:
    problem = TaskProblem(task, remember=False, masks=masks)
    problem.evaluate()
    return problem


def learning(task: Task, spec: dict, stop: Stop, **more) -> Loop:
    return optimization(task, make_method(spec, {"kind": "constant"}, stop.iterations, 0), stop, **more)


@pytest.mark.parametrize("overrides", [SMALL, (*OPEN, *OWN)], ids=["policy", "open loop"])
def test_the_others_count_as_if_they_were_alone(overrides: tuple[str, ...]) -> None:
    found = evaluated(task_of(*overrides, bad=(1, 3))).latest
    alone = evaluated(task_of(*overrides, keep=(0, 2, 4))).latest
    assert found.diverged == (1, 3) and alone.diverged == ()
    assert found.objective == pytest.approx(alone.objective, rel=1e-12)
    assert found.terms == pytest.approx(alone.terms, rel=1e-12) and found.metrics == pytest.approx(alone.metrics, rel=1e-12)
    np.testing.assert_allclose(found.gradient, alone.gradient, rtol=1e-10, atol=1e-14)
    assert np.linalg.norm(found.gradient) > 1e-6 and not found.good


def test_without_masks_or_without_anyone_left_it_has_no_value() -> None:
    problem = evaluated(task_of(*OPEN, bad=(1, 3)), masks=False)
    assert problem.latest is None and problem.failed.count == 1 and "environment 1 at step 1" in problem.failed.why
    failure = evaluated(task_of(*OPEN, bad=(0, 1, 2, 3, 4))).failure
    assert isinstance(failure, DivergenceError) and failure.envs == (0, 1, 2, 3, 4) and failure.env == 0


ROOT = """
import torch

def of_zero(trajectory, scene):
    \"\"\"Zero, with a gradient that is no number in environments that start at this angle.\"\"\"
    tip = trajectory.point(scene.entities[0], scene.entities[0].links[-1].name, (0.0, 0.0, 0.1))[0]
    hit = ((trajectory.qpos[0, :, 1] - 0.123).abs() < 1e-9).to(tip.dtype)
    return (torch.sqrt((tip - tip.detach()).square().sum(-1) + 1.0 - hit) - 1.0 + hit).sum() + tip.square().sum()
"""


def test_environments_are_those_of_the_batch_whatever_is_left_out(tmp_path, monkeypatch) -> None:
    """Losses see the environments that are left: the fourth fails there as the third, after the second was left out."""
    (tmp_path / "root_loss.py").write_text(ROOT)
    monkeypatch.syspath_prepend(str(tmp_path))
    user = "+loss.mine={kind: user, function: root_loss.of_zero}"

    def marked(bad: tuple[int, ...], fails: tuple[int, ...]) -> Task:
        task = task_of(*OPEN, user, bad=bad)
        task.setting.start_qpos[list(fails), 1] = 0.123
        return task

    found = evaluated(marked(bad=(1,), fails=(3,))).latest
    alone = evaluated(task_of(*OPEN, user, keep=(0, 2, 4))).latest
    assert found.diverged == (1, 3) and found.objective == pytest.approx(alone.objective, rel=1e-12)
    assert evaluated(marked(bad=(0,), fails=(2, 4))).latest.diverged == (0, 2, 4)
    failure = evaluated(marked(bad=(0, 1, 2, 4), fails=(3,))).failure
    assert "in environment 3 at state 0" in str(failure) and (failure.env, failure.envs) == (3, (3,))


def test_a_trajectory_that_is_not_finite_names_environments_of_the_batch() -> None:
    task = task_of(*OPEN)
    simulate = task.simulate

    def later(without=()):
        view, inputs = simulate(without)
        if without:
            view.qvel = view.qvel.clone()
            view.qvel[3, 1:3, 0] = torch.nan
        return view, inputs

    task.simulate = later
    with pytest.raises(DivergenceError, match="qvel is not finite at step 3 of environment 2;") as caught:
        task.judge((0,))
    assert (caught.value.env, caught.value.envs) == (2, (2, 3))
    with pytest.raises(DivergenceError, match="qvel is not finite at step 3 of environment 1;"):
        task.judge((3,))


def test_the_run_goes_on_and_names_them(tmp_path, caplog) -> None:
    task = task_of(*OPEN, bad=(2,))
    adam = {"kind": "adam", "lr": 0.1}
    run = learning(task, adam, Stop(iterations=6), record=Record(tmp_path, RecordOptions(tensorboard=False)))
    result = run.run()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["diverged"] for line in lines] == [[2]] * 7 and result.iterations == 6 and result.status == "not_converged"
    assert result.divergences == {"failed_evaluations": 0, "iterations": 7, "environments": {2: 7}}
    alone = task_of(*OPEN, keep=(0, 1, 3, 4))
    learning(alone, adam, Stop(iterations=6)).run()
    assert run.method.factor == 1.0, "a start that is bad wherever the parameters are shortens no step"
    for mine, theirs in zip(groups_of(task)[0].leaves, groups_of(alone)[0].leaves, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-9)
    stored = np.load(tmp_path / "solution.npz")
    assert stored["qpos"].shape == (13, 5, 2) and np.isnan(stored["qpos"][:, 2]).all()
    assert np.isfinite(np.delete(stored["qpos"], 2, 1)).all()


class Slope:
    """An objective with a slope of one, told values, of which environments are left out."""

    def __init__(self, lost: list[tuple[int, ...]], values: list[float]) -> None:
        self.leaf = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        self.groups = [Group("x", [self.leaf], [None], None, lambda: None)]
        self.failure, self.diverged, self.exact = None, (), True
        self.answers = iter(zip(values, lost, strict=True))

    def evaluate(self, gradient: bool = True) -> float:
        self.leaf.grad = torch.ones_like(self.leaf)
        value, self.diverged = next(self.answers)
        return value


def stepped(lost: list[tuple[int, ...]], schedule: dict, values: list[float]) -> tuple[list[float], list[float], list[float]]:
    """Of a run of steps down a slope of one, in which these environments are left out: lengths of steps, factors, rates after them."""
    slope, method = Slope(lost, values), make_method({"kind": "sgd", "lr": 1.0}, schedule, len(lost), 0)
    method.init(slope)
    places = [0.0]
    seen: list[tuple[float, float]] = []
    for _ in lost[1:]:
        assert method.look() is None and method.step() is None
        places.append(float(slope.leaf.detach()))
        seen.append((method.factor, *method.learning_rates()))
    factors, rates = zip(*seen, strict=True)
    return [a - b for a, b in zip(places[:-1], places[1:], strict=True)], list(factors), list(rates)


def test_only_a_new_loss_shortens_the_step() -> None:
    lost = [(3,), (3,), (1, 3), (1, 3), (3,), (1,), (), (), ()]
    lengths, factors, _ = stepped(lost, {"kind": "constant"}, [0.0] * 9)
    assert factors == pytest.approx([1.0, 1.0, 0.25, 0.375, 0.5625, 0.140625, 0.2109375, 0.31640625])
    assert lengths == pytest.approx(factors)


def test_a_step_is_never_shorter_than_a_thousandth() -> None:
    _, factors, _ = stepped([(k,) for k in range(12)], {"kind": "constant"}, [0.0] * 12)
    assert factors[3] == pytest.approx(0.25**3) and min(factors) == factors[-1] == 1e-3


def test_objectives_of_some_environments_move_no_plateau() -> None:
    plateau = {"kind": "plateau", "factor": 0.1, "patience": 1, "threshold": 0.0, "min_lr": 0.0}
    values = [10.0, 4.0, 9.0, 8.0, 7.0, 6.0, 5.0]
    assert stepped([(), (1,), (), (), (), (), ()], plateau, values)[2] == [1.0] * 6
    assert stepped([()] * 7, plateau, values)[2] == pytest.approx([1.0, 1.0, 1.0, 0.1, 0.1, 0.01])


def test_objectives_of_some_environments_use_no_patience() -> None:
    told = [(10.0, ()), (4.0, (1,)), (9.0, ()), (8.0, ()), (7.0, ()), (6.0, ()), (6.5, ()), (6.5, ()), (6.5, ())]
    task = Valley(tolerance=None)

    class Told(TaskProblem):
        def evaluate(self, gradient: bool = True) -> float:
            objective, self.diverged = told[run.iteration]
            self.leaves[0].grad = torch.zeros_like(self.leaves[0])
            self.latest = Evaluation(objective, {}, {}, False, point(self.groups), diverged=self.diverged)
            return objective

    run = learning(task, {"kind": "sgd", "lr": 0.1}, Stop(iterations=20, patience=3), problem=Told)
    result = run.run()
    assert (result.iterations, result.reason) == (8, "no better objective for 3 iterations") and result.objective_best == 6.0


def test_a_line_search_takes_no_part_of_a_batch() -> None:
    result = learning(task_of(*OPEN, bad=(2,)), {"kind": "lbfgs"}, Stop(iterations=3)).run()
    assert result.status == "diverged" and "environment 2" in str(result.error)


def test_the_best_point_is_one_where_nothing_diverged() -> None:
    task = task_of(*OPEN)
    run = learning(task, {"kind": "adam", "lr": 0.05}, Stop(iterations=4))
    judge, clean = task.judge, task.setting.start_qvel.clone()

    def later(*arguments):
        task.setting.start_qvel = clean if run.iteration == 0 else torch.cat([clean[:4], torch.full_like(clean[4:], 1e200)])
        return judge(*arguments)

    task.judge = later
    run.run()
    assert run.best.iteration == 0 and run.best.diverged == () and run.divergences.environments == {4: 4}


def test_a_user_loss_sees_the_others(tmp_path, monkeypatch) -> None:
    (tmp_path / "masked_loss.py").write_text("def f(trajectory, scene):\n    return (trajectory.qpos[-1] ** 2).mean()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    user = "+loss.mine={kind: user, function: masked_loss.f}"
    found = evaluated(task_of(*OPEN, user, bad=(0,))).latest
    alone = evaluated(task_of(*OPEN, user, keep=(1, 2, 3, 4))).latest
    assert found.terms["mine"] == pytest.approx(alone.terms["mine"], rel=1e-12) and found.terms["mine"] > 0.0
