"""Multiple shooting: derivatives against differences, rounds that close the gaps, one rollout at the end, going on from a checkpoint."""

import json
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.methods import make_method
from genesis.methods.method import move, point
from genesis.methods.residuals import cost
from genesis.runners.checkpoint import load_checkpoint
from genesis.runners.evaluate import TaskProblem
from genesis.runners.growth import Growth
from genesis.runners.loop import Loop, Stop
from genesis.runners.optimize import optimization
from genesis.runners.record import Record, RecordOptions
from genesis.runners.shooting import MultipleShooting, ShootingProblem, segmented
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

KNOTS = (
    "parameters=torque_knots", "parameter.controls.init=zero", "parameter.controls.scale=1.0", "parameter.controls.noise=0.1",
    "parameter.controls.bounds=[[-6.0,-3.0],[6.0,3.0]]",
)  # fmt: skip
SHORT = ("task=swing_up_double", "task.horizon=24", *KNOTS, "parameter.controls.count=6", "task.start_qpos=[0.4,-0.2]")
STEPS = ("task=swing_up_double", "task.horizon=24")
CUBE = ("task=throw_bin", "task.horizon=21")


def shooting(
    *overrides: str, kind: str = "lbfgs", iterations: int = 5, of_round: int | None = None, **asked: Any
) -> tuple[Loop, ShootingProblem]:
    _, task = configured(*overrides)
    method = make_method({"kind": kind}, {"kind": "constant"}, iterations, 0)
    options = {"segments": 4, "weight": 0.3, "iterations": of_round, **asked}
    loop = optimization(task, method, Stop(iterations=iterations), shooting=MultipleShooting(**options), signals=False)
    assert isinstance(loop.problem, ShootingProblem)
    return loop, loop.problem


def somewhere(problem: ShootingProblem, size: float = 0.1) -> np.ndarray:
    """A point with gaps, under multipliers that are not zero."""
    random = np.random.default_rng(2)
    law = problem.task.law
    law.multipliers = torch.from_numpy(random.standard_normal(law.multipliers.shape))
    x = point(problem.groups) + size * random.standard_normal(len(point(problem.groups)))
    move(problem.groups, x)
    return x


@pytest.mark.parametrize("overrides", [SHORT, CUBE])
def test_gradients_are_those_of_differences(overrides: tuple[str, ...]) -> None:
    problem = shooting(*overrides)[1]
    x = somewhere(problem)
    problem.evaluate()
    assert problem.latest is not None and problem.latest.gradient is not None
    gradient, random = problem.latest.gradient, np.random.default_rng(5)
    for _ in range(6):
        direction, values = random.standard_normal(len(x)), []
        for side in (1.0, -1.0):
            move(problem.groups, x + side * 1e-6 * direction)
            values.append(problem.evaluate(gradient=False))
        assert gradient @ direction == pytest.approx((values[0] - values[1]) / 2e-6, rel=2e-6, abs=1e-6)


@pytest.mark.parametrize("overrides", [SHORT, CUBE])
def test_what_is_linearized_is_what_is_evaluated(overrides: tuple[str, ...]) -> None:
    problem = shooting(*overrides)[1]
    x = somewhere(problem)
    blocks = problem.linearize()
    assert blocks is not None and problem.latest is not None
    linearized = problem.latest
    value = problem.evaluate()
    assert cost(blocks) == pytest.approx(value, rel=1e-10)
    assert linearized.terms == pytest.approx(problem.latest.terms, rel=1e-10)
    assert linearized.metrics == pytest.approx(problem.latest.metrics, rel=1e-10)
    assert linearized.gradient == pytest.approx(problem.latest.gradient, rel=1e-7, abs=1e-9)
    gaps = next(block for block in blocks if block.label == "continuity")
    random, step = np.random.default_rng(7), 1e-6
    for _ in range(3):
        direction, rows = random.standard_normal(len(x)), []
        for side in (1.0, -1.0):
            move(problem.groups, x + side * step * direction)
            with torch.no_grad():
                rows.append(problem.task.law.residuals(problem.task.gaps()).reshape(-1).numpy())
        assert gaps.z @ direction == pytest.approx((rows[0] - rows[1]) / (2.0 * step), rel=1e-5, abs=1e-6)


def test_values_are_those_of_single_evaluations() -> None:
    problem = shooting(*SHORT)[1]
    x = somewhere(problem)
    points = x + 0.01 * np.random.default_rng(1).standard_normal((3, len(x)))
    points = np.concatenate([points, np.full((1, len(x)), np.nan)])
    found = problem.values(points)
    assert np.array_equal(point(problem.groups), x) and math.isinf(found[3])
    for one, value in zip(points[:3], found[:3], strict=True):
        move(problem.groups, one)
        assert problem.evaluate(gradient=False) == value


