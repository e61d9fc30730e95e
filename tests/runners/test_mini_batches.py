"""Mini-batches: which evaluations are whole, their gradients, and what fails."""

import math

import numpy as np
import pytest

from genesis.errors import DivergenceError
from genesis.methods.method import gradient, point
from genesis.problems.problem import NOT_CONVERGED
from genesis.runners.loop import Stop
from genesis.sysid import identification as module
from genesis.sysid.identification import Starts, SysidProblem
from genesis.sysid.residuals import of_windows
from genesis.sysid.shooting import Shooting
from tests.runners.identified import ended, identify
from tests.sysid.problems import ARM, PARAMETERS, joint_problem, recorded, truth

pytestmark = pytest.mark.usefixtures("engine")
FEW = Shooting(window=0.1, mini_batch=3, whole_every=4)


@pytest.fixture(scope="module")
def run(engine):
    return recorded(ARM, truth=truth(), noise=1e-3)


def test_mini_batches_are_told_but_not_compared(run) -> None:
    """Whole evaluations come every fourth iteration, and the best is one of them; all windows are much alike here."""
    problem = joint_problem(ARM, PARAMETERS, [run], FEW)
    loop = identify(problem, "adam", Stop(40), method={"lr": 0.03})
    made = ended(loop)
    exact = [row["iteration"] for row in made.history if row.get("exact", True)]
    assert exact == list(range(0, 41, 4)) and loop.best is not None and loop.best.iteration in exact
    assert made.objective_best == min(made.history[k]["objective"] for k in exact) < 0.2 * made.objective_first
    assert made.objective_best == pytest.approx(of_windows(problem).cost(loop.problem.squares.x), rel=1e-12)
    assert (made.status, made.reason) == (NOT_CONVERGED, "the 40 iterations are used up")


def test_every_stage_of_mini_batches_is_judged_where_it_begins_and_ends(run) -> None:
    """Fewer iterations than lie between two whole evaluations, from several starts."""
    rare = Shooting(window=0.1, mini_batch=3, whole_every=20)
    loop = identify(joint_problem(ARM, PARAMETERS, [run], rare), "adam", Stop(5), method={"lr": 0.03}, starts=Starts(False, 4, 1))
    made = ended(loop)
    exact = [row["iteration"] for row in made.history if row.get("exact", True)]
    assert exact == [0, 5, 6, 11] and made.objective_best == min(made.history[k]["objective"] for k in exact)
    assert made.history[5]["objective"] < made.history[0]["objective"] and loop.best.iteration in (5, 11)
    assert made.objective_best == pytest.approx(of_windows(loop.problem.problem).cost(loop.problem.squares.x), rel=1e-12)


@pytest.mark.parametrize("broken", ["value", "gradient"])
def test_a_mini_batch_that_is_not_finite_is_a_failure(run, monkeypatch, broken: str) -> None:
    def terms(problem, z, *more):
        return {"a": z.sum() * (math.nan if broken == "value" else 1.0) + (z - z.detach()).abs().sqrt().sum()}

    problem = SysidProblem(joint_problem(ARM, PARAMETERS, [run], Shooting(window=0.1, mini_batch=3)))
    monkeypatch.setattr(module, "mini_batch_terms", terms)
    assert math.isinf(problem.evaluate()) and isinstance(problem.failure, DivergenceError)
    assert "mini-batch" in str(problem.failure) and problem.latest is None and problem.failed.count == 1


def test_mini_batches_have_the_gradient_of_the_whole_on_average(run) -> None:
    """Batches of as many windows as there are: value, terms and gradient are those of the residuals."""
    parameters = {
        "mass": {"kind": "mass", "names": ["lower"], "prior": [1.1, 0.1]},
        "start": {"kind": "start_state", "position_std": 0.02, "velocity_std": 0.1},
    }
    few, all_of_them = (
        SysidProblem(joint_problem(ARM, parameters, [run], Shooting(window=0.25, mini_batch=size, whole_every=2), loss="cauchy"))
        for size in (100, None)
    )
    x = few.start + 0.01 * np.random.default_rng(0).standard_normal(len(few.start))
    values = []
    for problem in (few, all_of_them):
        problem.squares.put(x)
        problem.evaluate()
        values.append((problem.evaluate(), gradient(problem.groups), problem.latest))
    (value, slopes, latest), (expected, whole_slopes, exact) = values
    assert latest is not None and exact is not None and not latest.exact and exact.exact
    assert value == pytest.approx(expected, rel=1e-12)
    assert latest.terms == pytest.approx(exact.terms) and latest.norms == pytest.approx(exact.norms, rel=1e-7)
    assert slopes == pytest.approx(whole_slopes, rel=1e-7, abs=1e-8 * np.abs(whole_slopes).max())
    assert np.array_equal(latest.point, point(few.groups))


def test_a_mini_batch_that_cannot_be_simulated_shortens_the_step(run, monkeypatch) -> None:
    real, calls = module.mini_batch_terms, []

    def broken(problem, z, *more):
        calls.append(float(z.detach()[0]))
        if len(calls) == 3:
            raise DivergenceError("no")
        return real(problem, z, *more)

    monkeypatch.setattr(module, "mini_batch_terms", broken)
    loop = identify(joint_problem(ARM, PARAMETERS, [run], FEW), "adam", Stop(3), method={"lr": 0.05})
    made = ended(loop)
    assert len(calls) == 5 and len(made.history) == 4
    assert calls[3] - calls[1] == pytest.approx(0.25 * (calls[2] - calls[1]), rel=1e-9)
    assert loop.divergences.summary()["failed_evaluations"] == 1
