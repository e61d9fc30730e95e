"""Hit a target."""

from typing import Any

from torch import Tensor

from genesis.parameters import Parameter
from genesis.selection import vector
from genesis.setting import Setting
from genesis.tasks.goal import LAST, Aim, OfTrajectory, largest, limits_of
from genesis.view import View


class Throw(OfTrajectory):
    """Distance of the body to the target at the end [mm], worst environment."""

    def __init__(
        self, setting: Setting, parameters: dict[str, Parameter], *, target_pos: Any, position_tolerance: float | None = 1e-3
    ) -> None:
        self.robot, self.frame = setting.robot, setting.frame("robot.tool", None)
        self.target = vector("task.target_pos", target_pos, 3)
        self.limits = limits_of(miss_mm=None if position_tolerance is None else 1e3 * position_tolerance)

    def aim(self) -> Aim:
        return Aim((self.robot, self.frame), self.target)

    def metrics(self, trajectory: View) -> dict[str, Tensor]:
        end = trajectory.point(self.robot, self.frame, steps=LAST)[-1]
        return {"miss_mm": 1e3 * largest((end - self.target).norm(dim=-1))}

    def over_time(self, trajectory: View) -> dict[str, Tensor]:
        return {"miss_mm": 1e3 * (trajectory.point(self.robot, self.frame) - self.target).norm(dim=-1)}
