"""Gaits, and what is asked of feet."""

import pytest
import torch

from genesis.constraints.feet import ContactSchedule, Gait, Slip
from genesis.errors import InputError
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

CALVES = ["FL_calf", "FR_calf", "RL_calf", "RR_calf"]
TROT = {"period": 0.4, "duty": 0.6, "offsets": [0.0, 0.5, 0.5, 0.0]}


def test_a_gait_says_who_stands_and_how_high_the_others_are() -> None:
    gait = Gait(0.4, 0.6, [0.0, 0.5])
    times = torch.arange(0, 21, dtype=torch.float64) * 0.02
    stands = gait.stands(times)
    assert stands[:, 0].tolist() == [True] * 12 + [False] * 8 + [True]
    assert torch.equal(stands[:10, 1], stands[10:20, 0]) and torch.equal(stands[10:20, 1], stands[:10, 0])
    lift = gait.lift(times)
    assert (
        bool((lift[stands] == 0.0).all())
        and float(lift[16, 0]) == pytest.approx(1.0)
        and float(lift[14, 0]) == pytest.approx(0.5)
    )


def test_schedules_ask_for_heights_and_slip_for_speeds_of_feet_that_stand_alone() -> None:
    _, task = configured("task=trot", "task.horizon=20", "task.distance=0.1")
    schedule = ContactSchedule(task.setting, "x", feet=CALVES, clearance=0.05, sole=0.01, **TROT)
    (heights,) = schedule.quantities
    assert heights.low.shape == (20, 4)  # of the states from the first step on
    assert heights.high[0, 0] == 0.01 and heights.low[0, 0] == -torch.inf, "the first pair stands at first"
    assert heights.low[15, 0] == pytest.approx(0.05) and heights.high[15, 0] == torch.inf
    slip = Slip(task.setting, "x", feet=CALVES, speed=0.02, **TROT)
    (speeds,) = slip.quantities
    assert speeds.high.shape == (20, 8) and speeds.labels[:3] == ["FL_calf x", "FL_calf y", "FR_calf x"]
    assert speeds.high[0, 0] == 0.02 == -speeds.low[0, 1] and speeds.high[11, 0] == torch.inf == speeds.high[12, 1]
    with torch.no_grad():
        view = task.simulate()[0]
        (rows,) = slip.measure(view)
    foot = view.point(task.setting.robot, "FR_calf")
    assert rows.values[:, 2:4] == pytest.approx((foot[1:, :2] - foot[:-1, :2]) / 0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"offsets": [0.0]}, r"x\.offsets: has 1 entries for 4 feet"), ({"duty": 1.0}, "duty between 0 and 1"), ({"feet": []}, "none is named"),
     ({"feet": ["FL_calff"]}, "FL_calf")],
)  # fmt: skip
def test_feet_that_cannot_be_are_named(options: dict, message: str) -> None:
    _, task = configured("task=trot", "task.horizon=20", "task.distance=0.1")
    with pytest.raises(InputError, match=message):
        ContactSchedule(task.setting, "x", **{"feet": CALVES, **TROT, **options})
