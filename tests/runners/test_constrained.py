"""Hard constraints: prices that every method sees alike, rounds that make them hold, the least violation where they cannot, going on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.methods import make_method
from genesis.methods.method import move, point
from genesis.problems.problem import INTERRUPTED, Verdict
from genesis.runners.checkpoint import load_checkpoint
from genesis.runners.constrained import HOLD, ConstrainedProblem, Rounds
from genesis.runners.evaluate import TaskProblem
from genesis.runners.loop import Loop, Stop
from genesis.runners.optimize import optimization
from genesis.runners.record import Record, RecordOptions
from genesis.runners.shooting import MultipleShooting, ShootingProblem
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

STEPS = ("task=swing_up_double", "task.horizon=20", "task.start_qpos=[0.4,-0.2]")
KNOTS = (*STEPS, "parameters=torque_knots", "parameter.controls.count=6", "parameter.controls.bounds=null",
         "parameter.controls.init=zero", "parameter.controls.scale=1.0")  # fmt: skip
HARD = ("constraint=limits", "constraint.joint_position.limit=[0.5,0.3]", "constraint.joint_velocity.limit=[1.0,2.5]",
        "constraint.joint_torque.limit=[4.0,2.0]")  # fmt: skip
SOFT = tuple(f"constraint.{name}.hard=false" for name in ("joint_position", "joint_velocity", "joint_torque"))
WEIGHTLESS = tuple(word.replace("hard=false", "weight=0") for word in SOFT)
PUSHED = ("parameter.controls.noise=3.0",)


def constrained(*words: str, kind: str = "levenberg_marquardt", iterations: int = 50, **rounds: Any) -> tuple[Loop, Any]:
    _, task = configured(*words)
    method = make_method({"kind": kind}, {"kind": "constant"}, iterations, 0)
    loop = optimization(task, method, Stop(iterations=iterations), rounds=Rounds(**rounds), signals=False)
    return loop, loop.problem


def priced(problem: TaskProblem) -> np.ndarray:
    """Multipliers and weights that are none of the first round's, at a point where some of everything is violated; the point."""
    random = np.random.default_rng(3)
    with torch.no_grad():
        problem.task.constraints.next_round(problem.task.simulate()[0])
    for _, _, law in problem.task.constraints.laws():
        law.weight = 7.0
        law.multipliers = law.multipliers + 0.5 * torch.from_numpy(random.standard_normal(law.multipliers.shape))
    return point(problem.groups)


@pytest.mark.parametrize("soft", [(), SOFT])
def test_gradients_are_those_of_differences(soft: tuple[str, ...]) -> None:
    problem = constrained(*KNOTS, *PUSHED, *HARD, *soft)[1]
    x = priced(problem)
    problem.evaluate()
    assert all(problem.latest.terms[name] > 1e-6 for name in problem.task.constraints.all), "each is violated here"
    gradient, random = problem.latest.gradient, np.random.default_rng(5)
    for _ in range(4):
        direction, values = random.standard_normal(len(x)), []
        for side in (1.0, -1.0):
            move(problem.groups, x + side * 1e-6 * direction)
            values.append(problem.evaluate(gradient=False))
        assert gradient @ direction == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-6)


def test_candidates_residuals_and_values_are_one_objective() -> None:
    problem = constrained(*KNOTS, *PUSHED, *HARD)[1]
    x = priced(problem)
    value, gradient = problem.evaluate(), problem.latest.gradient
    blocks = problem.linearize()
    assert 0.5 * sum(float(block.r @ block.r) for block in blocks) == pytest.approx(value, rel=1e-12)
    assert problem.normal(blocks).gradient() == pytest.approx(gradient, rel=1e-8, abs=1e-10)
    assert problem.values(np.stack([x, x + 0.1]))[0] == pytest.approx(value, rel=1e-12)


