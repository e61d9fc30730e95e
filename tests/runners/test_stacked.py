"""Inputs of candidates made at once against those of each alone."""

import torch

from genesis.runners.stacked import stacked_inputs
from genesis.tasks.rollout import inputs_of
from tests.tasks.configured import configured


def test_inputs_are_those_of_each_alone_also_beside_a_policy() -> None:
    _, task = configured(
        "task=balance", "task.horizon=5", "task.envs=2", "parameter.policy.hidden=[2]", "task.control=position", "robot.kp=50",
        "parameter.policy.init=home", "parameter.policy.bounds=null", "task.start_qpos=[0.3,0.1]",
    )  # fmt: skip
    setting = task.setting
    leaves = [[leaf.expand(3, *leaf.shape) for leaf in parameter.leaves()] for parameter in task.parameters.values()]
    starts = (x + torch.arange(3.0, dtype=torch.float64)[:, None, None] for x in (setting.start_qpos, setting.start_qvel))
    made = stacked_inputs(setting, task.parameters, leaves, *starts)
    alone = inputs_of(setting, task.parameters)
    assert torch.equal(made[0].controls, alone.controls)
    assert torch.equal(made[0].qpos, alone.qpos)
    driven = task.parameters["policy"].changes.controls
    for dof in (0, 1):  # a slider and a hinge: what the policy drives begins at zero, what nothing drives holds its start
        assert torch.equal(made.controls[:, 0, 0, dof], made.qpos[:, 0, dof] * (dof not in driven))
