"""Rows of one instant as one: numbers that only one of them has, that agree, and that differ."""

import numpy as np
import pytest

from genesis.observations.duplicates import one_each

NAN = np.nan
TIME = np.array([0.0, 1.0, 1.0, 1.0, 2.0])
VALUES = np.array([[0.0, 5.0], [1.0, NAN], [NAN, 7.0], [1.0, 8.0], [2.0, 9.0]])


@pytest.mark.parametrize(("how", "expected"), [("first", 7.0), ("last", 8.0), ("mean", 7.5)])
def test_each_number_by_itself(how: str, expected: float) -> None:
    time, values, other = one_each(TIME, VALUES, how)
    assert time.tolist() == [0.0, 1.0, 2.0] and other is None
    assert values.tolist() == [[0.0, 5.0], [1.0, expected], [2.0, 9.0]]


def test_the_first_row_that_differs_is_found() -> None:
    assert one_each(TIME, VALUES, "error")[2] == 3
    assert one_each(TIME[:3], VALUES[:3], "error")[2] is None


def test_rows_of_different_times_stay_themselves() -> None:
    time = np.arange(5.0)
    assert one_each(time, VALUES, "error")[1] is VALUES


def test_quaternions_are_alike_with_either_sign() -> None:
    q = np.array([[0.6, 0.8, 0.0, 0.0], [-0.6, -0.8, 0.0, 0.0]])
    time, values, other = one_each(np.zeros(2), q, "error", quaternions=True)
    assert other is None and values.tolist() == [[0.6, 0.8, 0.0, 0.0]]
    half = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0]])
    mean = one_each(np.zeros(2), half, "mean", quaternions=True)[1]
    np.testing.assert_allclose(mean, [[np.sqrt(0.5), -np.sqrt(0.5), 0.0, 0.0]], atol=1e-15)
