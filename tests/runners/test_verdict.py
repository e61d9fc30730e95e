"""The end of an identification: fits that are bad, restarts that go lower, windows that grow, beginning at another run."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.methods.method import move
from genesis.problems.problem import CONVERGED, DOES_NOT_FIT, INTERRUPTED, NOT_CONVERGED
from genesis.runners.identify import resume
from genesis.runners.loop import Stop
from genesis.runners.report import fit_lines, to_json, verdict
from genesis.sysid.restart import restarted
from genesis.sysid.shooting import Shooting
from genesis.sysid.warm_start import begin_at
from tests.runners.identified import ended, identify, stop_after
from tests.sysid.problems import ARM, PARAMETERS, TRUTH, joint_problem, recorded, truth

pytestmark = pytest.mark.usefixtures("engine")
GROWING = Shooting(curriculum=[0.1, 0.25, 0.5])
FREE = PARAMETERS | {"start": {"kind": "start_state", "position_std": 0.05, "velocity_std": 0.5}}


@pytest.fixture(scope="module")
def run(engine):
    return recorded(ARM, truth=truth(), noise=1e-3)


def values(made: Any) -> list[float]:
    return [e.value for e in made.estimates]


# ---- fits


def test_a_wrong_log_does_not_fit_and_the_right_one_does(run) -> None:
    wrong = recorded(ARM, truth=truth(), noise=1e-3, size=2.0, start=(np.pi, 0.0))
    right = ended(identify(joint_problem(ARM, PARAMETERS, [deepcopy(wrong)])))
    assert right.status == CONVERGED and right.fit.trusted and right.fit.cause == "" and right.fit.chi2 < 50.0
    assert values(right) == pytest.approx(list(TRUTH.values()), rel=0.05)
    wrong.inputs["torque"].values = -wrong.inputs["torque"].values
    made = ended(identify(joint_problem(ARM, PARAMETERS, [wrong])))
    assert made.status == DOES_NOT_FIT and made.fit.chi2 > 1e3
    assert "likeliest cause: the torque of shoulder seems to have the opposite sign" in made.reason
    first, *others = [sentence for sentence in verdict(made) if sentence.tone == "bad"]
    assert first.text.startswith("Does not fit after ") and "opposite sign" in first.text and others
    assert to_json(made)["fit"]["cause"] == made.fit.cause and len(fit_lines(made)) == 2
    assert fit_lines(made)[0].startswith(
        f"fit of angle: {made.fit.channels[0].residual:.3g} sigma (from the data: 0.001 rad), chi² "
    )


def test_a_bound_in_the_way_is_not_converged(run) -> None:
    tight = PARAMETERS | {"mass": PARAMETERS["mass"] | {"bounds": [0.5, 1.2]}}
    made = ended(identify(joint_problem(ARM, tight, [run], sigma=0.1)))
    assert made.status == NOT_CONVERGED and made.reason.startswith(
        "mass/lower is at its upper bound of 1.2 kg; the data want it beyond"
    )


# ---- restarts


def test_an_answer_that_a_restart_leaves_is_not_the_answer(run) -> None:
    """A method that ends far too early: the descent goes on from there, twice the same."""
    best = ended(identify(joint_problem(ARM, PARAMETERS, [run])))
    assert "restart" not in best.reason

    def early() -> Any:
        return ended(identify(joint_problem(ARM, PARAMETERS, [run]), method={"cost_tolerance": 0.999}))

    made, again = early(), early()
    assert len(made.history) < len(best.history) and made.status == CONVERGED
    assert "a restart from the answer went lower: objective " in made.reason and " standard deviations" in made.reason
    assert made.objective_best == pytest.approx(best.objective_best, rel=1e-6)
    assert made.objective_best < 0.9 * made.history[-1]["objective"]
    assert values(made) == pytest.approx(values(best), rel=1e-3)
    assert (values(made), made.objective_best, made.reason) == (values(again), again.objective_best, again.reason)


def test_a_restart_leaves_the_leaves_and_stops_when_asked(run) -> None:
    loop = identify(joint_problem(ARM, PARAMETERS, [run]))
    ended(loop)
    squares = loop.problem.squares
    best = squares.x
    deviation = np.full(3, 0.01)
    assert restarted(squares, deviation, lambda: False) is None and np.array_equal(squares.x, best)
    move(squares.groups, best + [0.2, 0.1, 0.0])
    away = squares.x
    assert restarted(squares, deviation, lambda: True) is None
    found = restarted(squares, deviation, lambda: False)
    assert found is not None and found.ended and found.value < found.before and np.array_equal(squares.x, away)
    assert found.x == pytest.approx(best, rel=1e-3) and found.name == "mass/lower" and found.moved == pytest.approx(20.0, rel=0.1)
    unknown = restarted(squares, np.full(3, np.nan), lambda: False)
    assert unknown is not None and unknown.moved == 0.0, "the cost alone tells"


# ---- windows that grow


@pytest.mark.parametrize("parameters", [PARAMETERS, FREE], ids=["measured starts", "free starts"])
def test_windows_grow_and_the_last_tell(run, tmp_path, parameters) -> None:
    plain = ended(identify(joint_problem(ARM, parameters, [run], Shooting(window=0.5))))
    loop = identify(joint_problem(ARM, parameters, [run], GROWING))
    made = ended(loop)
    stages = list(dict.fromkeys(row["stage"] for row in made.history))
    assert stages == ["windows of 0.1 s", "windows of 0.25 s", "windows of 0.5 s"] and made.status == CONVERGED
    assert made.objective_best == pytest.approx(plain.objective_best, rel=1e-6) and made.objective_first == plain.objective_first
    assert values(made) == pytest.approx(values(plain), rel=1e-4)
    heads = [next(row["objective"] for row in made.history if row["stage"] == stage) for stage in stages]
    assert heads[2] < 0.01 * plain.objective_first, "the last windows begin at the answer of the ones before"
    halt = next(k for k, row in enumerate(made.history) if row["stage"] == stages[1]) + 2
    first = stop_after(identify(joint_problem(ARM, parameters, [run], GROWING), folder=tmp_path), halt)
    stopped = ended(first)
    assert stopped.status == INTERRUPTED and len({t.segment_starts.size for t in stopped.traces}) == 1
    second = identify(joint_problem(ARM, parameters, [run], GROWING))
    resume(second, tmp_path)
    went_on = ended(second)
    assert went_on.history == made.history and values(went_on) == values(made) and went_on.reason == made.reason
    assert second.problem.problem.simulations >= loop.problem.problem.simulations


def test_a_run_that_ends_early_is_judged_by_the_last_windows(run) -> None:
    loop = identify(joint_problem(ARM, PARAMETERS, [run], GROWING), stop=Stop(seconds=0.0))
    made = ended(loop)
    assert made.status == NOT_CONVERGED and made.objective_best == pytest.approx(made.objective_first)
    assert made.traces[0].segment_starts.tolist() == [0, 50]


@pytest.mark.parametrize("lengths", [[], [0.5], [0.5, 0.25], [0.1, 0.1], [0.0, 0.1]])
def test_windows_that_do_not_grow(lengths) -> None:
    with pytest.raises(InputError, match="shooting.curriculum: .*at least two lengths of windows"):
        Shooting(curriculum=lengths)
    with pytest.raises(InputError, match="shooting.mini_batch"):
        Shooting(curriculum=[0.1, 0.2], mini_batch=3)


# ---- beginning at another run


def stored(folder: Path, **estimates: float | None) -> Path:
    rows = [{"name": name.replace("__", "/"), "value": value} for name, value in estimates.items()]
    (folder / "result.json").write_text(json.dumps({"estimates": rows}))
    return folder


def test_estimates_go_over_by_name(run, tmp_path) -> None:
    found = ended(identify(joint_problem(ARM, PARAMETERS, [run])))
    (tmp_path / "result.json").write_text(json.dumps(to_json(found)))
    own = PARAMETERS | {"armature": {"kind": "armature", "names": ["elbow"]}}
    problem = joint_problem(ARM, own, [run])
    said = begin_at(problem, tmp_path)
    assert said == (f"begins at {tmp_path}: mass/lower, damping/shoulder, damping/elbow; at their own start: armature/elbow")
    assert problem.natural(problem.z0)[:3].tolist() == pytest.approx(values(found), rel=1e-12)
    again = joint_problem(ARM, PARAMETERS, [run])
    begin_at(again, tmp_path)
    made = ended(identify(again))
    assert len(made.history) <= 3 and made.objective_best == pytest.approx(found.objective_best, rel=1e-9)


def test_a_beginning_keeps_to_bounds_and_what_has_no_logarithm(run, tmp_path) -> None:
    stored(tmp_path, mass__lower=5.0, damping__shoulder=0.0, damping__elbow=None)
    problem = joint_problem(ARM, PARAMETERS, [run])
    before = problem.natural(problem.z0).tolist()
    assert begin_at(problem, tmp_path).endswith(": mass/lower; at their own start: damping/shoulder, damping/elbow")
    assert problem.natural(problem.z0).tolist() == pytest.approx([2.0, *before[1:]])
    bodies = {"bodies": {"kind": "inertia", "names": ["lower"]}, "mass": PARAMETERS["mass"]}
    problem = joint_problem(ARM, bodies, [run])
    before = problem.z0
    begin_at(problem, stored(tmp_path, mass__lower=1.5, **{"bodies__lower.mass": 2.0}))
    assert torch.equal(problem.z0[:10], before[:10]), "a body of which numbers are missing keeps its own"


def test_a_run_that_cannot_be_begun_at(run, tmp_path) -> None:
    problem = joint_problem(ARM, PARAMETERS, [run])
    with pytest.raises(InputError, match=r"starts.run: .*nowhere.* cannot be read \(No such file"):
        begin_at(problem, tmp_path / "nowhere")
    for text in ("{", "[]", '{"estimates": 3}', '{"estimates": []}', '{"estimates": [{"name": "x"}]}'):
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(InputError, match="holds no estimates; give the folder of a run of genesis sysid"):
            begin_at(problem, tmp_path)
    with pytest.raises(InputError, match="has estimates of gain/x, and none of this run's mass/lower"):
        begin_at(problem, stored(tmp_path, gain__x=1.0))
