"""The augmented Lagrangian: its value, its residuals, and a quadratic programme whose multipliers are known."""

import pytest
import torch
from torch import Tensor

from genesis.problems.augmented_lagrangian import HIGHEST, RAISE, AugmentedLagrangian, acts, outside
from tests.settings import numbers


def test_value_is_the_lagrangian_with_a_quadratic_and_a_constant() -> None:
    law = AugmentedLagrangian(3.0, numbers(1.0, -2.0))
    c = numbers(0.5, 0.25)
    plain = (law.multipliers * c).sum() + 1.5 * c.square().sum()
    constant = law.multipliers.square().sum() / 6.0
    assert float(law.value(c)) == pytest.approx(float(plain + constant), rel=1e-14)
    assert float(0.5 * law.residuals(c).square().sum()) == pytest.approx(float(law.value(c)), rel=1e-14)


def minimum(law: AugmentedLagrangian) -> Tensor:
    """Of ½ |x|² under x_0 + x_1 = 2: the normal equations of the augmented cost."""
    row = numbers(1.0, 1.0)
    hessian = torch.eye(2, dtype=torch.float64) + law.weight * torch.outer(row, row)
    return torch.linalg.solve(hessian, (law.weight * 2.0 - float(law.multipliers)) * row)


def test_rounds_come_to_the_constrained_minimum_and_its_multiplier() -> None:
    law = AugmentedLagrangian(1.0, numbers(0.0))
    for _ in range(12):
        law.next_round(minimum(law).sum()[None] - 2.0)
    assert minimum(law) == pytest.approx([1.0, 1.0], abs=1e-9)
    assert float(law.multipliers) == pytest.approx(-1.0, abs=1e-8)


def test_weight_grows_only_where_the_violation_does_not_fall_by_four_and_only_so_far() -> None:
    law = AugmentedLagrangian(2.0, numbers(0.0))
    law.next_round(numbers(1.0))
    assert law.weight == 2.0 and float(law.multipliers) == 2.0
    law.next_round(numbers(0.2))
    assert law.weight == 2.0 and float(law.multipliers) == pytest.approx(2.4)
    law.next_round(numbers(0.1))
    assert law.weight == 2.0 * RAISE
    for _ in range(20):
        law.next_round(numbers(0.1))
    assert law.weight == pytest.approx(2.0 * HIGHEST)


def test_rounds_are_gone_back_to_and_stored() -> None:
    law = AugmentedLagrangian(2.0, numbers(0.0))
    for violation in (1.0, 0.9, 0.8):
        law.next_round(numbers(violation))
    weight, multipliers = law.weight, law.multipliers
    law.go_to(0)
    assert law.weight == 2.0 and float(law.multipliers) == 0.0
    other = AugmentedLagrangian(5.0, numbers(7.0))
    other.load_state_dict(law.state_dict())
    other.go_to(3)
    assert other.weight == weight and torch.equal(other.multipliers, multipliers)


INF = float("inf")


@pytest.mark.parametrize(
    ("low", "high", "y", "off", "slope"),
    [(-1.0, 2.0, [-1.5, -1.0, 0.3, 2.0, 2.25], [-0.5, 0.0, 0.0, 0.0, 0.25], [1.0, 0.0, 0.0, 0.0, 1.0]),
     (-INF, 2.0, [-1e300, 3.0], [0.0, 1.0], [0.0, 1.0]), (0.5, INF, [0.25, 1e300], [-0.25, 0.0], [1.0, 0.0]),
     (1.0, 1.0, [0.5, 1.0, 2.0], [-0.5, 0.0, 1.0], [1.0, 1.0, 1.0])],
)  # fmt: skip
def test_what_is_outside_a_range_and_its_slope_which_an_equality_has_also_at_its_number(
    low: float, high: float, y: list[float], off: list[float], slope: list[float]
) -> None:
    x = numbers(*y).requires_grad_()
    found = outside(x, low, high)
    found.sum().backward()
    assert found.tolist() == off and x.grad is not None and x.grad.tolist() == slope == acts(x.detach(), low, high).tolist()


def test_sides_of_each_row_stand_beside_an_axis_of_environments() -> None:
    y = torch.full((3, 2, 1), 1.0, dtype=torch.float64)
    found = outside(y, -INF, numbers([0.0], [0.5], [2.0]))
    assert found[:, :, 0].tolist() == [[1.0, 1.0], [0.5, 0.5], [0.0, 0.0]]


def test_rounds_of_ranges_come_to_the_minimum_and_the_multipliers_of_the_sides_that_bind() -> None:
    """½ Σ (x − t)² with x_0 ≤ 1, x_1 ≥ −2, |x_2| ≤ 5: targets beyond the first two sides by 3 and 0.5."""
    target, low, high = numbers(4.0, -2.5, 3.0), numbers(-INF, -2.0, -5.0), numbers(1.0, INF, 5.0)
    law = AugmentedLagrangian(1.0, numbers(0.0), low=low, high=high)
    for _ in range(40):
        bound = torch.where(target > high, high, torch.where(target < low, low, target))
        x = (target + law.weight * bound - law.multipliers) / (1.0 + law.weight)  # its stationary point, with both sides active
        x = torch.where(torch.tensor([True, True, False]), x, target)
        law.next_round(x)
    assert x.tolist() == pytest.approx([1.0, -2.0, 3.0], abs=1e-9)
    assert law.multipliers.tolist() == pytest.approx([3.0, -0.5, 0.0], abs=1e-8)


def test_the_price_of_one_side_is_that_of_the_textbooks() -> None:
    law = AugmentedLagrangian(3.0, numbers(1.0, 0.0, 2.0), low=-INF, high=0.0)
    c = numbers(-0.1, -0.2, 0.5)
    wanted = 0.5 / 3.0 * torch.relu(law.multipliers + 3.0 * c).square().sum()
    assert float(law.value(c)) == pytest.approx(float(wanted), rel=1e-14)
