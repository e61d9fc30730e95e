"""L-BFGS-B against SciPy's, the model's pieces against dense algebra, memory that stays small."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from genesis.errors import DivergenceError
from genesis.methods.lbfgsb import LBFGSB, Curvature
from genesis.methods.method import bounds, gradient, move, point
from tests.methods.objectives import FunctionOf, quadratic, rosenbrock, run, through_a_file


def bowl(n: int, **how) -> FunctionOf:
    """½ xᵀAx − cᵀx with eigenvalues from 1 to 1000."""
    random = np.random.default_rng(n)
    turn = np.linalg.qr(random.standard_normal((n, n)))[0]
    a, c = torch.as_tensor(turn @ np.diag(np.logspace(0, 3, n)) @ turn.T), torch.as_tensor(5.0 * random.standard_normal(n))
    return FunctionOf(lambda x: 0.5 * x @ a @ x - c @ x, [0.0] * n, **how)


def barrier(n: int) -> FunctionOf:
    """−Σ log x + Σ a x + Σ x x' / 2, bounds active for the smallest a."""
    a = torch.as_tensor(np.random.default_rng(0).uniform(0.1, 6.0, n))
    return FunctionOf(
        lambda x: -torch.log(x).sum() + (a * x).sum() + 0.5 * (x[1:] * x[:-1]).sum(), [1.5] * n, bounds={0: (1e-6, 2.0)}
    )


PROBLEMS = {
    "rosenbrock": lambda n: rosenbrock(n),
    "rosenbrock in a box": lambda n: rosenbrock(n, bounds={0: (-1.5, 0.8)}),
    "rosenbrock, some bounds": lambda n: rosenbrock(
        n, bounds={0: ([-2.0 if k % 2 else -math.inf for k in range(n)], [0.5 if k % 3 == 0 else math.inf for k in range(n)])}
    ),
    "bowl": lambda n: bowl(n),
    "bowl in a box": lambda n: bowl(n, bounds={0: (-0.2, 0.3)}),
    "barrier": barrier,
}


def scipys(objective: FunctionOf) -> tuple[float, int]:
    """SciPy's minimum and evaluations."""

    def both(x: np.ndarray) -> tuple[float, np.ndarray]:
        move(objective.groups, x)
        return objective.evaluate(), gradient(objective.groups)

    low, high = bounds(objective.groups)
    options = {"maxcor": 20, "ftol": 1e-12, "gtol": 1e-8, "maxiter": 5000, "maxfun": 10**6}
    made = minimize(
        both, point(objective.groups), jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)), options=options
    )
    return float(made.fun), objective.evaluations


def test_the_minima_of_scipy_in_as_many_evaluations() -> None:
    ratios = []
    for name, make in PROBLEMS.items():
        for n in (2, 10, 60):
            objective, other = make(n), make(n)
            wanted, evaluations = scipys(other)
            trail = run(LBFGSB(tolerance_change=1e-12, tolerance_grad=1e-8), objective, 5000)
            assert trail.ending is not None and trail.ending.converged, (name, n)
            assert trail.values[-1] == pytest.approx(wanted, rel=1e-7, abs=1e-9), (name, n)
            low, high = bounds(objective.groups)
            assert (np.array(trail.points) >= low).all() and (np.array(trail.points) <= high).all()
            ratios.append((objective.evaluations - len(trail.values) + 1) / evaluations)  # iterates are asked for twice
    assert np.mean(ratios) < 1.1 and max(ratios) < 1.6


@pytest.fixture
def model() -> tuple[Curvature, np.ndarray]:
    """Four pairs of a bowl, and B from its updates one by one (Nocedal, Wright, eq. 6.19)."""
    random = np.random.default_rng(1)
    n = 6
    root = random.standard_normal((n, n))
    a = root @ root.T + np.eye(n)
    made = Curvature(np.zeros((0, n)), np.zeros((0, n)))
    pairs = []
    for size in (1.0, 1e-4, 1e3, 1.0, 1e-2):
        s = size * random.standard_normal(n)
        pairs.append((s, a @ s))
        made.learn(s, a @ s, 4)
    dense = made.theta * np.eye(n)
    for s, y in pairs[-4:]:
        bs = dense @ s
        dense = dense - np.outer(bs, bs) / (s @ bs) + np.outer(y, y) / (y @ s)
    return made, dense


def test_compact_form_is_the_matrix_of_the_updates(model) -> None:
    made, dense = model
    assert made.theta * np.eye(6) - made.w.T @ made.m @ made.w == pytest.approx(dense, rel=1e-9, abs=1e-9)
    s, y = made.s[-1], made.y[-1]
    assert dense @ s == pytest.approx(y, rel=1e-9)


def test_cauchy_point_is_the_first_minimum_along_the_bent_path(model) -> None:
    made, dense = model
    random = np.random.default_rng(2)
    for _ in range(20):
        x, g = random.uniform(-1.0, 1.0, 6), random.standard_normal(6) * 10.0 ** random.uniform(-2.0, 2.0)
        low, high = np.full(6, -1.0), np.where(random.random(6) < 0.5, 1.0, np.inf)
        x[0] = low[0]
        found = made.cauchy_point(x, g, low, high)
        times = np.linspace(0.0, 20.0, 40001)
        steps = np.clip(x - times[:, None] * g, low, high) - x
        values = steps @ g + 0.5 * ((steps @ dense) * steps).sum(1)
        falls = np.flatnonzero(np.diff(values) > 0.0)
        first = int(falls[0]) if len(falls) else len(times) - 1
        d = found - x
        assert d @ g + 0.5 * d @ dense @ d <= values[first] + 1e-9 * abs(values[first])
        assert d == pytest.approx(steps[first], abs=1.1 * (times[1] * np.abs(g)).max())


