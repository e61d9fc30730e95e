"""Small robots that together hold every feature of the mechanics, compiled once, with states and controls of order one."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from genesis.description.description import Description
from genesis.description.read import read_mjcf, read_urdf
from genesis.model.compile import Placed, compile_model
from genesis.model.model import Model
from tests.dynamics.conversions import advance

GRAVITY = (0.4, -0.7, -9.81)
DT = 0.005
ROBOTS = Path(__file__).parent / "robots"
SCREWS = {"thread": 0.15, "left": -0.3, "fine": 0.05}  # pitches [m/rad]
MJCF = ("arm", "floater")  # what MuJoCo reads too


@dataclass(frozen=True, eq=False)
class System:
    """A model with a state and controls: qpos (nq), qvel (nv), dof_ctrl (T, nv), act_ctrl (T, nu), wrench (T, nlink, 6)."""

    name: str
    model: Model
    qpos: torch.Tensor
    qvel: torch.Tensor
    dof_ctrl: torch.Tensor
    act_ctrl: torch.Tensor
    wrench: torch.Tensor

    @property
    def horizon(self) -> int:
        return self.dof_ctrl.shape[0]


def descriptions(name: str) -> list[Description]:
    if name == "press":
        return [read_mjcf(ROBOTS / "press.xml", joints={k: {"type": "screw", "pitch": p} for k, p in SCREWS.items()})]
    if name == "gripper":
        return [read_urdf(ROBOTS / "gripper.urdf", fixed=True)]
    return [read_mjcf(ROBOTS / f"{robot}.xml") for robot in (MJCF if name == "pair" else (name,))]


@cache
def model_of(name: str) -> Model:
    poses = {1: dict(pos=np.array([2.0, -1.0, 0.5]), quat=np.array([0.8, 0.0, 0.6, 0.0]))}
    placed = [Placed(d, d.name, **poses.get(k, {})) for k, d in enumerate(descriptions(name))]
    return compile_model(placed, GRAVITY)


SYSTEMS = ("arm", "floater", "gripper", "press", "pair")  # pair: a tree beside another


@cache
def system(name: str, horizon: int = 100) -> System:
    model, rng = model_of(name), np.random.default_rng(5)
    qpos = advance(model, model.qpos0, 0.4 * rng.normal(size=model.nv))
    # far above or below the bounds of some actuators, so that no bound is met or left within a rollout
    held = [{"torque": 4.0, "servo": -4.0, "weak": 3.0, "low": -3.0}.get(a.name, 0.0) for a in model.actuators]
    arrays = (
        qpos, 0.5 * rng.normal(size=model.nv), rng.normal(size=(horizon, model.nv)),
        held + 0.2 * rng.normal(size=(horizon, model.nu)),
        0.5 * rng.normal(size=(horizon, model.nlink, 6)),
    )  # fmt: skip
    return System(name, model, *(torch.tensor(x) for x in arrays))
