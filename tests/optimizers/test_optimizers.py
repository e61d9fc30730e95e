"""Every optimizer on functions whose minimum is known."""

import math
import subprocess
import sys

import pytest
import torch

from genesis.errors import DivergenceError, InputError, UnknownNameError
from genesis.methods.light_start import light
from genesis.optimizers import FIRST_ORDER, OPTIMIZERS, Group, make_optimizer

CONSTANT = {"kind": "constant"}
RATES = {"adagrad": 0.5, "adadelta": 10.0, "sgd": 0.02, "asgd": 0.02, "rprop": 0.1, "rmsprop": 0.003}


class Ended(Exception):
    """Enough iterations."""


class Problem:
    """f(x, y) = Σ a (x − x*)² + (y − y*)² / 2, with minimum zero."""

    def __init__(self, bounds: tuple[float, float] | None = None) -> None:
        self.x = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        self.y = torch.zeros((), dtype=torch.float64, requires_grad=True)
        self.scale = torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64)
        self.goal = torch.tensor([0.5, -0.25, 0.75], dtype=torch.float64)
        limits = None if bounds is None else tuple(torch.full((3,), b, dtype=torch.float64) for b in bounds)
        self.bounds = limits
        self.groups = [Group("x", [self.x], [limits], None, self.project), Group("y", [self.y], [None], None, lambda: None)]
        self.values: list[float] = []
        self.evaluations = 0

    def project(self) -> None:
        if self.bounds is not None:
            with torch.no_grad():
                self.x.clamp_(*self.bounds)

    def evaluate(self) -> float:
        self.evaluations += 1
        self.x.grad = self.y.grad = None
        value = (self.scale * (self.x - self.goal) ** 2).sum() + 0.5 * (self.y + 1.0) ** 2
        value.backward()
        return float(value.detach())

    def run(self, optimizer, iterations: int) -> str:
        """Iterations until the end; `values` has the objective at the start of each."""

        def after() -> None:
            x, y = self.x.detach(), self.y.detach()
            self.values.append(float((self.scale * (x - self.goal) ** 2).sum() + 0.5 * (y + 1.0) ** 2))
            if len(self.values) > iterations:
                raise Ended

        try:
            return optimizer.minimise(self.evaluate, after)
        except Ended:
            return "ended"


def options(kind: str, **more) -> dict:
    return {"kind": kind, **({"lr": RATES.get(kind, 0.05)} if kind in FIRST_ORDER else {}), **more}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_finds_the_minimum(kind: str) -> None:
    problem = Problem()
    problem.run(make_optimizer(problem.groups, options(kind), CONSTANT, 1000), 1000)
    assert problem.values[0] == pytest.approx(0.25 + 0.25 + 9 * 0.5625 + 0.5)
    assert problem.values[-1] < 1e-5
    assert torch.allclose(problem.x, problem.goal, atol=1e-2)


@pytest.mark.parametrize("kind", ["lbfgs", "lbfgsb"])
def test_quasi_newton_needs_few_iterations(kind: str) -> None:
    problem = Problem()
    problem.run(make_optimizer(problem.groups, options(kind), CONSTANT, 20), 20)
    assert min(problem.values) < 1e-15 and len(problem.values) <= 21


def test_sgd_steps_are_the_gradient_times_the_rate() -> None:
    problem = Problem()
    problem.run(make_optimizer(problem.groups, options("sgd", lr=0.01), CONSTANT, 1), 1)
    assert problem.x.tolist() == pytest.approx((0.01 * 2 * problem.scale * problem.goal).tolist(), rel=1e-14)
    assert float(problem.y.detach()) == pytest.approx(-0.01, rel=1e-14)


def test_a_group_may_have_its_own_rate() -> None:
    problem = Problem()
    problem.groups[1].lr = 0.5
    optimizer = make_optimizer(problem.groups, options("sgd", lr=0.01), CONSTANT, 1)
    assert optimizer.learning_rates() == [0.01, 0.5]
    problem.run(optimizer, 1)
    assert float(problem.y.detach()) == pytest.approx(-0.5, rel=1e-14)


def test_clipping() -> None:
    problem = Problem()
    problem.run(make_optimizer(problem.groups, options("sgd", lr=1.0, clip_norm=0.1), CONSTANT, 1), 1)
    moved = torch.cat((problem.x.detach(), problem.y.detach().reshape(1)))
    assert float(moved.norm()) == pytest.approx(0.1, rel=1e-4)
    problem = Problem()
    problem.run(make_optimizer(problem.groups, options("sgd", lr=1.0, clip_value=0.2), CONSTANT, 1), 1)
    assert problem.x.tolist() == pytest.approx([0.2, -0.2, 0.2])


@pytest.mark.parametrize("kind", ["lbfgsb", "adam", "sgd"])
def test_bounds_are_kept(kind: str) -> None:
    problem = Problem(bounds=(-0.1, 0.6))
    problem.run(make_optimizer(problem.groups, options(kind), CONSTANT, 400), 400)
    assert problem.x.tolist() == pytest.approx([0.5, -0.1, 0.6], abs=1e-3)
    assert float(problem.x.detach().max()) <= 0.6 and float(problem.x.detach().min()) >= -0.1


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_state_goes_on_bit_by_bit(kind: str) -> None:
    whole = Problem()
    whole.run(make_optimizer(whole.groups, options(kind), CONSTANT, 8), 6)
    part = Problem()
    first = make_optimizer(part.groups, options(kind), CONSTANT, 8)
    part.run(first, 3)
    state = torch.load(_stored(first.state_dict()), weights_only=True)
    later = Problem()
    with torch.no_grad():
        later.x.copy_(part.x), later.y.copy_(part.y)
    second = make_optimizer(later.groups, options(kind), CONSTANT, 8)
    second.load_state_dict(state)
    later.run(second, 3)  # the point of iteration 3 is reported again
    assert part.values[:3] + later.values == whole.values
    assert torch.equal(later.x, whole.x) and torch.equal(later.y, whole.y)