def test_subspace_step_is_newtons_on_the_free_numbers(model) -> None:
    made, dense = model
    random = np.random.default_rng(3)
    x, g, start = (random.standard_normal(6) for _ in range(3))
    free = np.array([True, False, True, True, False, True])
    expected = -np.linalg.solve(dense[np.ix_(free, free)], (g + dense @ (start - x))[free])
    assert made.subspace_step(x, g, start, free) == pytest.approx(expected, rel=1e-9)


def test_every_direction_leads_down_within_the_bounds() -> None:
    """On badly scaled models the projected step would lead up now and then; the model there is never above that at the Cauchy point."""
    for seed in range(330):
        random = np.random.default_rng(seed)
        turn = np.linalg.qr(random.standard_normal((3, 3)))[0]
        a = turn @ np.diag(10 ** random.uniform(-3.0, 3.0, 3)) @ turn.T
        method = LBFGSB()
        method.curvature = made = Curvature(np.zeros((0, 3)), np.zeros((0, 3)))
        for _ in range(random.integers(1, 4)):
            s = random.standard_normal(3)
            made.learn(s, a @ s, 5)
        method.x, method.g, method.bounded = random.uniform(-1.0, 1.0, 3), random.standard_normal(3), True
        method.low, method.high = np.full(3, -1.0), np.full(3, 1.0)
        d = method._direction()
        assert d is not None and d @ method.g < 0.0
        assert (np.abs(method.x + d) <= 1.0 + 1e-12).all()
        dense = made.theta * np.eye(3) - made.w.T @ made.m @ made.w
        cauchy = made.cauchy_point(method.x, method.g, method.low, method.high) - method.x
        values = [method.g @ step + 0.5 * step @ dense @ step for step in (d, cauchy)]
        assert seed not in (127, 197, 288, 314) or values[0] <= values[1] + 1e-9 * abs(values[1])


def test_steps_without_curvature_are_not_learned() -> None:
    """Of a line there is none; of 1e20 x² there is, however steep."""
    method = LBFGSB()
    run(method, FunctionOf(lambda x: x.sum(), [0.0, 0.0], bounds={0: (-5.0, 5.0)}), 1)
    assert len(method.curvature.s) == 0 and method.curvature.theta == 1.0
    trail = run(method, FunctionOf(lambda x: 1e20 * (x - 1.0).square().sum(), [0.0, 0.0]), 3)
    assert trail.points[-1] == pytest.approx([1.0, 1.0], rel=1e-12)


def test_memory_is_of_the_last_pairs() -> None:
    method = LBFGSB(history_size=3)
    run(method, rosenbrock(10), 30)
    state = through_a_file(method.state_dict())
    assert state["s"].shape == state["y"].shape == (3, 10)
    other = LBFGSB()
    other.init(rosenbrock(4))
    with pytest.raises(ValueError, match="pairs of 10 numbers for 4"):
        other.load_state_dict(state)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PROBLEMS["rosenbrock, some bounds"](4),
        lambda: FunctionOf(lambda x: x.sum(), [0.0, 1.0], bounds={0: (-9.0, math.inf)}),
    ],
)
def test_a_resume_at_each_of_the_first_iterates(make) -> None:
    """Also after the first step, which is not longer than the model says; the next may be."""
    whole = run(LBFGSB(), make(), 10)
    for k in range(1, len(whole.values) - 1):
        method, objective = LBFGSB(), make()
        run(method, objective, k)
        again = LBFGSB()
        again.init(objective)
        again.load_state_dict(through_a_file(method.state_dict()))
        assert run(again, objective, 10 - k, begun=True).values == whole.values[k:]


def test_a_start_outside_the_bounds_is_put_inside() -> None:
    assert run(LBFGSB(), quadratic(bounds={0: (0.2, 0.6)}), 0).points[0].tolist() == [0.2, 0.2, 0.2, 0.0]


def test_numbers_are_measured_in_their_size() -> None:
    """x² + (1000 y)² in sizes 1 and 1/1000 is round: one line search ends at the minimum."""

    def make(size: bool) -> FunctionOf:
        objective = FunctionOf(lambda x: ((x - 1.0) * torch.tensor([1.0, 1e3], dtype=x.dtype)).square().sum(), [3.0, 1.5])
        if size:
            objective.groups[0].size = [torch.tensor([1.0, 1e-3], dtype=torch.float64)]
        return objective

    assert run(LBFGSB(), make(True), 3).values[-1] < 1e-20 < 1e-3 < run(LBFGSB(), make(False), 3).values[-1]


def test_says_why_it_ends() -> None:
    endings = [
        run(LBFGSB(tolerance_grad=1e-3), quadratic(), 50).ending,
        run(LBFGSB(tolerance_change=1e-3), rosenbrock(4), 50).ending,
        run(LBFGSB(), FunctionOf(lambda x: 1.0 + (x - x.detach()).sum(), [0.3, -0.7]), 50).ending,  # flat, with a slope
    ]
    assert [(e.converged, e.reason) for e in endings if e is not None] == [
        (True, "the projected gradient vanishes"), (True, "the objective does not fall any further"),
        (False, "no step along the search direction lowers the objective"),
    ]  # fmt: skip


def test_nothing_but_the_start_has_a_value() -> None:
    objective = FunctionOf(lambda x: x.sum() if float(x.detach().sum()) == 3.0 else x.sum() * math.nan, [1.0, 2.0])
    trail = run(LBFGSB(max_eval=5), objective, 5)
    assert trail.ending is not None and isinstance(trail.ending.error, DivergenceError)
    assert point(objective.groups).tolist() == [1.0, 2.0], "back where it was"
    assert objective.evaluations == 1 + 5