@pytest.mark.parametrize("kind", ["lbfgs", "levenberg_marquardt", "adam", "cmaes"])
def test_every_method_ends_with_the_numbers_of_one_rollout(kind: str, tmp_path: Path) -> None:
    loop, problem = shooting(*SHORT, kind=kind, iterations=4, rounds=2)
    loop.record = Record(tmp_path, RecordOptions(tensorboard=False))
    result = loop.run()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines if line["stage"] == "one rollout"]
    assert all("largest_gap" in line["metrics"] for line in lines if line["stage"] != "one rollout")
    with torch.no_grad():
        judged = problem.task.whole.judge()
    assert result.objective_best == pytest.approx(float(judged.objective), rel=1e-9)
    assert result.metrics == pytest.approx(problem.task.whole.metrics(judged.trajectory), rel=1e-9)
    stored = np.load(tmp_path / "solution.npz")
    assert np.array_equal(stored["qpos"], judged.trajectory.qpos.numpy())
    assert result.content()["multiple_shooting"]["segments"] == 4


@pytest.mark.parametrize("kind", ["lbfgs", "levenberg_marquardt"])
def test_a_body_without_controls_and_a_task_without_tolerances_are_worked_on(kind: str) -> None:
    loop, problem = shooting(
        *CUBE, "task.position_tolerance=null", "task.velocity_tolerance=null", kind=kind, iterations=6, rounds=3
    )
    result = loop.run()
    assert result.status == "finished" and result.objective_first is not None and result.objective_best is not None
    assert result.objective_best < 0.9 * result.objective_first
    assert problem.closing is not None and problem.closing.metrics == {}


def test_a_motion_is_found_through_its_pieces() -> None:
    loop, problem = shooting(
        "task=swing_up", "task.horizon=100", "parameters=torque_knots", "parameter.controls.joints=[slider]", "parameter.controls.count=30",
        "parameter.controls.init=zero", "parameter.controls.scale=10.0", "parameter.controls.noise=0.01",
        "parameter.controls.bounds=[-20.0,20.0]", kind="levenberg_marquardt", iterations=60, segments=5, rounds=8, weight=1.0
    )  # fmt: skip
    result = loop.run()
    assert result.status == "converged", result.reason
    told = result.content()["multiple_shooting"]
    assert told["reproduced"] and told["largest_gap"] <= 1e-6
    assert result.metrics["angle_error_deg"] <= 1.0 and "largest_gap" not in result.metrics


@pytest.mark.parametrize(("of_round", "breaks"), [(None, (3, 9)), (2, (1, 2, 4, 5, 6))])
def test_going_on_from_a_checkpoint_is_bit_identical(tmp_path: Path, of_round: int | None, breaks: tuple[int, ...]) -> None:
    def run(folder: Path, iterations: int, resume: bool = False) -> Any:
        loop, problem = shooting(*SHORT, kind="lbfgs", iterations=6, of_round=of_round, rounds=3, weight=10.0)
        loop.checkpoint_every = 1
        if resume:
            loop.load(load_checkpoint(folder))
        else:
            loop.observers = [lambda report: stopped if report.iteration == iterations else None]
        loop.record = Record(folder, RecordOptions(tensorboard=False))
        return loop.run(), point(problem.groups)

    from genesis.problems.problem import INTERRUPTED, Verdict

    stopped = Verdict(INTERRUPTED, "asked")
    whole, best = run(tmp_path / "whole", 10_000)
    if of_round is not None:
        assert [stage["iterations"] for stage in whole.stages[:3]] == [of_round] * 3, "it is what ends the rounds"
    for where in (*breaks, whole.iterations):
        run(tmp_path / str(where), where)
        result, found = run(tmp_path / str(where), 0, resume=True)
        assert np.array_equal(found, best) and result.iterations == whole.iterations
        assert result.objective_best == whole.objective_best and result.reason == whole.reason
        assert result.stages == whole.stages


def test_where_the_pieces_cannot_be_simulated_one_rollout_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    loop, problem = shooting(
        *STEPS, kind="levenberg_marquardt", iterations=2, segments=8, rounds=2, guess=[[3.0, 0.0], [3e150, -2e150]]
    )  # fmt: skip
    with caplog.at_level(logging.WARNING, logger="genesis"):
        result = loop.run()
    assert "the pieces have no motion to close" in caplog.text
    assert problem.closing is None and problem.whole and result.iterations == 2
    assert result.objective_first is not None and result.objective_best is not None
    assert result.objective_best < result.objective_first and math.isfinite(result.objective_first)
    assert result.content()["multiple_shooting"] == {"segments": 8}


def test_the_first_weight_is_in_objectives_of_the_start_without_what_the_gaps_cost() -> None:
    _, problem = shooting(*SHORT, weight=0.3, guess="interpolation")
    with torch.no_grad():
        judged, whole = problem.task.judge(), float(problem.task.whole.judge().objective)
    gaps = float(judged.terms["continuity"])
    assert gaps > 1e-3 * whole
    assert problem.task.law.weight == pytest.approx(0.3 * max(whole, float(judged.objective) - gaps), rel=1e-9)


