"""torch.optim's methods: steps, clipping, rates, schedules, and what they do where something diverges."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError, InputError
from genesis.methods import FIRST_ORDER, make_method
from genesis.methods.light_start import light
from tests.methods.objectives import FunctionOf, quadratic, run, through_a_file

CONSTANT = {"kind": "constant"}


def sgd(**options):
    return make_method({"kind": "sgd", "lr": 0.01, **options}, CONSTANT, 10, 0)


def test_sgd_steps_are_the_gradient_times_the_rate() -> None:
    trail = run(sgd(), quadratic(), 1)
    assert trail.points[1] == pytest.approx([0.01, -0.02, 0.135, -0.01], rel=1e-14)


def test_a_group_may_have_its_own_rate() -> None:
    problem = quadratic()
    problem.groups[1].lr = 0.5
    method = sgd()
    assert run(method, problem, 1).points[1] == pytest.approx([0.01, -0.02, 0.135, -0.5], rel=1e-14)
    assert method.learning_rates() == [0.01, 0.5]


def test_numbers_are_measured_in_their_size() -> None:
    """The same as steps of x / size on f(size · (x / size)), bit by bit for sizes that are powers of two."""
    size = torch.tensor([2.0, 0.5, 8.0], dtype=torch.float64)
    plain, sized = quadratic(), quadratic()
    plain.function = lambda x, y: sized.function(x * size, y)
    sized.groups[0].size = [size]
    spec = {"kind": "adam", "lr": 0.1, "clip_norm": 3.0}
    expected, found = (np.array(run(make_method(spec, CONSTANT, 9, 0), objective, 9).points) for objective in (plain, sized))
    assert np.array_equal(found, expected * [2.0, 0.5, 8.0, 1.0])


def test_clipping() -> None:
    assert np.linalg.norm(run(sgd(lr=1.0, clip_norm=0.1), quadratic(), 1).points[1]) == pytest.approx(0.1, rel=1e-4)
    assert run(sgd(lr=1.0, clip_value=0.2), quadratic(), 1).points[1][:3] == pytest.approx([0.2, -0.2, 0.2])


def test_bounds_are_kept_by_projection() -> None:
    trail = run(sgd(lr=0.03), quadratic(bounds={0: (-0.1, 0.6)}), 400)
    assert trail.points[-1] == pytest.approx([0.5, -0.1, 0.6, -1.0], abs=1e-3)
    points = np.array(trail.points)[:, :3]
    assert points.min() == -0.1 and points.max() == 0.6


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ({"kind": "constant"}, [1.0, 1.0, 1.0, 1.0]),
        ({"kind": "cosine", "iterations": 3, "eta_min": 0.0}, [1.0, 0.75, 0.25, 0.25]),
        ({"kind": "cosine", "iterations": None, "eta_min": 0.0}, [1.0, 0.8535533905932737, 0.5, 0.14644660940672627]),
        ({"kind": "step", "step_size": 2, "gamma": 0.5}, [1.0, 1.0, 0.5, 0.5]),
        ({"kind": "exponential", "gamma": 0.5}, [1.0, 0.5, 0.25, 0.125]),
        ({"kind": "plateau", "factor": 0.1, "patience": 0, "threshold": 0.0, "min_lr": 0.0}, [1.0, 1.0, 0.1, 0.01]),
    ],
)
def test_schedules(schedule: dict, rates: list[float]) -> None:
    assert scheduled(schedule, 4) == pytest.approx(rates)


def test_one_cycle_rises_and_falls() -> None:
    seen = scheduled({"kind": "one_cycle", "max_lr": 0.1, "iterations": 10, "pct_start": 0.3}, 15)
    assert max(seen) == pytest.approx(0.1) and seen.index(max(seen)) == 2
    assert seen[9] < 1e-4 and seen[9:] == [seen[9]] * 6, "after the cycle the last rate stays"


def scheduled(schedule: dict, count: int) -> list[float]:
    """Rates of the first iterations of a run of `count`, on a constant."""
    method = make_method({"kind": "sgd", "lr": 1.0}, schedule, count, 0)
    method.init(FunctionOf(lambda x: 1.0 + 0.0 * x.sum(), [0.0]))
    seen = []
    for _ in range(count):
        assert method.look() is None
        seen += method.learning_rates()
        assert method.step() is None
    return seen


def edge(start: float = 0.5) -> FunctionOf:
    """−x, which has no value past 1."""
    return FunctionOf(lambda x: -x.sum() if float(x.detach()) < 1.0 else -x.sum() * torch.nan, [start])


def test_a_step_beyond_the_edge_is_taken_again_a_quarter_as_long() -> None:
    problem = edge()
    method = sgd(lr=1.0)
    trail = run(method, problem, 2)
    # 0.5 + 1 has no value, 0.5 + 1/4 has; the next step is 1.5 times as long as that one, 0.375 beyond, and then a quarter of it
    assert np.concatenate(trail.points).tolist() == [0.5, 0.75, 0.75 + 0.375 / 4]
    assert problem.evaluations == 5


def test_a_start_without_a_value_ends_it() -> None:
    problem = edge(2.0)
    trail = run(sgd(), problem, 5)
    assert trail.ending is not None and not trail.ending.converged and trail.values == []
    assert isinstance(trail.ending.error, DivergenceError) and "nan" in trail.ending.reason
    assert problem.evaluations == 1


def test_nothing_but_the_start_has_a_value() -> None:
    problem = FunctionOf(lambda x: x.sum() if float(x.detach()) == 1.0 else x.sum() * torch.nan, [1.0])
    trail = run(sgd(lr=1.0), problem, 5)
    assert trail.ending is not None and isinstance(trail.ending.error, DivergenceError)
    assert problem.evaluations == 1 + 9, "the step, and eight shorter ones"


def test_steps_are_shorter_only_after_one_that_loses_an_environment() -> None:
    class Loses(FunctionOf):
        lost = iter([(0,), (0,), (0, 2), (0, 2), ()])

        def evaluate(self, gradient: bool = True) -> float:
            value = super().evaluate(gradient)
            self.diverged = next(self.lost)
            return value

    trail = run(sgd(lr=1.0), Loses(lambda x: -x.sum(), [0.0]), 4)
    assert np.diff(np.concatenate(trail.points)).tolist() == [1.0, 1.0, 0.25, 0.375]


def test_a_resume_keeps_the_shorter_steps_and_the_lost() -> None:
    method, again = sgd(lr=1.0), sgd(lr=1.0)
    run(method, edge(), 1)
    again.init(edge(0.75))
    again.load_state_dict(through_a_file(method.state_dict()))
    assert (again.factor, again.lost) == (method.factor, method.lost) == (0.25, set())


def test_what_torch_refuses() -> None:
    with pytest.raises(InputError, match="optimizer: Invalid beta parameter"):
        make_method({"kind": "adam", "betas": [2.0, 0.9]}, CONSTANT, 1, 0).init(quadratic())


@pytest.mark.parametrize("kind", FIRST_ORDER)
def test_light_steps_are_torchs_own(kind) -> None:
    """Bit by bit, with the same state, schedule and representation."""
    ends, states = [], []
    for make in (light, lambda same: same):
        x = torch.linspace(-1.0, 2.0, 7, dtype=torch.float64).requires_grad_()
        optimizer = make(FIRST_ORDER[kind])([x], lr=0.03)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        for _ in range(5):
            optimizer.zero_grad()
            ((x - 0.3) ** 4).sum().backward()
            optimizer.step()
            schedule.step()
        ends.append(x.detach())
        states.append(repr(optimizer.state_dict()))
    assert torch.equal(ends[0], ends[1]) and states[0] == states[1] and torch.is_grad_enabled()


def test_a_step_does_not_import_torchs_compiler() -> None:
    """It costs more than a second."""
    script = (
        "import sys, torch\n"
        "from tests.methods.objectives import quadratic, run\n"
        "from genesis.methods import make_method\n"
        "made = make_method({'kind': 'adam', 'lr': 0.1}, {'kind': 'constant'}, 3, 0)\n"
        "assert run(made, quadratic(), 2).points[1][0] > 0.0\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_a_plateau_is_not_looked_for_in_mini_batches() -> None:
    for exact, rate in ((True, 0.05), (False, 0.1)):
        objective = FunctionOf(lambda x: 1.0 + 0.0 * x.sum(), [1.0])
        objective.exact = exact
        method = make_method({"kind": "sgd", "lr": 0.1}, {"kind": "plateau", "factor": 0.5, "patience": 1}, 4, 0)
        run(method, objective, 3)
        assert method.learning_rates() == [rate]
