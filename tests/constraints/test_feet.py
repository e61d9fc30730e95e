"""Gaits, and what is asked of feet."""

from typing import Any

import pytest
import torch

import genesis as gs
from genesis.constraints.feet import ContactSchedule, Gait, Slip
from genesis.errors import InputError
from genesis.grad.rotation import from_rotation_vector
from genesis.setting import Setting
from genesis.view import TrajectoryView
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


def test_a_margin_counts_the_steps_in_which_a_foot_lands_and_leaves() -> None:
    gait = Gait(0.4, 0.6, [0.0, 0.5])
    times = torch.arange(0, 21, dtype=torch.float64) * 0.02
    assert gait.stands(times, 0.02)[:, 0].tolist() == [True] * 13 + [False] * 6 + [True] * 2
    _, task = configured("task=trot", "task.horizon=20", "task.distance=0.1")
    (speeds,) = Slip(task.setting, "x", feet=CALVES, speed=0.02, margin=0.02, **TROT).quantities
    counted = speeds.high[:, 0] == 0.02
    assert counted.tolist() == [True] * 12 + [False] * 7 + [True], "state 12, which has left, and 19, which will land"


BALL = "<mujoco><worldbody><body name='ball'><freejoint/><geom type='sphere' size='0.1'/></body></worldbody></mujoco>"


def slip_of(qpos: torch.Tensor, **options: Any) -> tuple[Slip, list[torch.Tensor]]:
    """Of a ball of 0.1 m in these states (T+1, 7), 0.02 s apart, which stands for the first half of a second."""
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.02))
    ball = scene.add_entity(gs.morphs.MJCF(file=BALL), name="ball")
    scene.build()
    still = torch.zeros(len(qpos), 6, dtype=torch.float64)
    setting = Setting(
        scene=scene, robot=ball, entities={"ball": ball}, tool=None, horizon=len(qpos) - 1, dt=0.02, control="force",
        start_qpos=qpos[0], start_qvel=still[0], generator=torch.Generator(),
    )  # fmt: skip
    slip = Slip(setting, "x", feet=["ball"], period=1.0, duty=0.5, offsets=[0.0], **options)
    view = TrajectoryView(scene.trajectory(qpos, still, still[1:], kind="force"))
    return slip, [one.values for one in slip.measure(view)]


def test_a_ball_that_rolls_does_not_slip_and_one_that_spins_or_slides_does() -> None:
    turns = torch.linspace(0.0, 2.5, 11, dtype=torch.float64).unsqueeze(-1)  # [rad], a quarter a step
    over = torch.tensor([-0.6, 0.8, 0.0], dtype=torch.float64)  # it turns about this, and rolls along (0.8, 0.6)
    quats = from_rotation_vector(turns * over)
    way = 0.1 * turns * torch.tensor([0.8, 0.6, 0.0], dtype=torch.float64) + torch.tensor([0.0, 0.0, 0.1], dtype=torch.float64)
    slip, (speeds, lengths) = slip_of(torch.cat([way, quats], -1), radius=0.1, length=0.2)
    assert speeds.abs().max() < 1e-12 and lengths.abs().max() < 1e-12
    assert slip_of(torch.cat([way, quats], -1))[1][0][3] == pytest.approx([1.0, 0.75]), "without a radius its middle counts"
    _, (speeds, lengths) = slip_of(torch.cat([way, quats[:1].expand(11, 4)], -1), radius=0.1, length=0.2)
    assert speeds[3] == pytest.approx([1.0, 0.75]) and lengths.item() == pytest.approx(0.25, abs=11e-5)
    _, (speeds, lengths) = slip_of(torch.cat([way[:1].expand(11, 3), quats], -1), radius=0.1, length=0.2)
    assert speeds[3] == pytest.approx([-1.0, -0.75]) and lengths.item() == pytest.approx(0.25, abs=11e-5)


def test_the_length_of_a_slip_is_of_steps_in_which_the_foot_stands_and_at_most_what_is_said() -> None:
    way = torch.zeros(41, 7, dtype=torch.float64)
    way[:, 3], way[:, 0] = 1.0, 0.01 * torch.arange(41)  # 40 steps of 1 cm, of which the foot stands for 24: states 0 to 24
    slip, (_, lengths) = slip_of(way, length=0.2)
    assert lengths.shape == (1, 1) and lengths.item() == pytest.approx(0.24, abs=24e-5)
    limit = slip.quantities[1]
    assert limit.unit == "m" and limit.violation(lengths).item() == pytest.approx(0.04, abs=24e-5)
    assert limit.violation(lengths - 0.3).item() == 0.0 and limit.tolerance == 1e-3
    _, (_, lengths) = slip_of(way[:1].expand(41, 7), length=0.2)
    assert lengths.item() == 0.0, "of a foot that rests, exactly none"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"offsets": [0.0]}, r"x\.offsets: has 1 entries for 4 feet"), ({"duty": 1.0}, "duty between 0 and 1"), ({"feet": []}, "none is named"),
     ({"feet": ["FL_calff"]}, "FL_calf")],
)  # fmt: skip
def test_feet_that_cannot_be_are_named(options: dict, message: str) -> None:
    _, task = configured("task=trot", "task.horizon=20", "task.distance=0.1")
    with pytest.raises(InputError, match=message):
        ContactSchedule(task.setting, "x", **{"feet": CALVES, **TROT, **options})


@pytest.mark.parametrize("margin", [0.09, -0.01])
def test_a_margin_that_leaves_no_swing_is_named(margin: float) -> None:
    _, task = configured("task=trot", "task.horizon=20", "task.distance=0.1")
    with pytest.raises(InputError, match=r"x\.margin: .* leave nothing of a swing of 0\.16 s"):
        Slip(task.setting, "x", feet=CALVES, margin=margin, **TROT)
