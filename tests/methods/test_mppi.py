"""MPPI: weights, noise, what becomes of mean and variances."""

from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.methods.method import Group
from genesis.methods.mppi import MPPI


class Bowl:
    """Σ (x − 1)² of leaves (K, n); values of everything asked are kept."""

    def __init__(self, *shape: int, in_time: bool = True, broken: int = 0) -> None:
        self.leaf = torch.zeros(*shape, dtype=torch.float64)
        self.groups = [Group("x", [self.leaf], [None], None, lambda: None, in_time=in_time)]
        self.failure, self.diverged, self.exact, self.broken = None, (), True, broken
        self.asked: list[np.ndarray] = []

    def evaluate(self, gradient: bool = True) -> float:
        return float(((self.leaf - 1.0) ** 2).sum())

    def values(self, points: np.ndarray) -> np.ndarray:
        self.asked.append(points.copy())
        values = ((points - 1.0) ** 2).sum(1)
        values[: self.broken] = np.inf
        return values


def begun(objective: Bowl, **options: Any) -> MPPI:
    method = MPPI(**options)
    method.init(objective)  # type: ignore[arg-type]
    assert method.look() is None
    return method


def test_the_mean_is_that_of_the_weighed_candidates_and_the_first_of_the_next() -> None:
    objective = Bowl(4, 2)
    method = begun(objective, temperature=3.0, adapt=0.25, spread=0.7, population=20)
    assert method.step() is None
    drawn, values = objective.asked[0], ((objective.asked[0] - 1.0) ** 2).sum(1)
    weights = np.exp(-values / 3.0) / np.exp(-values / 3.0).sum()
    assert method.mean == pytest.approx(weights @ drawn, rel=1e-12)
    assert method.width**2 == pytest.approx(0.75 + 0.25 * (weights @ drawn**2) / 0.49, rel=1e-12)
    assert np.array_equal(drawn[0], np.zeros(8)) and objective.leaf.reshape(-1).numpy() == pytest.approx(drawn[values.argmin()])
    mean = method.mean.copy()
    method.step()
    assert np.array_equal(objective.asked[1][0], mean)


@pytest.mark.parametrize("elite", [0.05, 0.3])
def test_the_temperature_counts_the_wanted_part(elite: float) -> None:
    method = begun(Bowl(5, 3), population=200, elite=elite)
    for scale in (1e-9, 1.0, 1e9):  # whatever the unit of the cost is
        values = scale * np.random.default_rng(0).standard_normal(200) ** 2
        weights = method._weights(values)
        assert weights.sum() == pytest.approx(1.0) and 1.0 / (weights**2).sum() == pytest.approx(200 * elite, rel=1e-6)
        assert (np.diff(weights[np.argsort(values)]) <= 0.0).all()
    assert method._weights(np.ones(4)) == pytest.approx(0.25)


def test_noise_is_correlated_along_time_alone_and_has_unit_variance() -> None:
    noise = begun(Bowl(6, 2), population=40000, smoothing=0.8)._noise()[1:].reshape(-1, 6, 2)
    correlation = np.corrcoef(noise.reshape(-1, 12).T).reshape(6, 2, 6, 2)
    for t in range(6):
        for s in range(6):
            assert correlation[t, :, s, :] == pytest.approx(0.8 ** abs(t - s) * np.eye(2), abs=0.03)
    assert noise.std(0) == pytest.approx(np.ones((6, 2)), abs=0.02)
    plain = begun(Bowl(6, 2, in_time=False), population=40000, smoothing=0.8)._noise()[1:]
    assert np.corrcoef(plain.T) == pytest.approx(np.eye(12), abs=0.03)


def test_candidates_without_a_value_weigh_nothing() -> None:
    objective = Bowl(3, 1, broken=5)
    method = begun(objective, population=8, temperature=1.0)
    method.step()
    drawn = objective.asked[0][5:]
    weights = np.exp(-((drawn - 1.0) ** 2).sum(1))
    assert method.mean == pytest.approx(weights @ drawn / weights.sum(), rel=1e-12)


def test_the_spread_stays_where_it_is_not_adapted() -> None:
    method = begun(Bowl(3, 1), adapt=0.0)
    for _ in range(5):
        method.step()
    assert (method.width == 1.0).all()


@pytest.mark.parametrize(
    ("key", "value", "allowed"), [("smoothing", 1.0, "below 1"), ("elite", 1.5, "at most 1"), ("adapt", 2.0, "at most 1")]
)
def test_wrong_options_are_named(key: str, value: float, allowed: str) -> None:
    with pytest.raises(InputError, match=rf"optimizer\.{key}: {value:g} is too large; allowed: {allowed}"):
        MPPI(**{key: value})
