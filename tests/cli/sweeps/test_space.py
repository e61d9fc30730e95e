"""Values drawn by chance, and intervals that are none."""

import math
import random

import pytest

from genesis_cli.errors import CommandError
from genesis_cli.sweeps.space import Axis, read_space


def drawn(axis: Axis, count: int = 2000) -> list[str]:
    source = random.Random(3)
    return [axis.draw(source) for _ in range(count)]


def test_values_are_drawn_evenly() -> None:
    found = drawn(Axis("a", values=["x", "y", "z"]))
    assert all(abs(found.count(value) / len(found) - 1 / 3) < 0.05 for value in "xyz")


def test_intervals_are_drawn_evenly_in_value_or_in_logarithm() -> None:
    plain = [float(value) for value in drawn(Axis("a", low=1.0, high=100.0))]
    log = [float(value) for value in drawn(Axis("a", low=1.0, high=100.0, log=True))]
    assert all(1.0 <= value <= 100.0 for value in plain + log)
    assert abs(sum(plain) / len(plain) - 50.5) < 2.0
    assert abs(sum(map(math.log10, log)) / len(log) - 1.0) < 0.05, "the middle of 1 and 100 is 10"


def test_whole_numbers() -> None:
    assert set(drawn(Axis("a", low=1, high=3, whole=True))) == {"1", "2", "3"}


def test_every_digit_is_kept() -> None:
    value = drawn(Axis("a", low=0.0, high=1.0), 1)[0]
    assert float(value) == random.Random(3).uniform(0.0, 1.0)


@pytest.mark.parametrize("interval", ["interval(1,1)", "interval(2,1)", "tag(log,interval(0,1))", "tag(log,interval(-1,1))"])
def test_empty_intervals_are_refused(interval: str) -> None:
    with pytest.raises(CommandError, match="a.b: interval.* must go from low to high"):
        read_space([f"a.b={interval}"], None)


def test_an_interval_below_zero_is_one_without_logarithm() -> None:
    _, (axis,) = read_space(["a=interval(-1,0)"], None)
    assert (axis.low, axis.high, axis.log, axis.discrete) == (-1, 0, False, False)
