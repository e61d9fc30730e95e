"""The Riccati sweep against numpy, the discrete algebraic Riccati equation, brute force over bounds, and motions of the linear system."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
import taichi as ti
from scipy.linalg import solve_discrete_are

from genesis.errors import InputError
from genesis.grad import riccati as module
from genesis.grad.quadratics import BackwardPass, Quadratics
from genesis.grad.riccati import riccati
from tests.grad import slow

pytestmark = pytest.mark.usefixtures("engine")
SIZES = ((1, 1), (2, 1), (3, 2), (4, 4), (5, 3), (14, 7), (36, 12))


def problem(n: int, m: int, horizon: int = 12, bound: float = np.inf, seed: int = 0) -> Quadratics:
    """Steps near the identity, convex costs with cross terms, gaps, bounds of which some do not allow zero."""
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(horizon + 1, n + m, n + m)) / np.sqrt(n + m)
    cost = roots @ roots.mT + 0.1 * np.eye(n + m)
    low, high = -0.9 * rng.random((horizon, m)) + 0.1, 0.2 + rng.random((horizon, m))
    return Quadratics(
        a=np.eye(n) + 0.1 * rng.normal(size=(horizon, n, n)) / np.sqrt(n), b=0.5 * rng.normal(size=(horizon, n, m)),
        d=0.1 * rng.normal(size=(horizon, n)), lx=rng.normal(size=(horizon + 1, n)), lxx=cost[:, :n, :n],
        lu=rng.normal(size=(horizon, m)), luu=cost[:-1, n:, n:], lux=cost[:-1, n:, :n],
        low=bound * low if bound < np.inf else low - np.inf, high=bound * high,
    )  # fmt: skip


def equal(made: BackwardPass, expected: BackwardPass, tolerance: float = 1e-11) -> None:
    assert made.failed == expected.failed
    for name in ("k", "gains", "vx", "vxx", "slope", "curve", "qu"):
        x, y = np.asarray(getattr(made, name)), np.asarray(getattr(expected, name))
        np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * (np.abs(y).max() + 1e-3), err_msg=name)


@pytest.mark.parametrize("n, m", SIZES)
def test_it_is_the_sweep_in_numpy(n: int, m: int) -> None:
    for bound, rho in itertools.product((np.inf, 0.6), (0.0, 0.7)):
        p = problem(n, m, bound=bound)
        made = riccati(p, rho)
        equal(made, slow.riccati(p, rho))
        assert np.array_equal(made.vxx, made.vxx.mT)
        clamped = (made.k <= p.low) | (made.k >= p.high)
        assert clamped.any() == (bound < np.inf) and not clamped.all()
        assert not made.gains[clamped].any() and np.abs(made.gains[~clamped]).max(-1).min() > 0.0


def test_one_number_a_register_gives_the_same(monkeypatch) -> None:
    """As on a GPU."""
    p = problem(5, 3, bound=0.6)
    expected = riccati(p, 0.1)
    monkeypatch.setitem(module.LANES, ti.f64, 1)
    module._sweeper.cache_clear()
    equal(riccati(p, 0.1), expected)
    module._sweeper.cache_clear()


def motion(p: Quadratics, made: BackwardPass, x: np.ndarray, length: float) -> float:
    """Cost of the linear system under u = length k + K x."""
    cost = 0.0
    for t in range(len(p.b)):
        u = length * made.k[t] + made.gains[t] @ x
        cost += p.lx[t] @ x + p.lu[t] @ u + 0.5 * x @ p.lxx[t] @ x + 0.5 * u @ p.luu[t] @ u + u @ p.lux[t] @ x
        x = p.a[t] @ x + p.b[t] @ u + p.d[t]
    return float(cost + p.lx[-1] @ x + 0.5 * x @ p.lxx[-1] @ x)


@pytest.mark.parametrize("n, m", SIZES[1:6])
def test_values_are_costs_of_motions_and_changes_are_as_promised(n: int, m: int) -> None:
    """Regularised, at bounds and with gaps: v and V are the cost of the feedback from elsewhere. Without gaps slope and curve tell the change
    by the controls, of every step length where nothing regularises or bounds."""
    rng = np.random.default_rng(1)
    for bound, rho in ((np.inf, 0.0), (0.6, 0.7)):
        p = problem(n, m, bound=bound)
        made, x = riccati(p, rho), rng.normal(size=n)
        expected = motion(p, made, x, 1.0) - motion(p, made, 0.0 * x, 1.0)
        assert made.vx[0] @ x + 0.5 * x @ made.vxx[0] @ x == pytest.approx(expected, rel=1e-9)
        still = replace(p, d=0.0 * p.d)
        made = riccati(still, rho)
        for length in (1.0,) if rho else (1.0, 0.3):
            change = motion(still, made, 0.0 * x, length)
            assert length * made.slope + 0.5 * length**2 * made.curve == pytest.approx(change, rel=1e-9) and change < 0.0


def test_a_long_horizon_ends_at_the_linear_quadratic_regulator() -> None:
    one = problem(6, 2, horizon=1)
    many = {name: np.repeat(getattr(one, name)[:1], 400, 0) for name in ("a", "b", "d", "lu", "luu", "lux", "low", "high")}
    made = riccati(Quadratics(**many, lx=np.repeat(one.lx[:1], 401, 0), lxx=np.repeat(one.lxx[:1], 401, 0)), 0.0)
    a, b, q, r, cross = one.a[0], one.b[0], one.lxx[0], one.luu[0], one.lux[0].T
    value = solve_discrete_are(a, b, q, r, s=cross)
    np.testing.assert_allclose(made.vxx[0], value, rtol=1e-9)
    np.testing.assert_allclose(
        made.gains[0], -np.linalg.solve(r + b.T @ value @ b, b.T @ value @ a + cross.T), rtol=1e-8, atol=1e-10
    )


def least_in_box(h: np.ndarray, g: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """By trying every set of bounds."""
    best, least = np.inf, low
    for at in itertools.product((-1, 0, 1), repeat=len(g)):
        x, free = np.where(np.array(at) < 0, low, high), np.array(at) == 0
        if free.any():
            x[free] = -np.linalg.solve(h[np.ix_(free, free)], g[free] + h[np.ix_(free, ~free)] @ x[~free])
        if ((low <= x) & (x <= high)).all() and 0.5 * x @ h @ x + g @ x < best:
            best, least = 0.5 * x @ h @ x + g @ x, x
    return least


def test_controls_are_the_least_in_their_box() -> None:
    """A thousand programs, badly scaled ones and rooms without width among them; rows of K at a bound are zero, others solve for the rest."""
    rng, count, m = np.random.default_rng(2), 1000, 4
    p, scale = problem(1, m, horizon=count, seed=3), 10.0 ** rng.uniform(-3.0, 1.0, size=(count, m))
    faint = 10.0 ** rng.uniform(-15.0, 0.0, size=(count, 1))
    luu = p.luu * scale[:, :, None] * scale[:, None, :]
    low = faint * (rng.normal(size=(count, m)) - 0.5)
    room = faint * rng.exponential(size=(count, m)) * (rng.random((count, m)) < 0.8)
    none = {"lxx": 0.0 * p.lxx, "lx": 0.0 * p.lx, "b": 0.0 * p.b}
    p = replace(p, luu=luu, lu=p.lu * scale * faint, low=low, high=low + room, **none)
    made = riccati(p, 0.0)
    assert made.failed == -1
    for t in range(count):
        expected = least_in_box(luu[t], p.lu[t], low[t], p.high[t])
        np.testing.assert_allclose(made.k[t], expected, rtol=0, atol=1e-10 * (faint[t, 0] + np.abs(expected).max()))
        free = (made.k[t] > low[t]) & (made.k[t] < p.high[t])
        assert not made.gains[t][~free].any()
        rest = luu[t][np.ix_(free, free)] @ made.gains[t][free] + p.lux[t][free]
        np.testing.assert_allclose(rest, 0.0, atol=1e-10)


@pytest.mark.parametrize("value", [-5.0, np.nan])
def test_a_step_that_is_not_convex_is_told(value: float) -> None:
    """What lies behind it in time is kept, what before it is zero, also where a sweep before has left something."""
    p, at = problem(5, 3, bound=0.6), 7
    whole, luu = riccati(p, 0.0), p.luu.copy()
    luu[at, 1, 1] = value
    made = riccati(replace(p, luu=luu), 0.0)
    assert made.failed == at
    for name in ("k", "gains"):
        assert np.array_equal(getattr(made, name)[at + 1 :], getattr(whole, name)[at + 1 :])
        assert not getattr(made, name)[: at + 1].any()
    for name in ("vx", "vxx"):
        assert np.array_equal(getattr(made, name)[at + 1 :], getattr(whole, name)[at + 1 :])
        assert not getattr(made, name)[: at + 1].any()
    if np.isfinite(value):
        assert riccati(replace(p, luu=luu), 10.0).failed == -1


def test_arrays_that_do_not_fit_are_named() -> None:
    p = problem(3, 2)
    with pytest.raises(InputError, match=re.escape("riccati: lux is (12, 3, 2); allowed: (12, 2, 3), as b is (12, 3, 2)")):
        riccati(replace(p, lux=p.lux.mT), 0.0)
