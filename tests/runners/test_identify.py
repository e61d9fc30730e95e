"""One identification from start to answer: result, history, interruption, going on, rounds, starts."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError, InputError, UnknownNameError
from genesis.observations import Smoothing
from genesis.runners.identify import CONVERGED, INTERRUPTED, NOT_CONVERGED, Identify, Plan, identified_parameters
from genesis.runners.record import Journal, load_checkpoint
from genesis.runners.report import to_json
from genesis.sysid.build import problem_of
from genesis.sysid.linearization import Point
from genesis.sysid.shooting import Shooting
from genesis.sysid.solvers import make_solver
from tests.sysid.problems import joint_dataset, joint_problem, recorded, setting_for, whole
from tests.sysid.test_solvers import ARM, PARAMETERS, TRUTH, truth

pytestmark = pytest.mark.usefixtures("engine")
GAPS = PARAMETERS | {"start": {"kind": "start_state", "position_std": 0.05, "velocity_std": 0.5}}
SOLVERS: dict[str, dict[str, Any]] = {
    "levenberg_marquardt": {},
    "adam": {"iterations": 12, "windows": 2, "every": 2},
    "cmaes": {"iterations": 6, "population": 6},
}


@pytest.fixture(scope="module")
def run(engine):
    return recorded(ARM, truth=truth(), noise=1e-3)


def identify(problem: Any, kind: str = "levenberg_marquardt", folder: Path | None = None, plan: Plan | None = None, **options):
    journal = None if folder is None else Journal(folder)
    return Identify(problem, make_solver({"kind": kind, **SOLVERS.get(kind, {}), **options}, 0), plan or Plan(), journal)


def started(made: Identify) -> Identify:
    if made.record is not None:
        made.record.open(len(made.history))
    return made


def stop_after(made: Identify, rows: int) -> Identify:
    """As if a signal came in that iteration."""
    made.observer = lambda told: setattr(made.interrupt, "asked", told.iteration + 1 >= rows)
    return made


def test_result(run) -> None:
    held = recorded(ARM, truth=truth(), noise=1e-3, seed=7, name="held", split="validation")
    problem = joint_problem(ARM, PARAMETERS, [run, held])
    told: list = []
    made = identify(problem, plan=Plan(errors="given", profile=["mass/*"]))
    made.observer = told.append
    found = made.run()
    assert found.status == CONVERGED and found.names == list(TRUTH) == [e.name for e in found.estimates]
    for e in found.estimates:
        assert e.value == pytest.approx(TRUTH[e.name], rel=0.02) and e.low < e.value < e.high and e.note == ""
    assert found.cost_first == pytest.approx(found.history[0]["cost"]) and found.cost_best == found.history[-1]["cost"]
    costs = [row["cost"] for row in found.history]
    assert costs == sorted(costs, reverse=True) and [r["iteration"] for r in found.history] == list(range(found.iterations))
    assert [t.iteration for t in told] == list(range(found.iterations)) and told[-1].first == found.cost_first
    _check_fit(found)
    assert found.covariance.shape == (3, 3) and found.identifiable.all()
    assert set(found.seconds) == {"starts", "solve", "answer"} and found.simulations == problem.simulations > 0
    values = identified_parameters(problem, made.best[1])
    assert values["link_mass"].tolist() == pytest.approx(whole(ARM, "link_mass", lower=found.estimates[0].value))


def _check_fit(found: Any) -> None:
    """Errors by recording, split and channel are those of the curves; noise is left, that of the start states in it."""
    rows = {(r["recording"], r["split"], r["channel"]): r for r in found.rmse}
    parts = [("run", "train"), ("held", "validation"), ("all", "train"), ("all", "validation")]
    assert set(rows) == {(*part, channel) for part in parts for channel in ("angle", "speed")}
    for (_, _, channel), row in rows.items():
        assert row["before"] > 10.0 * row["after"] and 1e-3 < row["after"] < 3e-2
        assert row["unit"] == ("rad" if channel == "angle" else "rad/s")
    trace = found.traces[0]
    assert (trace.recording, trace.channel, trace.label) == ("run", "angle", "shoulder")
    assert trace.segment_starts.tolist() == [0, 50]
    angles = [t.measured - t.after for t in found.traces if (t.recording, t.channel) == ("run", "angle")]
    assert rows["run", "train", "angle"]["after"] == pytest.approx(np.sqrt(np.mean(np.square(angles))), rel=1e-12)
    assert [w.label for w in found.whiteness] == ["shoulder", "elbow"] * 2


def test_parameters_of_one_recording_are_not_written(run) -> None:
    own = {"mass": PARAMETERS["mass"], "damping": PARAMETERS["damping"] | {"each_recording": True}}
    problem = joint_problem(ARM, own, [run])
    assert set(identified_parameters(problem, Point(problem.z0.numpy()))) == {"link_mass"}
    assert problem.names()[1] == "damping/shoulder@run"


@pytest.mark.parametrize("kind", SOLVERS)
def test_going_on_is_the_same_as_never_stopping(run, tmp_path, kind: str) -> None:
    """Bit by bit: history, answer, and the lines of metrics."""
    problem = joint_problem(ARM, PARAMETERS, [run])
    whole_run = started(identify(problem, kind, tmp_path / "whole")).run()
    first = stop_after(started(identify(problem, kind, tmp_path / "parts")), 3)
    stopped = first.run()
    first.record.close()
    assert stopped.status == INTERRUPTED and "resume" in stopped.reason and len(stopped.history) == 3
    assert stopped.cost_best == min(row["cost"] for row in stopped.history)
    second = identify(joint_problem(ARM, PARAMETERS, [run]), kind, tmp_path / "parts")
    second.load(load_checkpoint(tmp_path / "parts"))
    found = started(second).run()
    assert repr(found.history) == repr(whole_run.history)  # with NaN where a solver has no such number
    assert [e.value for e in found.estimates] == [e.value for e in whole_run.estimates]
    assert (found.status, found.reason, found.cost_best) == (whole_run.status, whole_run.reason, whole_run.cost_best)
    second.record.close()
    lines = [json.loads(line) for line in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()]
    assert [(line["iteration"], line["cost"]) for line in lines] == [(r["iteration"], r["cost"]) for r in whole_run.history]
    again = identify(joint_problem(ARM, PARAMETERS, [run]), kind)
    again.load(load_checkpoint(tmp_path / "parts"))
    once_more = again.run()
    assert (once_more.cost_best, once_more.iterations) == (found.cost_best, found.iterations), "a finished run ends at once"


@pytest.mark.parametrize("stop", [2, 9])
def test_going_on_with_rounds_and_gaps(run, tmp_path, stop: int) -> None:
    """Three rounds with ten times the weight of the gaps each; the stop is in the first or in a later round."""
    shooting = Shooting(window=0.2, continuity=0.1, rounds=3)
    whole_run = identify(joint_problem(ARM, GAPS, [run], shooting))
    expected = whole_run.run()
    assert whole_run.round == 2 and expected.status == CONVERGED and len(expected.history) > 9
    first = stop_after(started(identify(joint_problem(ARM, GAPS, [run], shooting), folder=tmp_path)), stop)
    first.run()
    assert (first.round > 0) == (stop == 9)
    second = identify(joint_problem(ARM, GAPS, [run], shooting))
    second.load(load_checkpoint(tmp_path))
    found = second.run()
    assert found.history == expected.history and found.cost_best == expected.cost_best
    assert found.cost_first == expected.cost_first > found.cost_best


def test_rounds_close_the_gaps(run) -> None:
    """The gaps left shrink with the weight; the first and the best cost are both under the last weight."""
    from genesis.sysid.linearization import evaluate

    left = []
    for rounds in (1, 4):
        shooting = Shooting(window=0.2, continuity=1e-3, rounds=rounds, position_scale=1e-4, velocity_scale=1e-3)
        made = identify(joint_problem(ARM, GAPS, [run], shooting))
        found = made.run()
        (gap,) = [b for b in evaluate(made.problem, made.best[1], False, 1.0) if b.label == "gap"]
        left.append(np.sqrt(np.mean(gap.r**2)))
        assert found.cost_best < found.cost_first
    assert left[1] < 0.2 * left[0]


def test_several_starts_end_with_the_best_and_its_verdict(run, tmp_path) -> None:
    """From five starts; a stop in the second one goes on with the others."""
    plan = Plan(candidates=16, keep=4, seed=1)
    made = identify(joint_problem(ARM, PARAMETERS, [run]), plan=plan)
    expected = made.run()
    assert len(made.starts) == 5 and len(made.verdicts) == 5 and expected.status == CONVERGED
    assert expected.cost_best == min(row["cost"] for row in expected.history)
    firsts = [row["cost"] for row in expected.history if row["step"] == 0.0]
    assert firsts[1:] == sorted(firsts[1:]) and len(firsts) == 5, "the best candidates first"
    first = stop_after(started(identify(joint_problem(ARM, PARAMETERS, [run]), folder=tmp_path, plan=plan)), 10)
    first.run()
    assert first.start == 1
    second = identify(joint_problem(ARM, PARAMETERS, [run]), plan=plan)
    second.load(load_checkpoint(tmp_path))
    found = second.run()
    assert found.history == expected.history and found.reason == expected.reason


def test_equation_error_begins_near_the_answer() -> None:
    fine = recorded(ARM, truth=truth(), noise=1e-4, dt=0.002, steps=500)

    def solved(**plan: Any) -> Any:
        problem = joint_problem(ARM, PARAMETERS, [fine], dt=0.002, smoothing=Smoothing(15, 3))
        return identify(problem, plan=Plan(**plan)).run()

    far, near = solved(), solved(equation_error=True)
    assert near.history[0]["cost"] < 0.25 * near.cost_first == 0.25 * far.cost_first
    assert len(near.history) < len(far.history) and near.cost_best == pytest.approx(far.cost_best, rel=1e-6)


def test_a_start_that_cannot_be_simulated(run) -> None:
    """An error that says where; with candidates the best of them takes its place, and that is said."""
    spring = {"kind": "stiffness", "names": ["elbow"], "init": 1e6, "log": True, "bounds": [1e-3, 1e6]}
    parameters = {"spring": spring, "damping": PARAMETERS["damping"], "mass": PARAMETERS["mass"]}
    with pytest.raises(DivergenceError, match="run: the simulation of the window that starts at 0 s diverged after .* tighter"):
        identify(joint_problem(ARM, parameters, [run])).run()
    found = identify(joint_problem(ARM, parameters, [run]), plan=Plan(candidates=16, keep=2)).run()
    assert math.isinf(found.cost_first) and found.warnings[0].startswith("The start cannot be simulated;")
    told = {e.name: e.value for e in found.estimates}
    assert told["mass/lower"] == pytest.approx(TRUTH["mass/lower"], rel=0.02) and told["spring/elbow"] < 0.1
    assert json.dumps(to_json(found), allow_nan=False) and np.isnan(found.traces[0].before).any()


def test_a_failure_on_the_way_keeps_what_was_found(run, tmp_path) -> None:
    problem = joint_problem(ARM, PARAMETERS, [run])
    made = started(identify(problem, folder=tmp_path))
    solver = made.solver

    class Breaks:
        def run(self, squares, start, after, state=None):
            solver.iterations = 2
            solver.run(squares, start, after, state)
            raise DivergenceError("in the middle of it")

    made.solver = Breaks()
    found = made.run()
    assert (found.status, found.reason) == (NOT_CONVERGED, "in the middle of it")
    assert found.cost_best < 0.1 * found.cost_first and found.iterations == 3


def test_seconds_are_a_limit(run) -> None:
    found = identify(joint_problem(ARM, PARAMETERS, [run]), plan=Plan(seconds=0.0)).run()
    assert (found.status, found.reason, found.iterations) == (NOT_CONVERGED, "the 0 seconds are used up", 1)


def test_what_is_refused_is_refused_before_anything_runs(run, tmp_path) -> None:
    problem = joint_problem(ARM, PARAMETERS, [run])
    with pytest.raises(UnknownNameError, match='statistics.profile: unknown parameter "mas/\\*"; known: mass/lower'):
        identify(problem, plan=Plan(profile=["mas/*"]))
    body = joint_problem(ARM, {"body": {"kind": "inertia", "names": ["lower"]}}, [run])
    with pytest.raises(InputError, match="statistics.profile: body/lower.mass is one of several numbers"):
        identify(body, plan=Plan(profile=["*"]))
    made = stop_after(started(identify(problem, folder=tmp_path)), 1)
    made.run()
    with pytest.raises(InputError, match="resume needs the same"):
        identify(body).load(load_checkpoint(tmp_path))
    with pytest.raises(InputError, match="its solver_kind are LevenbergMarquardt, those of this config Adam"):
        identify(problem, "adam").load(load_checkpoint(tmp_path))
    assert problem.simulations == made.problem.simulations


def test_warnings(run) -> None:
    """Residuals that a wrong model leaves are not white; clusters that are too few; numbers without effect."""
    silent = {"silent": {"kind": "field", "field": "link_inertia", "columns": [0], "names": ["lower"]}}
    found = identify(joint_problem(ARM, {"damping": PARAMETERS["damping"]} | silent, [run])).run()
    assert any("correlated in time" in text and "statistics.errors=clustered" in text for text in found.warnings)
    assert "silent/lower[0]: no effect on any residual." in found.warnings
    few = joint_problem(ARM, PARAMETERS, [run], Shooting(window=None))
    found = identify(few, plan=Plan(errors="clustered")).run()
    assert any(text.startswith("statistics.errors=clustered needs more windows than parameters") for text in found.warnings)


def test_each_recording_has_its_own_and_validation_none() -> None:
    """Two recordings with different biases of their torque sensors; the held-out one is simulated without."""
    runs = [recorded(ARM, truth=truth(), seed=k, name=f"run{k}") for k in range(2)]
    for recording, bias in zip(runs, (0.2, -0.1), strict=True):
        recording.inputs["torque"].values += bias
    held = recorded(ARM, truth=truth(), seed=9, name="held", split="validation")
    dataset = joint_dataset(ARM, [*runs, held])
    parameters = PARAMETERS | {"bias": {"kind": "input_bias", "input": "torque", "tie": True, "each_recording": True}}
    problem = problem_of(setting_for(ARM), dataset, parameters, Shooting(window=0.5))
    found = identify(problem).run()
    told = {e.name: e.value for e in found.estimates}
    assert [told["bias/all@run0"], told["bias/all@run1"]] == pytest.approx([-0.2, 0.1], abs=1e-6)
    assert told["mass/lower"] == pytest.approx(TRUTH["mass/lower"], rel=1e-6)
    (row,) = [r for r in found.rmse if r["recording"] == "held" and r["channel"] == "angle"]
    assert row["after"] < 1e-6 < row["before"] and torch.isfinite(problem.z0).all()
