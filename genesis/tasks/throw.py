"""Hit a target."""

from typing import Any

from genesis.parameters import Parameter
from genesis.selection import vector
from genesis.setting import Setting
from genesis.tasks.goal import largest, limits_of
from genesis.view import View


class Throw:
    """Distance of the body to the target at the end [mm], worst environment."""

    def __init__(
        self, setting: Setting, parameters: dict[str, Parameter], *, target_pos: Any, position_tolerance: float | None = 1e-3
    ) -> None:
        self.robot, self.frame = setting.robot, setting.frame("robot.tool", None)
        self.target = vector("task.target_pos", target_pos, 3)
        self.limits = limits_of(miss_mm=None if position_tolerance is None else 1e3 * position_tolerance)

    def metrics(self, trajectory: View) -> dict[str, float]:
        return {"miss_mm": 1e3 * largest((trajectory.point(self.robot, self.frame)[-1] - self.target).norm(dim=-1))}