def _stored(state: dict):
    import io

    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ({"kind": "constant"}, [1.0, 1.0, 1.0, 1.0]),
        ({"kind": "cosine", "iterations": 3, "eta_min": 0.0}, [1.0, 0.75, 0.25, 0.25]),
        ({"kind": "step", "step_size": 2, "gamma": 0.5}, [1.0, 1.0, 0.5, 0.5]),
        ({"kind": "exponential", "gamma": 0.5}, [1.0, 0.5, 0.25, 0.125]),
        ({"kind": "plateau", "factor": 0.1, "patience": 0, "threshold": 0.0, "min_lr": 0.0}, [1.0, 1.0, 0.1, 0.01]),
    ],
)
def test_schedules(schedule: dict, rates: list[float]) -> None:
    leaf = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer([Group("x", [leaf], [None], None, lambda: None)], {"kind": "sgd", "lr": 1.0}, schedule, 4)
    seen: list[float] = []

    def evaluate() -> float:
        leaf.grad = torch.zeros_like(leaf)
        return 1.0

    def after() -> None:
        seen.extend(optimizer.learning_rates())
        if len(seen) == 4:
            raise Ended

    with pytest.raises(Ended):
        optimizer.minimise(evaluate, after)
    assert seen == pytest.approx(rates)


def test_one_cycle_rises_and_falls() -> None:
    leaf = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    schedule = {"kind": "one_cycle", "max_lr": 0.1, "iterations": 10, "pct_start": 0.3}
    optimizer = make_optimizer([Group("x", [leaf], [None], None, lambda: None)], {"kind": "sgd", "lr": 1.0}, schedule, 10)
    seen: list[float] = []

    def evaluate() -> float:
        leaf.grad = torch.zeros_like(leaf)
        return 1.0

    def after() -> None:
        seen.extend(optimizer.learning_rates())
        if len(seen) == 15:
            raise Ended

    with pytest.raises(Ended):
        optimizer.minimise(evaluate, after)
    assert max(seen) == pytest.approx(0.1) and seen.index(max(seen)) == 2
    assert seen[9] < 1e-4 and seen[9:] == [seen[9]] * 6, "after the cycle the last rate stays"


@pytest.mark.parametrize("kind", ["lbfgs", "lbfgsb"])
def test_line_search_steps_back_from_divergence(kind: str) -> None:
    """f = −log(1 − x) − log(1 + x) is infinite outside (−1, 1); the first trial step goes there."""
    leaf = torch.tensor([0.9], dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer([Group("x", [leaf], [None], None, lambda: None)], {"kind": kind}, CONSTANT, 20)
    values: list[float] = []

    def evaluate() -> float:
        leaf.grad = None
        if abs(float(leaf.detach())) >= 1.0:
            raise DivergenceError("outside")
        value = -torch.log(1 - leaf).sum() - torch.log(1 + leaf).sum()
        value.backward()
        return float(value.detach())

    def after() -> None:
        values.append(float(leaf.detach()))
        if len(values) > 20:
            raise Ended

    try:
        optimizer.minimise(evaluate, after)
    except Ended:
        pass
    assert values[-1] == pytest.approx(0.0, abs=1e-6)


def test_what_cannot_be() -> None:
    problem = Problem()
    with pytest.raises(UnknownNameError, match='unknown kind "adan"; known: adam'):
        make_optimizer(problem.groups, {"kind": "adan"}, CONSTANT, 1)
    with pytest.raises(InputError, match="nothing to learn"):
        make_optimizer([], {"kind": "adam"}, CONSTANT, 1)
    with pytest.raises(InputError, match="lbfgs finds its step by a line search; allowed with it: constant"):
        make_optimizer(problem.groups, {"kind": "lbfgs"}, {"kind": "cosine", "iterations": 3}, 1)
    with pytest.raises(InputError, match="optimizer: Invalid beta parameter"):
        make_optimizer(problem.groups, {"kind": "adam", "betas": [2.0, 0.9]}, CONSTANT, 1)
    with pytest.raises(InputError, match="parameter.x.transform: clamp stops the line search of lbfgs"):
        make_optimizer(Problem(bounds=(-1.0, 1.0)).groups, {"kind": "lbfgs"}, CONSTANT, 1)
    problem.groups[0].lr = 0.1
    with pytest.raises(InputError, match="parameter.x.lr: lbfgsb finds one step for all groups"):
        make_optimizer(problem.groups, {"kind": "lbfgsb"}, CONSTANT, 1)
    assert math.isfinite(problem.evaluate())


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
        "from genesis.optimizers import Group, make_optimizer\n"
        "x = torch.ones(2, requires_grad=True)\n"
        "x.grad = torch.ones(2)\n"
        "group = Group('x', [x], [None], None, lambda: None)\n"
        "made = make_optimizer([group], {'kind': 'adam', 'lr': 0.1}, {'kind': 'constant'}, 3)\n"
        "made.torch.step()\n"
        "assert float(x.detach()[0]) < 1.0 and 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
