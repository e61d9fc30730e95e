"""Accelerations and rollouts with constraints against MuJoCo, which is run until its solver has converged to rounding."""

import mujoco
import numpy as np
import pytest
import torch

from tests.dynamics import mujoco_twin
from tests.dynamics.constraints.scenes import SCENES, Scene, scene, states
from tests.dynamics.test_mujoco import relative, report

COUNT = 40  # random states a scene


def accelerations(s: Scene, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
    zeros = torch.zeros(len(qpos), s.model.nv, dtype=torch.float64)
    return s.physics.step(s.physics.pack(), torch.tensor(qpos), torch.tensor(qvel), zeros)[2].numpy()


def acting(s: Scene, qpos: np.ndarray, qvel: np.ndarray) -> tuple[int, int]:
    """(least, largest) number of rows that MuJoCo has."""
    data, found = mujoco.MjData(s.twin), []
    for q, v in zip(qpos, qvel, strict=True):
        data.qpos[:], data.qvel[:] = q, v
        mujoco.mj_forward(s.twin, data)
        found.append(data.nefc)
    return min(found), max(found)


@pytest.mark.parametrize("name", SCENES)
def test_accelerations_are_those_of_mujoco(engine, name):
    s = scene(name)
    qpos, qvel = states(name, s.model, COUNT)
    expected = mujoco_twin.accelerations(s.twin, qpos, qvel, np.zeros((COUNT, s.model.nu)))
    found = accelerations(s, qpos, qvel)
    error = max(relative(a, b) for a, b in zip(found, expected, strict=True))
    least, most = acting(s, qpos, qvel)
    assert most >= 5
    assert report(name, "acceleration", error, f"{least} to {most} rows") <= 1e-9


@pytest.mark.parametrize("name", SCENES)
def test_rollouts_are_those_of_mujoco(engine, name):
    s = scene(name)
    x = s.system
    lead = (u[:, None] for u in (x.command, x.wrench))
    command, wrench = lead
    q, v, _ = s.physics.rollout(s.physics.pack(), x.qpos[None], x.qvel[None], command, None, wrench)
    controls = (u.numpy() for u in (x.control, x.command, x.wrench))
    expected_q, expected_v = mujoco_twin.rollout(s.twin, x.qpos.numpy(), x.qvel.numpy(), *controls)
    error = max(relative(q[:, 0], expected_q), relative(v[:, 0], expected_v))
    assert report(name, "rollout", error) <= 1e-9
