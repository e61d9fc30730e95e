"""Bounds: values stay inside, free numbers come back, gradients are right."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.errors import InputError
from genesis.parameters.bounds import Bounds, read_bounds
from tests.settings import numbers

pytestmark = pytest.mark.usefixtures("engine")
INF = math.inf


@given(st.lists(st.floats(-50, 50), min_size=4, max_size=4))
@settings(deadline=None)
def test_smooth_values_stay_inside_and_invert(free: list[float]) -> None:
    bounds = Bounds(numbers(-2.0, 1.0, -INF, -INF), numbers(3.0, INF, 5.0, INF), smooth=True)
    value = bounds.apply(numbers(*free))
    assert bool((value >= bounds.low).all()) and bool((value <= bounds.high).all())
    again = bounds.apply(bounds.invert(value))
    assert torch.allclose(again, value, atol=2e-8, rtol=1e-9)


def test_values_on_the_edge_invert_in_32_bits_too() -> None:
    low, high = numbers(-2.0, -3.0).float(), numbers(6.0, 3.0).float()
    bounds = Bounds(low, high, smooth=True)
    for value in (low, high):
        free = bounds.invert(value)
        assert bool(torch.isfinite(free).all()) and torch.allclose(bounds.apply(free), value, rtol=1e-6)


def test_smooth_values_by_formula() -> None:
    bounds = Bounds(numbers(-2.0, 1.0, -INF), numbers(3.0, INF, 5.0), smooth=True)
    value = bounds.apply(numbers(1.0, 2.0, 3.0))
    expected = [0.5 + 2.5 * math.tanh(0.5 / 2.5), 1.0 + math.log1p(math.e), 5.0 - math.log1p(math.exp(2.0))]
    assert value.tolist() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize(
    "sides", [((-2.0, 1.0, -INF, -INF), (3.0, INF, 5.0, INF)), ((-2.0, -1.0, 0.0, 1.0), (3.0, 4.0, 5.0, 6.0))]
)
def test_slope_is_the_derivative_of_what_is_applied(smooth: bool, sides: tuple[tuple[float, ...], tuple[float, ...]]) -> None:
    bounds = Bounds(numbers(*sides[0]), numbers(*sides[1]), smooth=smooth)
    for free in ((0.3, 1.4, 4.7, 2.0), (-3.0, 0.5, 9.0, -4.0), (-2.0, 1.0, 5.0, 6.0)):
        here = numbers(*free).requires_grad_()
        bounds.apply(here).sum().backward()
        assert torch.allclose(bounds.slope(here.detach()), here.grad, rtol=1e-14, atol=1e-15)


def test_slope_is_one_in_the_middle_and_gradients_are_finite_everywhere() -> None:
    bounds = Bounds(numbers(-2.0, 1.0, -INF, -INF), numbers(3.0, INF, 5.0, INF), smooth=True)
    free = numbers(0.5, 1e3, -1e3, 7.0).requires_grad_()
    bounds.apply(free).sum().backward()
    assert free.grad.tolist() == pytest.approx([1.0, 1.0, 1.0, 1.0])
    far = numbers(1e4, -1e4, 1e4, -1e4).requires_grad_()
    bounds.apply(far).sum().backward()
    assert far.grad.tolist() == pytest.approx([0.0, 0.0, 0.0, 1.0], abs=1e-300)


def test_smooth_gradient_against_differences() -> None:
    bounds = Bounds(numbers(-2.0, 1.0, -INF), numbers(3.0, INF, 5.0), smooth=True)
    assert torch.autograd.gradcheck(bounds.apply, (numbers(1.3, 0.2, 4.0).requires_grad_(),))


def test_clamp_cuts_off_and_projects() -> None:
    bounds = Bounds(numbers(-1.0, 0.0), numbers(1.0, INF), smooth=False)
    free = numbers(2.0, -3.0)
    assert bounds.apply(free).tolist() == [1.0, 0.0]
    bounds.project(free)
    assert free.tolist() == [1.0, 0.0]


def test_reading_bounds() -> None:
    named = {"limits": (numbers(-1.0, -2.0), numbers(1.0, 2.0))}
    assert read_bounds("p", None, 2, "smooth", named) is None
    assert read_bounds("p", [None, None], 2, "smooth", named) is None
    limits = read_bounds("p", "limits", 2, "clamp", named)
    assert limits.high.tolist() == [1.0, 2.0] and not limits.smooth
    mixed = read_bounds("p", [0, [1, None]], 2, "smooth", named)
    assert mixed.low.tolist() == [0.0, 0.0] and mixed.high.tolist() == [1.0, INF]
    for given_value, message in (
        ("limit", '"limit" is not allowed; allowed: limits'),
        ([1], r"\[1\] is not allowed; write \[low, high\]"),
        ([0, [1, 2, 3]], r"\[1, 2, 3\] needs a number or 2 of them"),
        ([0, "x"], "'x' is neither a number nor a list"),
        ([1, [2, 0.5]], "entry 1: low 1 is not below high 0.5"),
    ):
        with pytest.raises(InputError, match=message):
            read_bounds("p", given_value, 2, "smooth", named)
