"""Autocovariances of residuals: closed forms, and the correction for what a fit takes away."""

import numpy as np
import pytest

from genesis.sysid.autocorrelation import Autocovariance, Noise, ResidualSeries, levinson, process, times


def red(random: np.random.Generator, count: int, rho: float) -> np.ndarray:
    made = random.standard_normal(count + 100)
    for k in range(1, len(made)):
        made[k] = rho * made[k - 1] + (1.0 - rho**2) ** 0.5 * made[k]
    return made[100:]


def fitted(random: np.random.Generator, rho: float, count: int = 100, windows: int = 4) -> Noise:
    """Residuals of a line that was fitted to each window, and of one number for all of them."""
    t = np.linspace(-1.0, 1.0, count)
    own, shared = np.linalg.qr(np.stack([np.ones(count), t], 1))[0], np.sin(9.0 * t)[:, None]
    shared = shared - own @ (own.T @ shared)
    shared /= np.linalg.norm(shared) * windows**0.5
    noise = [red(random, count, rho) for _ in range(windows)]
    noise = [x - own @ (own.T @ x) for x in noise]
    taken = sum(float(shared[:, 0] @ x) for x in noise)
    follow = np.concatenate([own, shared], 1)
    series = [ResidualSeries(("angle", 0), w, x - shared[:, 0] * taken, shared, follow) for w, x in enumerate(noise)]
    return Noise(series, 2, {w: np.zeros((3, 3)) for w in range(windows)})


def test_levinson_solves_the_equations_of_yule_and_walker() -> None:
    gamma = np.array([1.0, 0.6, 0.5])
    coefficients, errors = levinson(gamma)
    expected = np.linalg.solve([[1.0, 0.6], [0.6, 1.0]], [0.6, 0.5])
    assert coefficients[2] == pytest.approx(expected) and coefficients[1] == pytest.approx([0.6])
    assert errors == pytest.approx([1.0, 0.64, 1.0 - expected @ [0.6, 0.5]])


def test_a_process_goes_on_as_its_recursion() -> None:
    made = process(0.8 ** np.arange(4), 10_000)
    assert len(made.coefficients) == 1 and made.lags(6) == pytest.approx(0.8 ** np.arange(6))
    white = process(np.array([3.0, 0.01, -0.02]), 50)
    assert len(white.coefficients) == 0 and white.lags(4).tolist() == [3.0, 0.0, 0.0, 0.0]
    x = np.random.default_rng(0).standard_normal((5, 2))
    lag = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    assert times(made.lags(5), x) == pytest.approx(0.8**lag @ x)


def test_expected_autocovariances_are_those_of_the_projected_noise() -> None:
    noise = fitted(np.random.default_rng(0), 0.7, count=12, windows=2)
    process_ = {("angle", 0): Autocovariance(np.array([1.0, 0.7]), np.array([0.7]))}
    f = np.zeros((24, 5))
    for w in (0, 1):
        f[12 * w : 12 * w + 12, 2 * w : 2 * w + 2] = noise.series[w].f[:, :2]
        f[12 * w : 12 * w + 12, 4] = noise.series[w].f[:, 2]
    lag = np.abs(np.subtract.outer(np.arange(12), np.arange(12)))
    left = np.eye(24) - f @ f.T
    whole = left @ np.kron(np.eye(2), 0.7**lag) @ left
    for k, found in enumerate(noise.expected(process_)["angle", 0]):
        assert found == pytest.approx(
            sum(np.trace(whole[12 * w : 12 * w + 12, 12 * w : 12 * w + 12], k) for w in (0, 1)) / (2 * (12 - k))
        )


def test_memory_and_power_are_found_although_the_fit_has_followed() -> None:
    """Ordinary estimates would be 0.6 of a power of one and a memory too short by a third."""
    random, spreads, raw = np.random.default_rng(1), [], []
    for _ in range(40):
        noise = fitted(random, 0.9)
        spreads.append(float(noise.spread()[0, 0]))
        raw.append(noise.seen["angle", 0][0])
        assert noise.correlated()
    t = np.linspace(-1.0, 1.0, 100)
    own = np.linalg.qr(np.stack([np.ones(100), t], 1))[0]
    s = np.sin(9.0 * t) - own @ (own.T @ np.sin(9.0 * t))
    lag = np.abs(np.subtract.outer(np.arange(100), np.arange(100)))
    assert np.mean(spreads) == pytest.approx(s @ 0.9**lag @ s / (s @ s), rel=0.15)
    assert np.mean(raw) < 0.85


def test_white_noise_is_taken_for_white() -> None:
    random = np.random.default_rng(2)
    assert sum(fitted(random, 0.0).correlated() for _ in range(100)) <= 4


def test_the_noise_of_windows_that_follow_each_other_goes_on() -> None:
    """Short windows see the same sum of a long memory as one long window does; windows apart do not."""
    random = np.random.default_rng(3)
    noise = red(random, 4000, 0.95)
    ones, free = np.ones((20, 1)), np.zeros((20, 1))
    series = [ResidualSeries(("angle", 0), w, noise[20 * w : 20 * w + 20], ones, free) for w in range(200)]
    believed = {w: np.zeros((1, 1)) for w in range(200)}
    apart = Noise(series, 0, believed)
    joined = Noise(series[::-1], 0, believed, {w: w - 1 for w in range(1, 200)})
    gamma = joined.processes["angle", 0]
    lag = np.abs(np.subtract.outer(np.arange(4000), np.arange(4000)))
    assert joined.spread()[0, 0] == pytest.approx(gamma.lags(4000)[lag].sum(), rel=1e-9)
    assert apart.spread()[0, 0] == pytest.approx(200 * gamma.lags(20)[lag[:20, :20]].sum(), rel=1e-9)
    assert (joined.spread() / apart.spread())[0, 0] > 1.5
    half = Noise(series, 0, believed, {w: w - 1 for w in range(1, 200) if w != 100})
    assert half.spread()[0, 0] == pytest.approx(2 * gamma.lags(2000)[lag[:2000, :2000]].sum(), rel=1e-9)
