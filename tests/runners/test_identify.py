"""One identification from start to answer: result, history, interruption, going on, rounds, starts, mini-batches."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError, InputError, UnknownNameError
from genesis.observations import Smoothing
from genesis.problems.problem import CONVERGED, INTERRUPTED, NOT_CONVERGED, PRUNED, Verdict
from genesis.runners.checkpoint import load_checkpoint
from genesis.runners.identify import resume
from genesis.runners.loop import Loop, Stop
from genesis.runners.report import to_json
from genesis.sysid import answer
from genesis.sysid import identification as module
from genesis.sysid.answer import Asked, identified_parameters
from genesis.sysid.build import problem_of
from genesis.sysid.identification import Starts, SysidProblem
from genesis.sysid.residuals import of_windows
from genesis.sysid.shooting import Shooting
from tests.runners.identified import ended, identify, stop_after
from tests.sysid.problems import (
    ARM,
    PARAMETERS,
    TRUTH,
    joint_dataset,
    joint_problem,
    recorded,
    setting_for,
    truth,
    whole,
)

pytestmark = pytest.mark.usefixtures("engine")
GAPS = PARAMETERS | {"start": {"kind": "start_state", "position_std": 0.05, "velocity_std": 0.5}}
FEW = Shooting(window=0.1, mini_batch=3, whole_every=4)
METHODS: dict[str, tuple[dict[str, Any], Shooting, Stop]] = {
    "levenberg_marquardt": ({}, Shooting(window=0.5), Stop()),
    "adam": ({"lr": 0.05}, FEW, Stop(14)),
    "lbfgsb": ({}, Shooting(window=0.5), Stop(10)),
    "least_squares": ({}, Shooting(window=0.5), Stop()),
    "cmaes": ({"population": 6}, Shooting(window=0.5), Stop(6)),
}


@pytest.fixture(scope="module")
def run(engine):
    return recorded(ARM, truth=truth(), noise=1e-3)


def test_result(run) -> None:
    held = recorded(ARM, truth=truth(), noise=1e-3, seed=7, name="held", split="validation")
    problem = joint_problem(ARM, PARAMETERS, [run, held])
    told: list = []
    loop = identify(problem, asked=Asked("given", ["mass/*"]), observers=[lambda report: told.append(report)])
    made = ended(loop)
    assert made.status == CONVERGED and made.names == list(TRUTH) == [e.name for e in made.estimates]
    for e in made.estimates:
        assert e.value == pytest.approx(TRUTH[e.name], rel=0.02) and e.low < e.value < e.high and e.note == ""
    costs = [row["objective"] for row in made.history]
    assert made.objective_first == pytest.approx(costs[0]) and made.objective_best == costs[-1]
    assert costs == sorted(costs, reverse=True) and [r["iteration"] for r in made.history] == list(range(made.iterations + 1))
    assert [t.iteration for t in told] == list(range(made.iterations + 1)) and {t.stage for t in told} == {"solve"}
    assert set(told[0].evaluation.norms) == {"mass", "damping"} and set(told[0].evaluation.terms) == {"angle", "speed"}
    _check_fit(made)
    assert made.covariance.shape == (3, 3) and made.identifiable.all()
    assert {"starts", "answer", "loop"} <= set(made.seconds) and made.simulations == problem.simulations > 0
    assert isinstance(loop.problem, SysidProblem)
    values = loop.problem.parameters()
    assert values["link_mass"].tolist() == pytest.approx(whole(ARM, "link_mass", lower=made.estimates[0].value))


def _check_fit(made: Any) -> None:
    """Errors by recording, split and channel are those of the curves; noise is left, that of the start states in it."""
    rows = {(r["recording"], r["split"], r["channel"]): r for r in made.rmse}
    parts = [("run", "train"), ("held", "validation"), ("all", "train"), ("all", "validation")]
    assert set(rows) == {(*part, channel) for part in parts for channel in ("angle", "speed")}
    for (_, _, channel), row in rows.items():
        assert row["before"] > 10.0 * row["after"] and 1e-3 < row["after"] < 3e-2
        assert row["unit"] == ("rad" if channel == "angle" else "rad/s")
    trace = made.traces[0]
    assert (trace.recording, trace.channel, trace.label) == ("run", "angle", "shoulder")
    assert trace.segment_starts.tolist() == [0, 50]
    angles = [t.measured - t.after for t in made.traces if (t.recording, t.channel) == ("run", "angle")]
    assert rows["run", "train", "angle"]["after"] == pytest.approx(np.sqrt(np.mean(np.square(angles))), rel=1e-12)
    assert [w.label for w in made.whiteness] == ["shoulder", "elbow"] * 2


def test_parameters_of_one_recording_are_not_written(run) -> None:
    own = {"mass": PARAMETERS["mass"], "damping": PARAMETERS["damping"] | {"each_recording": True}}
    problem = joint_problem(ARM, own, [run])
    assert set(identified_parameters(problem, problem.z0.numpy())) == {"link_mass"}
    assert problem.names()[1] == "damping/shoulder@run"
    shown = SysidProblem(problem).shown()
    assert shown["damping"].labels() == ["shoulder@run", "elbow@run"] and shown["damping"].value().tolist() == [0.02, 0.02]
    low, high = shown["mass"].bounds()
    assert (low.item(), high.item()) == (0.5, 2.0)


@pytest.mark.parametrize("kind", METHODS)
def test_going_on_is_the_same_as_never_stopping(run, tmp_path, kind: str) -> None:
    """Bit by bit: history, answer, and the lines of metrics, of which none is there twice."""
    options, shooting, stop = METHODS[kind]

    def loop(folder: Path | None = None) -> Loop:
        return identify(joint_problem(ARM, PARAMETERS, [run], shooting), kind, stop, folder, method=options)

    whole_run = ended(loop(tmp_path / "whole"))
    assert "history" not in load_checkpoint(tmp_path / "whole")["problem"], "it would grow with the iterations"
    stopped = ended(stop_after(loop(tmp_path / "parts"), 3))
    assert stopped.status == INTERRUPTED and "resume" in stopped.reason and len(stopped.history) == 3
    assert stopped.objective_best == min(row["objective"] for row in stopped.history if row.get("exact", True))
    second = loop(tmp_path / "parts")
    resume(second, tmp_path / "parts")
    made = ended(second)
    assert made.history == whole_run.history
    assert [e.value for e in made.estimates] == [e.value for e in whole_run.estimates]
    assert (made.status, made.reason, made.objective_best) == (whole_run.status, whole_run.reason, whole_run.objective_best)
    lines = [json.loads(line) for line in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()]
    told = [(line["iteration"], line["objective"]) for line in lines]
    assert told == [(r["iteration"], r["objective"]) for r in whole_run.history]
    assert [number for number, _ in told] == list(range(len(told)))
    again = loop()
    resume(again, tmp_path / "parts")
    once_more = ended(again)
    assert (once_more.objective_best, once_more.history) == (made.objective_best, made.history), "a finished run ends at once"


@pytest.mark.parametrize("stop", [2, 9])
def test_going_on_with_rounds_and_gaps(run, tmp_path, stop: int) -> None:
    """Three rounds with ten times the weight of the gaps each; the stop is in the first or in a later round."""
    shooting = Shooting(window=0.2, continuity=0.1, rounds=3)
    whole_run = identify(joint_problem(ARM, GAPS, [run], shooting))
    expected = ended(whole_run)
    assert whole_run.problem.round == 2 and expected.status == CONVERGED and len(expected.history) > 9
    assert {row["stage"] for row in expected.history} == {f"round {k} of 3" for k in (1, 2, 3)}
    first = stop_after(identify(joint_problem(ARM, GAPS, [run], shooting), folder=tmp_path), stop)
    ended(first)
    assert (first.problem.round > 0) == (stop == 9)
    second = identify(joint_problem(ARM, GAPS, [run], shooting))
    resume(second, tmp_path)
    made = ended(second)
    assert made.history == expected.history and made.objective_best == expected.objective_best
    assert made.objective_first == expected.objective_first > made.objective_best


def test_rounds_close_the_gaps(run) -> None:
    """The gaps left shrink with the weight; the first and the best cost are both under the last weight."""
    left = []
    for rounds in (1, 4):
        shooting = Shooting(window=0.2, continuity=1e-3, rounds=rounds, position_scale=1e-4, velocity_scale=1e-3)
        loop = identify(joint_problem(ARM, GAPS, [run], shooting))
        made = ended(loop)
        problem = loop.problem.problem
        (gap,) = [b for b in of_windows(problem, 1.0).blocks(loop.problem.squares.x, False) if b.label == "gap"]
        left.append(np.sqrt(np.mean(gap.r**2)))
        last = of_windows(problem, 1e-3 * 10.0 ** (rounds - 1))
        assert made.objective_first == pytest.approx(last.cost(last.first())) and made.objective_best < made.objective_first
        assert made.objective_best == pytest.approx(last.cost(loop.problem.squares.x))
    assert left[1] < 0.2 * left[0]


def test_several_starts_end_with_the_best_and_its_verdict(run, tmp_path) -> None:
    """From five starts; a stop in the second one goes on with the others."""
    starts = Starts(candidates=16, keep=4)
    loop = identify(joint_problem(ARM, PARAMETERS, [run]), starts=starts, seed=1)
    expected = ended(loop)
    assert len(loop.stages) == 5 and len(loop.endings) == 5 and expected.status == CONVERGED
    assert expected.objective_best == min(row["objective"] for row in expected.history)
    firsts = [row["objective"] for row in expected.history if row["length"] == 0.0]
    assert firsts[1:] == sorted(firsts[1:]) and len(firsts) == 5, "the best candidates first"
    first = stop_after(identify(joint_problem(ARM, PARAMETERS, [run]), folder=tmp_path, starts=starts, seed=1), 10)
    ended(first)
    assert first.number == 1
    second = identify(joint_problem(ARM, PARAMETERS, [run]), starts=starts, seed=1)
    resume(second, tmp_path)
    made = ended(second)
    assert made.history == expected.history and made.reason == expected.reason
    (tmp_path / "metrics.jsonl").write_text("")
    third = identify(joint_problem(ARM, PARAMETERS, [run]), starts=starts, seed=1)
    resume(third, tmp_path)
    assert third.problem.history == [] and "metrics.jsonl has 0 of the 9 iterations before" in third.problem.warnings[0]


def test_equation_error_begins_near_the_answer() -> None:
    fine = recorded(ARM, truth=truth(), noise=1e-4, dt=0.002, steps=500)

    def solved(**starts: Any) -> Any:
        problem = joint_problem(ARM, PARAMETERS, [fine], dt=0.002, smoothing=Smoothing(15, 3))
        return ended(identify(problem, starts=Starts(**starts)))

    far, near = solved(), solved(equation_error=True)
    assert near.history[0]["objective"] < 0.25 * near.objective_first == 0.25 * far.objective_first
    assert len(near.history) < len(far.history) and near.objective_best == pytest.approx(far.objective_best, rel=1e-6)


def test_a_start_that_cannot_be_simulated(run) -> None:
    """An error that says where; with candidates the best of them takes its place, and that is said."""
    spring = {"kind": "stiffness", "names": ["elbow"], "init": 1e6, "log": True, "bounds": [1e-3, 1e6]}
    parameters = {"spring": spring, "damping": PARAMETERS["damping"], "mass": PARAMETERS["mass"]}
    with pytest.raises(DivergenceError, match="run: the simulation of the window that starts at 0 s diverged after .* tighter"):
        ended(identify(joint_problem(ARM, parameters, [run])))
    made = ended(identify(joint_problem(ARM, parameters, [run]), starts=Starts(candidates=16, keep=2)))
    assert math.isinf(made.objective_first) and made.warnings[0].startswith("The start cannot be simulated;")
    told = {e.name: e.value for e in made.estimates}
    assert told["mass/lower"] == pytest.approx(TRUTH["mass/lower"], rel=0.02) and told["spring/elbow"] < 0.1
    assert json.dumps(to_json(made), allow_nan=False) and np.isnan(made.traces[0].before).any()


def test_a_failure_on_the_way_keeps_what_was_found(run, monkeypatch) -> None:
    loop = identify(joint_problem(ARM, PARAMETERS, [run]))
    squares, real = loop.problem.squares, loop.problem.squares.residuals.made
    asked = []

    def breaks(x, jacobian):
        asked.append(jacobian)
        if sum(asked) > 3:
            raise DivergenceError("in the middle of it")
        return real(x, jacobian)

    monkeypatch.setattr(squares.residuals, "made", breaks)
    monkeypatch.setattr(module, "answer_of", lambda residuals, *more: _answer(residuals, real, more))
    made = ended(loop)
    assert (made.status, made.reason) == (NOT_CONVERGED, "in the middle of it")
    assert made.objective_best < 0.1 * made.objective_first and len(made.history) == 3


def _answer(residuals: Any, made: Any, more: Any) -> Any:
    from genesis.sysid.answer import answer_of

    residuals.made = made
    return answer_of(residuals, *more)


STOPS = [
    (Stop(seconds=1e-9), "the 1e-09 seconds are used up", 1),
    (Stop(iterations=2), "the 2 iterations are used up", 3),
    (Stop(patience=1, min_delta=0.9), "no better objective for 1 iterations", 2),
]


@pytest.mark.parametrize(("stop", "reason", "rows"), STOPS, ids=["seconds", "iterations", "patience"])
def test_stops_mean_what_they_mean_everywhere(run, stop: Stop, reason: str, rows: int) -> None:
    made = ended(identify(joint_problem(ARM, PARAMETERS, [run]), stop=stop))
    assert (made.status, made.reason, len(made.history)) == (NOT_CONVERGED, reason, rows)


def test_observers_end_a_run(run) -> None:
    """As pruning does."""

    def prune(report: Any) -> Verdict | None:
        return Verdict(PRUNED, "worse than others") if report.iteration == 2 else None

    made = ended(identify(joint_problem(ARM, PARAMETERS, [run]), observers=[prune]))
    assert (made.status, made.reason, len(made.history)) == (PRUNED, "worse than others", 3)


# ---- what is refused, and what is said


def test_profiles_that_a_stop_leaves_out_are_said(run, monkeypatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(answer, "profile_interval", lambda residuals, best, k, *more: asked.append(k) or (0.5, 2.0))
    problem = joint_problem(ARM, PARAMETERS, [run], Shooting(window=0.5))
    residuals = of_windows(problem)
    start, chosen = residuals.first(), Asked(profile=["*"])
    made = answer.answer_of(residuals, start, start, chosen, chosen.profiled(problem), lambda: len(asked) == 1)
    assert asked == [0] and (made.estimates[0].low, made.estimates[0].high) == (0.5, 2.0)
    (said,) = [text for text in made.warnings if "statistics.profile" in text]
    assert "of damping/shoulder, damping/elbow: their intervals are those of the standard errors" in said
    whole = answer.answer_of(residuals, start, start, chosen, chosen.profiled(problem), lambda: False)
    assert asked == [0, 0, 1, 2] and not any("statistics.profile" in text for text in whole.warnings)


@pytest.mark.parametrize("kind", ["levenberg_marquardt", "least_squares", "lbfgsb", "cmaes"])
def test_rates_of_single_parameters_are_refused_in_the_name_of_the_method(run, kind: str) -> None:
    problem = joint_problem(ARM, PARAMETERS | {"mass": PARAMETERS["mass"] | {"lr": 0.1}}, [run])
    with pytest.raises(InputError, match=f"parameter.mass.lr: {kind} finds one step for all groups"):
        identify(problem, kind)


def test_what_is_refused_is_refused_before_anything_runs(run, tmp_path) -> None:
    problem = joint_problem(ARM, PARAMETERS, [run])
    with pytest.raises(UnknownNameError, match='statistics.profile: unknown parameter "mas/\\*"; known: mass/lower'):
        identify(problem, asked=Asked(profile=["mas/*"]))
    body = joint_problem(ARM, {"body": {"kind": "inertia", "names": ["lower"]}}, [run])
    with pytest.raises(InputError, match="statistics.profile: body/lower.mass is one of several numbers"):
        identify(body, asked=Asked(profile=["*"]))
    free = joint_problem(ARM, GAPS, [run], Shooting(window=0.5, continuity=1.0, mini_batch=2))
    with pytest.raises(InputError, match="cmaes does not estimate start states; switch the parameter of kind start_state off"):
        identify(free, "cmaes")
    with pytest.raises(
        InputError, match="shooting.mini_batch: a gradient of some windows closes no gaps; set shooting.continuity=0"
    ):
        identify(free, "adam")
    with pytest.raises(InputError, match="shooting.mini_batch: .* such as adam; leave it null"):
        identify(joint_problem(ARM, PARAMETERS, [run], FEW))
    assert problem.simulations == body.simulations == free.simulations == 0
    ended(stop_after(identify(problem, folder=tmp_path), 1))
    with pytest.raises(InputError, match="resume needs the same"):
        resume(identify(body), tmp_path)
    with pytest.raises(InputError, match="made by another optimizer .* resume needs the same optimizer"):
        resume(identify(joint_problem(ARM, PARAMETERS, [run]), "adam"), tmp_path)


def test_warnings(run) -> None:
    """Residuals that a wrong model leaves are not white; clusters that are too few; numbers without effect."""
    silent = {"silent": {"kind": "field", "field": "link_inertia", "columns": [0], "names": ["lower"]}}
    wrong = {"damping": PARAMETERS["damping"]} | silent
    made = ended(identify(joint_problem(ARM, wrong, [run]), asked=Asked("residual")))
    assert any("correlated in time" in text and "statistics.errors=auto" in text for text in made.warnings)
    known = ended(identify(joint_problem(ARM, wrong, [run])))
    assert known.errors == "autocorrelated" and not any("correlated in time" in text for text in known.warnings)
    assert "silent/lower[0]: no effect on any residual." in made.warnings
    few = joint_problem(ARM, PARAMETERS, [run], Shooting(window=None))
    made = ended(identify(few, asked=Asked("clustered")))
    assert any(text.startswith("statistics.errors=clustered needs more windows than parameters") for text in made.warnings)


def test_each_recording_has_its_own_and_validation_none() -> None:
    """Two recordings with different biases of their torque sensors; the held-out one is simulated without."""
    runs = [recorded(ARM, truth=truth(), seed=k, name=f"run{k}") for k in range(2)]
    for recording, bias in zip(runs, (0.2, -0.1), strict=True):
        recording.inputs["torque"].values += bias
    held = recorded(ARM, truth=truth(), seed=9, name="held", split="validation")
    dataset = joint_dataset(ARM, [*runs, held])
    parameters = PARAMETERS | {"bias": {"kind": "input_bias", "input": "torque", "tie": True, "each_recording": True}}
    problem = problem_of(setting_for(ARM), dataset, parameters, Shooting(window=0.5))
    made = ended(identify(problem))
    told = {e.name: e.value for e in made.estimates}
    assert [told["bias/all@run0"], told["bias/all@run1"]] == pytest.approx([-0.2, 0.1], abs=1e-6)
    assert told["mass/lower"] == pytest.approx(TRUTH["mass/lower"], rel=1e-6)
    (row,) = [r for r in made.rmse if r["recording"] == "held" and r["channel"] == "angle"]
    assert row["after"] < 1e-6 < row["before"] and torch.isfinite(problem.z0).all()


def test_start_states_that_nobody_asked_for_are_free_but_for_methods_of_values(run) -> None:
    dataset = joint_dataset(ARM, [run])
    made = problem_of(setting_for(ARM), dataset, PARAMETERS, Shooting(window=0.5), free_starts=True)
    assert made.nt == 4 and np.isfinite(made.start_std).all() and (made.start_std > 0.0).all()
    assert problem_of(setting_for(ARM), dataset, PARAMETERS, Shooting(window=0.5)).nt == 0
    identify(made)
    assert made.nt == 4
    free = made.start_std
    identify(made, "cmaes")
    assert made.nt == 0 and np.array_equal(made.start_std, free)
