"""CMA-ES: hard functions, few and many numbers, bounds, its distribution, points without a value, state that stays small."""

import math

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError
from genesis.methods.cmaes import CMAES, FoldedBox, Strategy
from tests.methods.objectives import FunctionOf, quadratic, rosenbrock, run, through_a_file


def ellipsoid(n: int, condition: float, turned: bool = False, **how) -> FunctionOf:
    """Σ condition^(k / (n − 1)) x_k², turned into a random direction if wanted, from twos."""
    scale = torch.as_tensor(condition ** (np.arange(n) / max(n - 1, 1)))
    turn = np.linalg.qr(np.random.default_rng(n).standard_normal((n, n)))[0] if turned else np.eye(n)
    made = torch.as_tensor(turn)
    return FunctionOf(lambda x: (scale * (made @ x).square()).sum(), [2.0] * n, **how)


@pytest.mark.parametrize("n", [1, 2, 5, 10])
def test_badly_scaled_and_turned(n: int) -> None:
    """Evaluations as the package of Hansen needs for 1e-8: 3987 with ten numbers."""
    objective = ellipsoid(n, 1e6, turned=True)
    trail = run(CMAES(cost_tolerance=0.0), objective, 600)
    assert trail.values[-1] < 1e-8
    first = next(k for k, value in enumerate(trail.values) if value < 1e-8)
    assert first * (4 + int(3 * math.log(n))) < {1: 300, 2: 800, 5: 2200, 10: 5000}[n]


def test_the_curved_valley() -> None:
    assert run(CMAES(seed=2), rosenbrock(5), 500).values[-1] < 1e-8


def test_many_numbers_one_by_one() -> None:
    """16 of 100 numbers' values a generation; the diagonal alone is learned."""
    objective = ellipsoid(100, 1e3)
    method = CMAES(population=16)
    trail = run(method, objective, 1100)
    assert method.strategy.diagonal and method.strategy.c.shape == (100,)
    assert trail.values[-1] < 1e-7


def test_of_many_numbers_the_diagonal_is_learned_unless_it_is_said() -> None:
    for n, said, expected in ((49, None, False), (50, None, True), (3, True, True), (60, False, False)):
        method = CMAES(diagonal=said)
        method.init(ellipsoid(n, 10.0))
        assert method.strategy.diagonal is expected


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_distribution_learns_the_shape(diagonal: bool) -> None:
    """On Σ a x² the deviations become those of the inverse Hessian, up to a common factor."""
    scale = np.array([1.0, 25.0, 400.0])
    strategy = Strategy(np.full(3, 2.0), None, diagonal, 0)
    for _ in range(200):
        drawn = strategy.ask()
        strategy.tell(drawn, (scale * drawn**2).sum(1))
    spread = np.sqrt(strategy.c if diagonal else np.diag(strategy.c)) * np.sqrt(scale)
    assert spread / spread.mean() == pytest.approx([1.0, 1.0, 1.0], rel=0.6)
    y = np.random.default_rng(0).standard_normal((5, 3))
    dense = np.diag(strategy.c) if diagonal else strategy.c
    assert (strategy.whiten(y) ** 2).sum(1) == pytest.approx(np.einsum("ki,ij,kj->k", y, np.linalg.inv(dense), y), rel=0.05)


@pytest.mark.parametrize("before", [0.0, 9.0])
def test_one_generation_by_hand(before: float) -> None:
    """Two numbers, four candidates: the tutorial's equations once from the start; and with a path so long that that of C stands still."""
    s = Strategy(np.zeros(2), 4, False, 5)
    s.path_sigma[:] = before
    drawn = s.ask()
    values = np.array([3.0, 1.0, 2.0, 4.0])
    raw = math.log(2.5) - np.log(np.arange(1, 5))
    w = raw[:2] / raw[:2].sum()
    step = w[0] * drawn[1] + w[1] * drawn[2]
    mu = 1.0 / (w**2).sum()
    cs, cc = (mu + 2) / (mu + 7), (4 + mu / 2) / (6 + mu)
    c1 = 2 / (3.3**2 + mu)
    cmu = min(1 - c1, 2 * (0.25 + mu + 1 / mu - 2) / (16 + mu))
    worse = raw[2:]
    factor = min(1 + c1 / cmu, 1 + 2 * (worse.sum() ** 2 / (worse**2).sum()) / (mu + 2), (1 - c1 - cmu) / (2 * cmu))
    w = np.r_[w, factor * worse / abs(worse.sum())]
    y = drawn[[1, 2, 0, 3]]
    each = np.r_[w[:2], w[2:] * 2 / (y[2:] ** 2).sum(1)]
    path = (1 - cs) * before + math.sqrt(cs * (2 - cs) * mu) * step
    usual = math.sqrt(2) * (1 - 1 / 8 + 1 / 84)
    steady = np.linalg.norm(path) / math.sqrt(1 - (1 - cs) ** 2) < (1.4 + 2 / 3) * usual
    assert steady == (before == 0.0)
    pc = math.sqrt(cc * (2 - cc) * mu) * step * steady
    c = (1 + (not steady) * c1 * cc * (2 - cc) - c1 - cmu * w.sum()) * np.eye(2) + c1 * np.outer(pc, pc) + cmu * (y.T * each) @ y
    damps = 1 + 2 * max(0, math.sqrt((mu - 1) / 3) - 1) + cs
    s.tell(drawn, values)
    assert s.mean == pytest.approx(step, rel=1e-12)
    assert s.path_sigma == pytest.approx(path, rel=1e-12)
    assert s.sigma == pytest.approx(math.exp(min(1.0, cs / damps * (np.linalg.norm(path) / usual - 1))), rel=1e-12)
    assert s.c == pytest.approx(c, rel=1e-12)
    assert (s.turn * s.along**2) @ s.turn.T == pytest.approx(c, rel=1e-12)