def test_a_run_that_is_stopped_tells_of_one_rollout() -> None:
    from genesis.problems.problem import INTERRUPTED, Verdict

    loop, problem = shooting(*SHORT, iterations=50)
    loop.observers = [lambda report: Verdict(INTERRUPTED, "asked") if report.iteration == 5 else None]
    result = loop.run()
    assert result.status == "interrupted" and problem.task.closed
    with torch.no_grad():
        assert result.objective_best == pytest.approx(float(problem.task.whole.judge().objective), rel=1e-12)


@pytest.mark.parametrize(
    ("overrides", "asked", "message"),
    [
        (("task=track", "task.horizon=20", "task.envs=2"), {}, "task.envs"),
        (("task=balance", "task.envs=0", "task.horizon=12", "task.spread_qpos=0.0", "task.spread_qvel=0.0"), {}, "is a policy"),
        (SHORT, {"segments": 25}, "25 is not possible in 24 steps"),
        (SHORT, {"segments": 0}, "allowed: 1 to 24"),
        (SHORT, {"segments": "many"}, "allowed: auto, or a whole number"),
        (SHORT, {"segments": True}, "True is not allowed; allowed: auto, or a whole number"),
        (SHORT, {"segments": 1, "guess": "foo"}, "'foo' is not allowed; allowed: rollout, interpolation"),
        (SHORT, {"segments": "auto", "guess": "foo"}, "'foo' is not allowed; allowed: rollout, interpolation"),
        (SHORT, {"segments": 1, "guess": [[0.0, 0.0, 0.0]]}, "multiple_shooting.guess"),
        (STEPS, {"kind": "ddp"}, "drives the motion step by step already"),
        (STEPS, {"kind": "ddp", "segments": 0}, "allowed: 1 to 24"),
        (STEPS, {"kind": "ddp", "segments": 2.5}, "2.5 is not allowed"),
        (STEPS, {"kind": "ddp", "segments": "foo"}, "'foo' is not allowed"),
        (CUBE, {"guess": "interpolation"}, "needs a loss of kind terminal_state"),
        (SHORT, {"guess": [[0.0, 0.0, 0.0]]}, "multiple_shooting.guess"),
    ],
)  # fmt: skip
def test_what_cannot_be_cut_is_refused(overrides: tuple[str, ...], asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        shooting(*overrides, **asked)


@pytest.mark.parametrize(
    ("asked", "message"),
    [({"segments": 4}, r"multiple_shooting\.segments: 4, but jobs of launcher=batched stay whole"),
     ({"guess": "interpolation"}, r"multiple_shooting\.guess: 'interpolation', but jobs of launcher=batched"),
     ({"segments": 0}, "allowed: 1 to 24"),
     ({}, None), ({"segments": 1}, None)],
)  # fmt: skip
def test_jobs_that_are_simulated_together_stay_whole_or_say_why_not(asked: dict[str, Any], message: str | None) -> None:
    class Together(TaskProblem):
        """Stands for the part of a batch."""

    _, task = configured(*SHORT)
    method, made = make_method({"kind": "lbfgs"}, {"kind": "constant"}, 5, 0), MultipleShooting(**asked)
    if message is None:
        assert type(optimization(task, method, Stop(), shooting=made, problem=Together, signals=False).problem) is Together
        return
    with pytest.raises(InputError, match=message):
        optimization(task, method, Stop(), shooting=made, problem=Together, signals=False)


@pytest.mark.parametrize(
    ("overrides", "needs", "further", "why"),
    [
        (SHORT, "gradient", True, "restarts and polish"),
        (SHORT, "values", False, "takes values alone"),
        (("task=track", "task.horizon=20", "task.envs=2"), "residuals", False, "task.envs"),
    ],
)
def test_auto_says_why_a_motion_of_large_growth_stays_whole(
    overrides: tuple[str, ...], needs: Any, further: bool, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, task = configured(*overrides)
    for largest in (7.9, 8.1):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="genesis"):
            assert segmented(task, MultipleShooting(), needs, Growth(np.array([0.0, largest]), 0.01), further=further) is None
        assert (len(caplog.records) == 1 and why in caplog.text) if largest > 8.0 else not caplog.records


def test_one_segment_and_small_growth_leave_the_task_whole() -> None:
    for segments in (1, "auto"):
        _, task = configured(*SHORT)
        method = make_method({"kind": "lbfgs"}, {"kind": "constant"}, 5, 0)
        loop = optimization(task, method, Stop(), shooting=MultipleShooting(segments=segments), signals=False)
        assert not isinstance(loop.problem, ShootingProblem)
