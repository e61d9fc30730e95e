"""What gradients say of themselves: agreement, finite shares, growth; and what is said where it is ill."""

import logging

import pytest
import torch

from genesis.runners.evaluate import TaskProblem
from genesis.runners.health import Doctor, agreement
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")


def test_agreement_is_the_weighted_share_of_the_sign_of_most():
    series = torch.tensor([[[1.0, 0.0], [1.0, -2.0], [-1.0, -2.0], [1.0, -2.0]]])  # (1, 4, 2)
    assert agreement(series) == pytest.approx((0.75 * 1.0 + 1.0 * 1.5) / 2.5), "zeros take no side"
    assert agreement(torch.ones(3, 5, 2)) == 1.0 == agreement(torch.zeros(3, 5, 2))
    assert agreement(torch.tensor([[[1.0], [-1.0]]])) == 0.5


def test_opposing_environments_and_diverged_ones_are_told():
    """Two poles that lean to opposite sides want opposite forces."""
    _, task = configured("task=balance", "task.envs=2", "task.horizon=5", "task.spread_qvel=0.0", "task.spread_qpos=0.0")
    task.setting.start_qpos[0, 1], task.setting.start_qpos[1, 1] = 0.2, -0.2
    problem = TaskProblem(task, remember=False, masks=True)
    problem.evaluate()
    assert (
        problem.latest is not None and problem.latest.health["sign_agreement"] < 0.75 and problem.latest.health["finite"] == 1.0
    )
    task.setting.start_qpos[1, 1] = 0.2
    problem.evaluate()
    assert problem.latest.health["sign_agreement"] == 1.0
    task.setting.start_qvel[1] = 1e200
    problem.evaluate()
    assert problem.latest.diverged == (1,) and problem.latest.health["finite"] == 0.5


def test_a_gradient_that_grows_without_bound_is_said_once(caplog):
    _, task = configured("task=fall", "task.horizon=800", "task.start_qpos=[0.001,0.0]", "parameter.controls.noise=0")
    problem = TaskProblem(task, remember=False)
    with caplog.at_level(logging.WARNING, logger="genesis"):
        problem.evaluate()
        problem.evaluate()
    assert problem.latest is not None and problem.latest.health["gradient_growth"] > 6.0
    assert caplog.text.count("gradient.clip or gradient.truncate bound it") == 1
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="genesis"):
        Doctor().look({"gradient_growth": 5.0, "sign_agreement": 0.5})
    assert not caplog.records