def test_minima_at_bounds_and_beside_them() -> None:
    n = 6
    objective = FunctionOf(
        lambda x: (x - torch.linspace(-3.0, 3.0, n, dtype=x.dtype)).square().sum(), [0.0] * n,
        bounds={0: ([-2.0] * 3 + [-math.inf] * 3, [math.inf] * 3 + [1.0] * 3)},
    )  # fmt: skip
    trail = run(CMAES(), objective, 300)
    assert trail.points[-1] == pytest.approx([-2.0, -1.8, -0.6, 0.6, 1.0, 1.0], abs=1e-6)
    assert trail.ending is not None and trail.ending.converged


def test_box_folds_the_line_and_keeps_its_middle() -> None:
    low, high = np.array([-1.0, -np.inf, 0.0, -np.inf, 2.0]), np.array([3.0, np.inf, np.inf, 5.0, 2.0])
    box = FoldedBox(low, high, np.full(5, 0.5))
    y = np.random.default_rng(0).uniform(-30.0, 30.0, (2000, 5))
    x = box.inside(y)
    assert (x >= low).all() and (x <= high).all()
    middle = (y[:, 0] >= -0.5) & (y[:, 0] <= 2.5)
    assert np.array_equal(x[middle, 0], y[middle, 0]) and np.array_equal(x[:, 1], y[:, 1]) and (x[:, 4] == 2.0).all()
    assert x[:, 0].min() < -0.99 and x[:, 0].max() > 2.99
    h = 1e-6
    slope = np.abs(box.inside(y + h) - x) / h
    assert slope.max() < 1.0 + 1e-3, "nowhere steeper than the line"
    assert box.inside(box.before(x)) == pytest.approx(x, abs=1e-9)
    assert box.inside(box.before(np.array([-1.0, 1e9, 0.0, 5.0, 2.0]))).tolist() == [-1.0, 1e9, 0.0, 5.0, 2.0]


def test_spread_is_in_units_of_size_range_or_one() -> None:
    objective = FunctionOf(lambda x, y, z: x.sum() + y.sum() + z.sum(), [0.0] * 2, [1.0], [5.0], bounds={1: (0.0, 8.0)})
    objective.groups[0].size = [torch.tensor([10.0, 0.1], dtype=torch.float64)]
    method = CMAES(population=2000, spread=0.5)
    method.init(objective)
    drawn = method.strategy.ask() * method.unit
    assert drawn.std(0) == pytest.approx([5.0, 0.05, 2.0, 0.5], rel=0.1)
    assert (drawn.mean(0) / drawn.std(0))[[0, 1, 3]] == pytest.approx([0.0, 0.0, 10.0], abs=0.5)


def test_what_has_no_value_is_no_parent() -> None:
    strategy = Strategy(np.zeros(2), 8, False, 0)
    drawn = strategy.ask()
    values = np.full(8, np.inf)
    values[5] = 1.0
    strategy.tell(drawn, values)
    assert strategy.mean == pytest.approx(drawn[5], rel=1e-12)


def test_generations_without_a_value_shrink_and_end() -> None:
    """Values only within 1e-3 of the start: half the spread each time finds them; nowhere but at the start: an end."""
    near = FunctionOf(lambda x: x.square().sum() if float(x.detach().abs().max()) < 0.02 else x.sum() * math.nan, [0.01, 0.01])
    trail = run(CMAES(), near, 100)
    assert trail.values[-1] < 1e-8
    alone = FunctionOf(lambda x: x.sum() if float(x.detach().sum()) == 2.0 else x.sum() * math.nan, [1.0, 1.0])
    trail = run(CMAES(), alone, 100)
    assert trail.ending is not None and not trail.ending.converged and len(trail.values) == 8


def test_the_best_is_kept_and_looked_at() -> None:
    trail = run(CMAES(), quadratic(), 60)
    assert all(later <= earlier for earlier, later in zip(trail.values[:-1], trail.values[1:], strict=True))
    assert [quadratic()._value(torch.as_tensor(x)) for x in trail.points] == trail.values


def test_seeds_draw_other_candidates() -> None:
    assert run(CMAES(seed=1), quadratic(), 3).values == run(CMAES(seed=1), quadratic(), 3).values
    assert run(CMAES(seed=1), quadratic(), 3).values != run(CMAES(seed=2), quadratic(), 3).values


def test_state_does_not_grow() -> None:
    method = CMAES()
    objective = ellipsoid(3, 10.0)
    run(method, objective, 40)
    first = sum(v.numel() for v in through_a_file(method.state_dict()).values() if isinstance(v, torch.Tensor))
    run(method, objective, 20, begun=True)
    assert first == sum(v.numel() for v in through_a_file(method.state_dict()).values() if isinstance(v, torch.Tensor))
    other = CMAES()
    other.init(ellipsoid(4, 10.0))
    with pytest.raises(ValueError, match="mean has shape"):
        other.load_state_dict(method.state_dict())


def test_says_why_it_ends() -> None:
    flat = run(CMAES(cost_tolerance=1e-3), quadratic(), 500).ending
    narrow = run(CMAES(cost_tolerance=0.0, step_tolerance=1e-3), quadratic(), 500).ending
    assert flat is not None and (flat.converged, flat.reason) == (True, "the values do not differ any further")
    assert narrow is not None and (narrow.converged, narrow.reason) == (True, "the spread vanishes")


def test_a_start_without_a_value_says_why() -> None:
    trail = run(CMAES(), FunctionOf(lambda x: x.sum() * math.nan, [1.0]), 3)
    assert trail.ending is not None and isinstance(trail.ending.error, DivergenceError)
