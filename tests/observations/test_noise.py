"""Noise that is put in comes out."""

import numpy as np
import pytest

from genesis.observations.noise import noise_level, quantum


@pytest.mark.parametrize("sigma", [0.3, 1e-3])
@pytest.mark.parametrize("jitter", [0.0, 0.9])
def test_white_noise_on_a_fast_signal_at_uneven_times(sigma: float, jitter: float) -> None:
    """A level within 5 % from 5000 samples, although the motion between two samples is a hundred times the small noise."""
    random = np.random.default_rng(0)
    time = (np.arange(5000) + jitter * random.uniform(-0.5, 0.5, 5000)) * 2e-3
    values = 3.0 * np.sin(20.0 * time) + sigma * random.standard_normal(5000)
    assert noise_level(time, values) == pytest.approx(sigma, rel=0.05)


def test_jumps_and_gaps_do_not_count() -> None:
    random = np.random.default_rng(1)
    time = np.arange(4000) * 1e-2
    values = np.sin(time) + np.where(time % 4.0 > 2.0, 5.0, 0.0) + 0.02 * random.standard_normal(4000)
    values[100:140] = np.nan
    assert noise_level(time, values) == pytest.approx(0.02, rel=0.06)


def test_rounding_is_noise_where_nothing_moves() -> None:
    time = np.arange(1000) * 1e-2
    values = np.round(np.sin(0.01 * time) / 0.003) * 0.003
    assert quantum(values) == pytest.approx(0.003, rel=1e-9)
    assert noise_level(time, values) == pytest.approx(0.003 / np.sqrt(12.0), rel=1e-6)


@pytest.mark.parametrize(("values", "level"), [([2.0], 0.0), ([0.0, 0.0, 0.0], 0.0), ([0.0] * 5 + [1.0], 1.0 / np.sqrt(12.0))])
def test_short_and_constant_series(values: list[float], level: float) -> None:
    assert noise_level(np.arange(len(values), dtype=float), np.array(values)) == pytest.approx(level)
