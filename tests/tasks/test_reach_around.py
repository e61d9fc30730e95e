"""The shipped task with constraints of every joint and of all distances."""

import pytest
import torch

from genesis.runners.loop import Stop
from genesis.runners.optimize import optimization
from genesis.scene.clearance import LinkPairs
from genesis_cli.build import build_method
from tests.tasks.configured import configured, learn

pytestmark = pytest.mark.usefixtures("engine")


def test_the_arm_goes_around_what_it_would_go_through() -> None:
    through = learn("task=reach_around", "constraint.clearance.hard=false", "constraint.clearance.weight=0")
    assert through.status == "converged" and through.metrics["clearance_violation_m"] > 0.05
    checked, task = configured("task=reach_around")
    result = optimization(task, build_method(checked), Stop(iterations=100)).run()
    assert result.status == "converged", result.reason
    with torch.no_grad():
        trajectory = task.simulate()[0].trajectory
        own = LinkPairs("x", task.setting.scene, between=[["ur5", "wall"], ["ur5", "ball"], ["ur5", "table"]], among=["ur5"])
        least = float(trajectory.distance(own, slice(1, None)).min())
        torque, speed = trajectory.controls.abs().amax(0), trajectory.qvel.abs().amax(0)
    assert least >= 0.019
    assert (torque <= torch.tensor([150.0] * 3 + [28.0] * 3) + 1e-6).all()
    assert (speed <= torch.tensor([3.15] * 3 + [3.2] * 3) + 1e-6).all()
