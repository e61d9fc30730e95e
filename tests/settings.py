"""Built scenes for tests of losses, parameters, optimizers, tasks and runners: the shipped robots, compiled once a session."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import torch

from genesis.scene import morphs
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.scene import Scene
from genesis.setting import Setting
from genesis.view import TrajectoryView
from genesis_cli.paths import config_dir

HOME = [0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785]
TOOLS = {"cartpole": "tip", "double_pendulum": "tip", "panda": "panda_hand_tcp", "ball": None}


def numbers(*values: Any) -> torch.Tensor:
    """A float64 tensor."""
    return torch.tensor(values, dtype=torch.float64)


@cache
def built(robot: str, envs: int = 0, dt: float = 0.01) -> tuple[Scene, Any]:
    """A scene with one of the shipped robots; do not change its properties."""
    options = RigidOptions(enable_collision=False, enable_joint_limit=False)
    scene = Scene(sim_options=SimOptions(dt=dt, requires_grad=False), rigid_options=options)
    folder = config_dir() / "robots"
    made = {
        "cartpole": lambda: morphs.MJCF(file=str(folder / "cartpole" / "cartpole.xml")),
        "double_pendulum": lambda: morphs.MJCF(file=str(folder / "double_pendulum" / "double_pendulum.xml")),
        "panda": lambda: morphs.URDF(file=str(folder / "panda" / "panda.urdf"), fixed=True),
        "ball": lambda: morphs.Sphere(radius=0.1),
    }
    entity = scene.add_entity(made[robot](), name=robot)
    scene.build(n_envs=envs)
    return scene, entity


def setting_of(
    robot: str, *, horizon: int = 10, envs: int = 0, qpos: Any = None, control: str = "force", dt: float = 0.01
) -> Setting:
    """A setting at rest."""
    scene, entity = built(robot, envs, dt)
    start = torch.as_tensor(scene.rigid_solver.qpos0[0]).clone() if qpos is None else numbers(*qpos)
    velocity = torch.zeros(entity.n_dofs, dtype=torch.float64)
    if envs:
        start, velocity = start.expand(envs, -1).clone(), velocity.expand(envs, -1).clone()
    return Setting(
        scene=scene, robot=entity, entities={robot: entity}, tool=TOOLS[robot], horizon=horizon, dt=dt, control=control,
        start_qpos=start, start_qvel=velocity, generator=torch.Generator().manual_seed(0),
        start_controls=torch.zeros(horizon, *velocity.shape, dtype=torch.float64),
    )  # fmt: skip


def fake(**series: torch.Tensor) -> TrajectoryView:
    """A trajectory of given numbers, without physics."""
    return TrajectoryView(SimpleNamespace(**series))


def posed(setting: Setting, qpos: torch.Tensor) -> TrajectoryView:
    """A trajectory (T+1,[B,]nq) of given configurations, with their points and frames."""
    still = torch.zeros(*qpos.shape[:-1], setting.start_qvel.shape[-1], dtype=torch.float64)
    return TrajectoryView(setting.scene.trajectory(qpos, still, still[1:]))
