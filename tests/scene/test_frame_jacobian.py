"""Jacobians of points and orientations along a trajectory against reverse passes, on joints of every kind that quaternions come with."""

import pytest
import torch

from genesis.grad.tensor import plain
from genesis.scene.frame_jacobian import frame_quat_jacobian, point_jacobian
from genesis.scene.linear import probe
from tests.settings import setting_of

pytestmark = pytest.mark.usefixtures("engine")


@pytest.mark.parametrize("envs", [0, 5])
@pytest.mark.parametrize("robot", ["panda", "ball", "double_pendulum"])
@pytest.mark.parametrize("offset", [None, (0.1, -0.2, 0.3)])
@pytest.mark.parametrize("steps", [slice(4, 5), slice(1, 5, 2)], ids=str)
def test_rows_are_reverse_passes(robot: str, envs: int, offset: tuple[float, ...] | None, steps: slice) -> None:
    setting, draw = setting_of(robot, horizon=4, envs=envs), torch.Generator().manual_seed(0)
    nv = setting.start_qvel.shape[-1]
    speed = torch.rand(*setting.batch, nv, generator=draw, dtype=torch.float64) - 0.5
    with torch.no_grad():
        run = setting.scene.rollout(
            torch.zeros(4, *setting.batch, nv, dtype=torch.float64),
            qpos=setting.start_qpos,
            qvel=setting.start_qvel + 9.0 * speed,
        )
    at = probe(run, parameters=False)
    frame = setting.robot.sites[0].name if setting.robot.sites else setting.robot.links[-1].name
    reads = (
        (at.trajectory.point(setting.robot, frame, offset, steps), point_jacobian(run, setting.robot, frame, offset, steps)),
        (at.trajectory.frame_quat(setting.robot, frame, steps), frame_quat_jacobian(run, setting.robot, frame, steps)),
    )
    for values, found in reads:
        values = plain(values) if envs else plain(values).unsqueeze(1)
        for k in range(values.shape[-1]):
            (bar,) = torch.autograd.grad(values[..., k].sum(), [at.x], retain_graph=True)
            assert torch.allclose(found[:, :, k], bar[steps], rtol=0.0, atol=1e-14 * float(bar.abs().max() + 1.0))
        assert found.any()
