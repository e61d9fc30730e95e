"""Bring a body to a point and leave it there."""

from typing import Any

from torch import Tensor

from genesis.parameters import Parameter
from genesis.selection import vector
from genesis.setting import Setting
from genesis.tasks.goal import LAST_TWO, Aim, OfTrajectory, largest, limits_of
from genesis.view import View


class Place(OfTrajectory):
    """Distance of a body to the target at the end [mm] and its mean speed over the last step [m/s], worst environment.

    entity: whose first link (or tool) it is; None: the robot.
    """

    def __init__(
        self,
        setting: Setting,
        parameters: dict[str, Parameter],
        *,
        target_pos: Any,
        entity: str | None = None,
        position_tolerance: float | None = 5e-3,
        velocity_tolerance: float | None = 0.05,
    ) -> None:
        self.body, self.dt = setting.entity("task.entity", entity), setting.dt
        self.frame = setting.frame("robot.tool", None, self.body)
        self.target = vector("task.target_pos", target_pos, 3)
        self.limits = limits_of(
            miss_mm=None if position_tolerance is None else 1e3 * position_tolerance, final_speed=velocity_tolerance
        )

    def aim(self) -> Aim:
        return Aim((self.body, self.frame), self.target)

    def metrics(self, trajectory: View) -> dict[str, Tensor]:
        before, last = trajectory.point(self.body, self.frame, steps=LAST_TWO)
        return {
            "miss_mm": 1e3 * largest((last - self.target).norm(dim=-1)),
            "final_speed": largest((last - before).norm(dim=-1)) / self.dt,
        }

    def over_time(self, trajectory: View) -> dict[str, Tensor]:
        return {"miss_mm": 1e3 * (trajectory.point(self.body, self.frame) - self.target).norm(dim=-1)}