def test_in_a_batch_a_price_is_the_mean_over_environments_and_multipliers_are_their_own() -> None:
    problem = constrained(*KNOTS, *PUSHED, *HARD, "task.envs=3", "task.spread_qpos=0.2")[1]
    x = priced(problem)
    problem.evaluate()
    gradient, random = problem.latest.gradient, np.random.default_rng(5)
    direction, values = random.standard_normal(len(x)), []
    for side in (1.0, -1.0):
        move(problem.groups, x + side * 1e-6 * direction)
        values.append(problem.evaluate(gradient=False))
    assert gradient @ direction == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-6)
    law = problem.task.constraints.all["joint_torque"].laws[0]
    assert law.multipliers.shape == (20, 3, 2)
    move(problem.groups, x)
    assert problem.values(x[None])[0] == pytest.approx(problem.evaluate(), rel=1e-12)
    with torch.no_grad():  # of two environments: the prices of these, by their own multipliers
        left = problem.task.judge(without=(1,)).terms
        apart = [problem.task.judge(without=gone).terms for gone in ((1, 2), (0, 1))]
    for name in problem.task.constraints.all:
        assert float(left[name]) == pytest.approx(0.5 * sum(float(one[name]) for one in apart), rel=1e-12)


def test_stage_costs_of_ddp_have_the_prices_in_them() -> None:
    problem = constrained(*STEPS, *PUSHED, *HARD, "parameter.controls.bounds=null", kind="ddp")[1]
    priced(problem)
    control = problem.optimal_control()
    model, value = control.expand(control.start())
    costate, made = model.lx[-1], np.empty_like(model.lu)
    for t in range(len(model.a) - 1, -1, -1):
        made[t] = model.lu[t] + model.b[t].T @ costate
        costate = model.lx[t] + model.a[t].T @ costate
    assert value == pytest.approx(problem.evaluate(), rel=1e-12)
    assert made.reshape(-1) == pytest.approx(problem.latest.gradient, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize(("words", "kind"), [(KNOTS, "levenberg_marquardt"), (KNOTS, "lbfgs"), (STEPS, "ddp"), (KNOTS, "lbfgsb")])
def test_limits_hold_at_the_end_and_bind_where_the_free_optimum_breaks_them(words: tuple[str, ...], kind: str) -> None:
    free = constrained(*words, *HARD, *SOFT, *WEIGHTLESS, kind=kind, iterations=200)[0].run()
    loop, problem = constrained(*words, *HARD, kind=kind, iterations=60)
    assert isinstance(problem, ConstrainedProblem)
    result = loop.run()
    assert result.reason == HOLD or result.reason.startswith("every"), result.reason
    names = ("joint_position_violation_rad", "joint_velocity_violation_rad_per_s", "joint_torque_violation_Nm")
    assert set(names) <= set(result.tolerances) and all(result.metrics[name] <= 1e-6 for name in names)
    assert all(one["holds"] for one in result.summary["constraints"].values())
    assert result.objective_best > free.objective_best and sum(free.metrics[name] > 0.01 for name in names) >= 2
    with torch.no_grad():
        terms = problem.task.judge().terms
    assert result.objective_best == pytest.approx(sum(float(terms[name]) for name in problem.task.own_losses), rel=1e-12), (
        "the cost, without the prices of violations"
    )


def test_what_cannot_hold_ends_with_the_least_violation_and_its_place() -> None:
    """|torque| ≤ 1 and a start that falls: the velocity must exceed a limit that gravity alone drives it through."""
    loop, _ = constrained(*KNOTS, "constraint=limits", "constraint.joint_position=null",
                          "constraint.joint_velocity.limit=[0.05,9.0]", "constraint.joint_torque.limit=[0.5,0.5]")  # fmt: skip
    result = loop.run()
    assert result.status == "not_converged" and not result.succeeded
    assert "constraints do not hold: joint_velocity_violation_rad_per_s" in result.reason
    worst = result.summary["constraints"]["joint_velocity_violation_rad_per_s"]
    assert not worst["holds"] and worst["of"] == "shoulder" and 1 <= worst["step"] <= 20
    assert worst["violation"] == pytest.approx(result.metrics["joint_velocity_violation_rad_per_s"])
    assert f"step {worst['step']}" in worst["text"] and "violated by" in worst["text"]
    assert len(result.stages) < 20, "not all rounds are gone through in vain"


def test_soft_constraints_are_terms_and_decide_nothing() -> None:
    loop, problem = constrained(*KNOTS, *PUSHED, *HARD, *SOFT, "constraint.joint_torque.weight=3")
    assert type(problem) is TaskProblem and not any("violation" in name for name in problem.tolerances)
    with torch.no_grad():
        judged = problem.task.judge()
    torque = judged.trajectory.controller_force
    off = (torque.abs() - torch.tensor([4.0, 2.0], dtype=torch.float64)).clamp(min=0.0) / torch.tensor([4.0, 2.0])
    assert float(judged.terms["joint_torque"]) == pytest.approx(3.0 * float(off.square().mean()), rel=1e-9)
    assert problem.task.metrics(judged.trajectory)["joint_torque_violation_Nm"] > 0.0


@pytest.mark.parametrize("kind", ["levenberg_marquardt", "ddp", "lbfgsb"])
def test_going_on_from_a_checkpoint_is_bit_identical(kind: str, tmp_path: Path) -> None:
    words = STEPS if kind == "ddp" else KNOTS
    stopped = Verdict(INTERRUPTED, "asked")

    def run(folder: Path, stop_at: int | None, resume: bool = False) -> Any:
        loop, problem = constrained(*words, *HARD, kind=kind, iterations=7, rounds=4)
        loop.checkpoint_every = 1
        if resume:
            loop.load(load_checkpoint(folder))
        elif stop_at is not None:
            loop.observers = [lambda report: stopped if report.iteration == stop_at else None]
        loop.record = Record(folder, RecordOptions(tensorboard=False))
        return loop.run(), point(problem.groups)

    whole, best = run(tmp_path / "whole", None)
    assert len(whole.stages) > 2
    for where in (3, whole.stages[0]["iterations"] + 1, whole.iterations - 1):
        run(tmp_path / str(where), where)
        result, found = run(tmp_path / str(where), None, resume=True)
        assert np.array_equal(found, best) and result.objective_best == whole.objective_best
        assert (result.iterations, result.reason, result.stages) == (whole.iterations, whole.reason, whole.stages)


def test_motions_in_pieces_keep_constraints_too() -> None:
    _, task = configured(*KNOTS, *HARD)
    method = make_method({"kind": "levenberg_marquardt"}, {"kind": "constant"}, 60, 0)
    loop = optimization(task, method, Stop(iterations=60), shooting=MultipleShooting(segments=4), signals=False)
    assert isinstance(loop.problem, ShootingProblem)
    result = loop.run()
    assert all(one["holds"] for one in result.summary["constraints"].values()), result.summary["constraints"]
    assert result.metrics["joint_torque_violation_Nm"] <= 1e-6


def test_jobs_of_one_batch_refuse_constraints() -> None:
    class Together(TaskProblem):
        """Stands for the part of a batch."""

    _, task = configured(*KNOTS, *HARD)
    method = make_method({"kind": "lbfgs"}, {"kind": "constant"}, 5, 0)
    with pytest.raises(InputError, match=r"constraint\.joint_position: jobs of launcher=batched take losses alone"):
        optimization(task, method, Stop(), problem=Together, signals=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [(("constraint.joint_torque.low=1.0",), r"constraint\.joint_torque: limit is ±limit, and low and high are given too"),
     (("constraint.joint_torque.margin=5.0",), r"constraint\.joint_torque: nothing is left of the range of shoulder: \[1, -1\]"),
     (("constraint.joint_torque.joints=[ellbow]",), "elbow"),
     (("constraint.joint_torque.at=[0.5,0.2]",), r"constraint\.joint_torque: at is"),
     (("constraint.joint_velocity.limit=null",), r"constraint\.joint_velocity: shoulder has no limit in the robot's file"),
     (("+loss.joint_torque={kind: control_effort}",), r"constraint\.joint_torque: there is a loss of this name")],
)  # fmt: skip
def test_wrong_constraints_are_named(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        configured(*KNOTS, *HARD, *words)


def test_a_start_that_violates_little_does_not_end_rounds_that_come_closer() -> None:
    rounds = constrained(*KNOTS, *HARD)[1].rounds
    for _, _, law in rounds.constraints.laws():
        law.weight = 1e4 * law.first
    rounds.worst = [1000.0, 3000.0, 2500.0, 1800.0, 950.0]
    assert not rounds.stuck(), "the start violates less than a low price leaves"
    rounds.worst += [940.0, 935.0, 931.0, 930.0]
    assert rounds.stuck(), "more weight brings it no closer"
