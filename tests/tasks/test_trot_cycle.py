"""The shipped trot that constraints alone describe."""

from typing import Any

import pytest
import torch
from torch import Tensor

from genesis.grad.rotation import multiply, to_rotation_vector
from genesis.grad.tensor import plain
from genesis.runners.constrained import Rounds
from genesis.runners.loop import Stop
from genesis.runners.optimize import optimization
from genesis_cli.build import build_method
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

FEET = ("FL_calf", "FR_calf", "RL_calf", "RR_calf")
RADIUS, BOTTOM = 0.022, (0.0, 0.0, -0.213)
WORST = ("contacts_violation_m", "slip_violation_m_per_s", "periodic_violation_m_per_s", "ahead_violation_m")


def test_the_first_iterations_lower_what_is_violated() -> None:
    checked, task = configured("task=trot_cycle")
    before = {name: float(value) for name, value in task.metrics(task.judge().trajectory).items()}
    rounds = Rounds(**{**vars(checked.plain["augmented_lagrangian"]), "rounds": 5})
    optimization(task, build_method(checked), Stop(iterations=8), rounds=rounds).run()
    after = {name: float(value) for name, value in task.metrics(task.judge().trajectory).items()}
    assert all(before[name] > 10.0 * task.constraints.limits()[name] for name in WORST), "it stands, and falls behind"
    assert all(after[name] < 0.7 * before[name] for name in WORST), (before, after)


def test_nothing_says_where_joints_should_be() -> None:
    _, task = configured("task=trot_cycle")
    controls = task.setting.start_controls
    assert torch.equal(controls, controls[:1].expand_as(controls)), "it begins with targets that hold a standing pose"
    assert set(task.losses) - set(task.constraints.all) == {"base", "level", "speed", "effort"}


def slips(trajectory: Any, robot: Any) -> tuple[Tensor, Tensor]:
    """Heights of soles (T+1, 4), and the ways of their lowest points in steps in which they are on the floor (4) [m]."""
    points = torch.stack([plain(trajectory.point(robot, foot, BOTTOM)) for foot in FEET], 1)
    quats = torch.stack([plain(trajectory.frame_quat(robot, foot)) for foot in FEET], 1)
    turned = to_rotation_vector(multiply(quats[1:], quats[:-1] * quats.new_tensor([1.0, -1.0, -1.0, -1.0])))
    ways = (points[1:] - points[:-1])[..., :2] + RADIUS * torch.stack([-turned[..., 1], turned[..., 0]], -1)
    heights = points[..., 2] - RADIUS
    return heights, (ways.norm(dim=-1) * ((heights[1:] < 0.0) & (heights[:-1] < 0.0))).sum(0)


@pytest.mark.slow
def test_a_quadruped_trots_at_a_metre_a_second_and_its_feet_do_not_slip() -> None:
    checked, task = configured("task=trot_cycle")
    rounds = Rounds(**vars(checked.plain["augmented_lagrangian"]))
    result = optimization(task, build_method(checked), Stop(**vars(checked.plain["stop"])), rounds=rounds).run()
    assert result.status == "converged" and result.iterations <= 400, result.reason
    assert all(result.metrics[name] <= limit for name, limit in result.tolerances.items())
    with torch.no_grad():
        found = task.simulate()[0].trajectory
        _, fine = configured("task=trot_cycle", "scene.dt=0.005", "scene.substeps=1", "task.horizon=80")  # the same time steps
        moved = fine.setting.scene.rollout(
            plain(found.controls).repeat_interleave(4, 0), kind="position", qpos=plain(found.qpos)[0], qvel=plain(found.qvel)[0]
        )
        heights, ways = slips(moved, fine.setting.robot)
    q, v = plain(moved.qpos), plain(moved.qvel)
    assert torch.equal(q[::4], plain(found.qpos))
    assert float(q[-1, 0] - q[0, 0]) == pytest.approx(0.4, abs=0.005)
    assert float((q[-1] - q[0])[2:].abs().max()) < 0.01 and float((v[-1] - v[0]).abs().max()) < 0.02
    assert float(ways.max()) < 0.006, "not by the schedule, but wherever a foot is on the floor"
    for pair, first in ((heights[:, [0, 3]], True), (heights[:, [1, 2]], False)):
        middle = slice(30, 51)  # from 0.15 to 0.25 s
        assert float(pair[middle].min()) > 0.01 if first else float(pair[middle].max()) < 0.0
        assert float(pair.max()) > 0.028 and float(pair.min()) > -0.010
    most = torch.tensor([23.7, 23.7, 45.43] * 4, dtype=q.dtype)  # Nm, what the motors give
    assert bool((plain(found.controller_force)[:, 6:].abs() <= most + 1e-6).all())
