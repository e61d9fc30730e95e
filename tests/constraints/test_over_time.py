"""What is drawn of constraints: the number nearest to its limits, by hand; and what simulations store of it."""

import math

import numpy as np
import pytest
import torch

from genesis.constraints import Constraint, ConstraintSet, RangedQuantity, worst_over_time
from genesis.losses.term import TimeRows
from genesis.runners.series import series_arrays, soft_violations
from genesis.runners.simulate import simulate
from genesis.view import View
from tests.settings import fake, numbers
from tests.tasks.configured import configured

INF = math.inf


class Given(Constraint):
    """Rows as they are given."""

    def __init__(self, quantity: RangedQuantity, rows: TimeRows) -> None:
        self.quantities, self.rows = [quantity], rows

    def measure(self, trajectory: View) -> list[TimeRows]:
        return [self.rows]


def drawn(low, high, values, first: int = 1, reach: int = 0, scale: float = 2.0, states: int = 4):
    low, high = torch.as_tensor(low, dtype=torch.float64), torch.as_tensor(high, dtype=torch.float64)
    m = low.shape[-1]
    quantity = RangedQuantity("m", [str(k) for k in range(m)], low, high, torch.full((m,), scale, dtype=torch.float64), 0.01)
    made = ConstraintSet({"c": (Given(quantity, TimeRows(values, first, reach)), True, 1.0)})
    return worst_over_time(made, fake(), states)["c_violation_m"]


def test_of_several_numbers_the_one_nearest_to_its_limits_is_drawn() -> None:
    values = numbers([0.5, 3.0], [1.0, -2.0], [0.1, 0.2])
    for low, high, words, lines, expected in (
        ([-INF, -INF], [4.0, 4.0], "largest", (-INF, 4.0), [3.0, 1.0, 0.2]),
        ([0.02, 0.02], [INF, INF], "smallest", (0.02, INF), [0.5, -2.0, 0.1]),
        ([0.0, 0.0], [0.0, 0.0], "largest error", (-INF, 0.01), [3.0, 2.0, 0.2]),
        ([-1.0, 0.0], [1.0, 4.0], "share of the limit", (-INF, 1.0), [0.5, 2.0, 0.9]),
        ([-INF, -INF], [1.0, 4.0], "share of the limit", (-INF, 1.0), [0.75, 1.0, 0.55]),
    ):
        one = drawn(low, high, values)
        assert (one.words, (one.low, one.high)) == (words, lines)
        assert torch.isnan(one.values[0]) and one.values[1:].tolist() == pytest.approx(expected), words
        assert one.unit == ("" if words == "share of the limit" else "m")


def test_one_number_is_drawn_as_it_is_and_rows_stand_at_their_last_step() -> None:
    one = drawn([-1.0], [2.0], numbers([0.5], [3.0]), first=0, reach=1)
    assert (one.words, one.low, one.high) == ("value", -1.0, 2.0)
    assert one.values[1:3].tolist() == [0.5, 3.0] and torch.isnan(one.values[[0, 3]]).all()


def test_environments_have_a_column_each_and_targets_in_time_are_followed() -> None:
    path = numbers([0.0, 1.0], [1.0, 1.0], [2.0, 1.0])
    values = torch.stack([path, path + 0.25], 1)
    one = drawn(path, path, values)
    assert one.values.shape == (4, 2) and one.values[1:].tolist() == pytest.approx(np.tile([0.0, 0.25], (3, 1)))


@pytest.mark.usefixtures("engine")
def test_simulations_store_curves_lines_words_and_violations() -> None:
    _, task = configured(
        "task.horizon=6", "parameter.controls.count=4", "+constraint.low={kind: position, high: [null, null, 0.3], hard: false}",
        "+constraint.fast={kind: joint_velocity, at: end, limit: 1e-9, hard: false}",
    )  # fmt: skip
    done = simulate(task)
    with torch.no_grad():
        view, _ = task.simulate()
    z = view.point(task.setting.robot, task.setting.tool)[:, 2].numpy()
    stored = done.arrays["constraint/low_violation_m"]
    assert np.isnan(stored[0]) and stored[1:] == pytest.approx(1.0 + (z[1:] - 0.3) / 0.3)
    assert list(done.arrays["constraint_lines/low_violation_m"]) == [-INF, 1.0]
    assert list(done.arrays["constraint_meaning/fast_violation_rad_per_s"]) == ["share of the limit", ""]
    told = done.constraints["low_violation_m"]
    assert told["violation"] == pytest.approx(z[1:].max() - 0.3) and not told["holds"] and not told["hard"] and told["of"] == "z"
    assert soft_violations(task) == {"constraints": done.constraints}
    hard = configured("task.horizon=6", "parameter.controls.count=4", "+constraint.low={kind: position, high: 0.3}")[1]
    assert soft_violations(hard) == {}, "the rounds tell of these"


@pytest.mark.usefixtures("engine")
def test_environments_that_are_left_out_have_no_numbers() -> None:
    _, task = configured("task.horizon=4", "parameter.controls.count=4", "task.envs=3",
                         "+constraint.low={kind: half_space, normal: [0, 0, 1], distance: 0.3, hard: false}")  # fmt: skip
    with torch.no_grad():
        view, _ = task.simulate((1,))
    found = series_arrays(task, view, (1,))["constraint/low_violation_m"]
    assert found.shape == (5, 3) and np.isnan(found[:, 1]).all() and np.isfinite(found[1:, [0, 2]]).all()
    assert soft_violations(task, (0, 1))["constraints"]["low_violation_m"]["environment"] == 2
