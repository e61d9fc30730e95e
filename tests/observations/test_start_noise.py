"""How well measured start states are known: against many repetitions."""

import numpy as np
import pytest

from genesis.observations.dataset import Smoothing
from genesis.observations.recording import Series
from genesis.observations.start import smoothed
from genesis.observations.start_noise import _of, amplification


@pytest.mark.parametrize("smoothing", [Smoothing(), Smoothing(1), Smoothing(5, 2)])
@pytest.mark.parametrize("count", [6, 40])
def test_noise_of_smoothed_values_is_that_of_many_repetitions(smoothing: Smoothing, count: int) -> None:
    time = 0.01 * np.arange(count)
    times = np.array([0.0, 0.004, 0.03, 0.5 * time[-1], time[-1] - 0.003])
    series = Series(time, np.random.default_rng(0).standard_normal((count, 4000)), [])
    values, rates = smoothed(series, smoothing, times)
    assert np.stack([values.std(1), rates.std(1)]) == pytest.approx(amplification(time, smoothing, times), rel=0.04)


def test_what_the_filter_cannot_follow_is_in_it() -> None:
    """A motion as fast as the filter's window: its starts are as far off as is said, at the end and inside, and the noise is not."""
    time = 0.02 * np.arange(100)
    motion, rate = np.sin(9.0 * time), 9.0 * np.cos(9.0 * time)
    values, rates = smoothed(Series(time, motion[:, None], []), Smoothing(), time)
    said = _of(Series(time, motion[:, None], []), 1e-3, Smoothing(), time)
    off = np.abs(np.stack([values[:, 0] - motion, rates[:, 0] - rate]))
    assert (off < 3.0 * said).mean() > 0.97 and said[0, 0] > 0.1 > 1e-2 > 1e-3 * amplification(time, Smoothing(), time)[0].max()
    slow = np.sin(time)[:, None] + 1e-3 * np.random.default_rng(0).standard_normal((100, 1))
    assert _of(Series(time, slow, []), 1e-3, Smoothing(), time) == pytest.approx(1e-3 * amplification(time, Smoothing(), time))
