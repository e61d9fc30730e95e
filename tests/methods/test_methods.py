"""What holds of every method: minima, bounds, resume bit by bit, points without a value, what is refused."""

from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError, InputError, UnknownNameError
from genesis.methods import FIRST_ORDER, METHODS, make_method
from genesis.methods.method import bounds
from tests.methods.objectives import FunctionOf, Trail, quadratic, rosenbrock, run, through_a_file, walled

CONSTANT = {"kind": "constant"}
RATES = {"adagrad": 0.5, "adadelta": 10.0, "sgd": 0.02, "asgd": 0.02, "rprop": 0.1, "rmsprop": 0.003}
SQUARES = ("levenberg_marquardt", "least_squares")
EVERY = [
    k for k in METHODS if k not in ("ddp", "shac")
]  # which drive a trajectory, or learn in episodes: test_ddp.py, test_actor_critic.py


def made(kind: str, iterations: int = 1000, **more: Any):
    options = {"lr": RATES.get(kind, 0.05)} if kind in FIRST_ORDER else {}
    return make_method({"kind": kind, **options, **more}, CONSTANT, iterations, 3)


def problem(kind: str, **how: Any) -> Any:
    """What every method of the kind can lower."""
    return rosenbrock(3, **how) if kind in SQUARES else quadratic(**how)


@pytest.mark.parametrize("kind", EVERY)
def test_finds_the_minimum(kind: str) -> None:
    objective = problem(kind)
    first = objective.evaluate()
    trail = run(made(kind), objective, 1000)
    assert trail.values[0] == pytest.approx(first, rel=1e-12)
    assert trail.values[-1] < 1e-5
    assert kind in FIRST_ORDER or (trail.ending is not None and (trail.ending.converged or kind == "lbfgs"))
    wanted = [1.0, 1.0, 1.0] if kind in SQUARES else [0.5, -0.25, 0.75, -1.0]
    assert trail.points[-1] == pytest.approx(wanted, abs=1e-2)


BOUNDED = [k for k in EVERY if k != "lbfgs"]


@pytest.mark.parametrize("kind", BOUNDED)
def test_bounds_are_kept_and_reached(kind: str) -> None:
    if kind in SQUARES:
        objective, wanted = rosenbrock(2, bounds={0: ([-2.0, -2.0], [0.5, 2.0])}), [0.5, 0.25]
    else:
        objective, wanted = quadratic(bounds={0: (-0.1, 0.6)}), [0.5, -0.1, 0.6, -1.0]
    trail = run(made(kind), objective, 1000)
    assert trail.points[-1] == pytest.approx(wanted, abs=1e-2 if kind in FIRST_ORDER else 1e-5)
    low, high = bounds(objective.groups)
    assert all(((x >= low) & (x <= high)).all() for x in trail.points)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("sized", [False, True])
def test_a_resume_goes_on_bit_by_bit(kind: str, sized: bool) -> None:
    def fresh() -> Any:
        objective = problem(kind)
        for group in objective.groups if sized else []:
            group.size = [torch.full_like(leaf, 0.3) for leaf in group.leaves]
        return objective

    whole = run(made(kind, 8), fresh(), 6)
    method, objective = made(kind, 8), fresh()
    part = run(method, objective, 3)
    state = through_a_file(method.state_dict())
    again, later = made(kind, 8), fresh()
    with torch.no_grad():
        for leaf, old in zip(later.leaves, objective.leaves, strict=True):
            leaf.copy_(old)
    again.init(later)
    again.load_state_dict(state)
    rest = run(again, later, 3, begun=True)  # the point of iteration 3 is looked at again
    joined = Trail(part.values[:3] + rest.values, part.points[:3] + rest.points, part.told[:3] + rest.told)
    assert joined.values == whole.values and len(whole.values) == 7
    assert np.array_equal(joined.points, whole.points)
    assert joined.told == whole.told


SOON = {
    "lbfgsb": {"tolerance_change": 1e-2},
    "levenberg_marquardt": {"cost_tolerance": 0.9},
    "least_squares": {"cost_tolerance": 0.9},
    "cmaes": {"step_tolerance": 0.1},
}


@pytest.mark.parametrize("kind", SOON)
def test_a_resume_at_the_last_iterate_ends_there(kind: str) -> None:
    whole = run(made(kind, **SOON[kind]), problem(kind), 500)
    assert whole.ending is not None and whole.ending.converged
    steps = len(whole.values) - 1
    method, objective = made(kind, **SOON[kind]), problem(kind)
    run(method, objective, steps - 1)
    assert method.step() is None
    again = made(kind, **SOON[kind])
    again.init(objective)
    again.load_state_dict(through_a_file(method.state_dict()))
    assert again.look() == whole.ending and objective.value == whole.values[-1]


@pytest.mark.parametrize("kind", EVERY)
def test_a_method_may_be_begun_again(kind: str) -> None:
    """Nothing of a run before is left."""
    method = made(kind, 8)
    first, second = run(method, problem(kind), 4), run(method, problem(kind), 4)
    assert first.values == second.values and np.array_equal(first.points, second.points)


@pytest.mark.parametrize("kind", [k for k in EVERY if k not in SQUARES])
def test_steps_back_from_points_without_a_value(kind: str) -> None:
    trail = run(made(kind, lr=10.0 if kind == "adadelta" else 0.5) if kind in FIRST_ORDER else made(kind), walled(), 300)
    assert trail.points[-1] == pytest.approx([0.0], abs=0.06 if kind in FIRST_ORDER else 1e-6)


@pytest.mark.parametrize("kind", EVERY)
def test_a_start_without_a_value_is_an_end(kind: str) -> None:
    objective = rosenbrock(2) if kind in SQUARES else FunctionOf(lambda x: x.sum() * torch.nan, [1.0, 2.0])
    if kind in SQUARES:
        objective.residuals = lambda x: x * torch.nan
    trail = run(made(kind), objective, 3)
    assert trail.ending is not None and not trail.ending.converged
    assert isinstance(trail.ending.error, DivergenceError) and trail.ending.reason == str(trail.ending.error)


def test_what_cannot_be() -> None:
    with pytest.raises(UnknownNameError, match='unknown kind "adan"; known: adam'):
        make_method({"kind": "adan"}, CONSTANT, 1, 0)
    empty = quadratic()
    empty.groups = []
    for kind in METHODS:
        with pytest.raises(InputError, match="nothing to learn"):
            made(kind).init(empty)


def test_a_schedule_without_a_rate_is_said_not_to_be_followed(caplog: pytest.LogCaptureFixture) -> None:
    make_method({"kind": "lbfgs"}, {"kind": "cosine", "iterations": 3}, 1, 0)
    assert [record.getMessage() for record in caplog.records] == [
        "scheduler: cosine is not followed, because lbfgs finds its step itself."
    ]
    caplog.clear()
    make_method({"kind": "lbfgs"}, CONSTANT, 1, 0)
    assert not caplog.records


@pytest.mark.parametrize("kind", [k for k in EVERY if k not in FIRST_ORDER])
def test_methods_without_a_rate_refuse_own_ones(kind: str) -> None:
    objective = problem(kind)
    objective.groups[0].lr = 0.1
    with pytest.raises(InputError, match=f"parameter.x0.lr: {kind} finds one step for all groups"):
        made(kind).init(objective)
