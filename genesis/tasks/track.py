"""Follow a path."""

from typing import Any

from torch import Tensor

from genesis.parameters import Parameter
from genesis.paths import path as read_path
from genesis.selection import coordinates, joints_of
from genesis.setting import Setting
from genesis.tasks.goal import Aim, OfTrajectory, largest, limits_of
from genesis.view import View


class Track(OfTrajectory):
    """Root mean square (over time) and largest distance to the path: tool [mm] or joints [rad | m], worst environment."""

    def __init__(
        self,
        setting: Setting,
        parameters: dict[str, Parameter],
        *,
        path: Any,
        follow: str = "tool",
        tolerance: float | None = 2e-3,
    ) -> None:
        self.robot, self.follow = setting.robot, follow
        self.tool = setting.frame("robot.tool", None) if follow == "tool" else None
        self.index = coordinates(joints_of(setting.robot))
        size = 3 if follow == "tool" else len(self.index)
        self.path = read_path("task.path", path, size, setting.horizon)
        self.unit, name = (1e3, "mm") if follow == "tool" else (1.0, "si")
        self.rms, self.worst = f"rms_error_{name}", f"largest_error_{name}"
        self.limits = limits_of(**{self.rms: None if tolerance is None else self.unit * tolerance})

    def aim(self) -> Aim | None:
        return None if self.tool is None else Aim((self.robot, self.tool), self.path)

    def metrics(self, trajectory: View) -> dict[str, Tensor]:
        error = self._distance(trajectory)[1:]
        return {self.rms: self.unit * largest((error**2).mean(0).sqrt()), self.worst: self.unit * largest(error)}

    def over_time(self, trajectory: View) -> dict[str, Tensor]:
        return {self.worst: self.unit * self._distance(trajectory)}

    def _distance(self, trajectory: View) -> Tensor:
        """(T+1,[B]) [m | rad]"""
        here = trajectory.qpos[..., self.index] if self.tool is None else trajectory.point(self.robot, self.tool)
        return (here.detach() - (self.path if here.ndim == 2 else self.path.unsqueeze(1))).norm(dim=-1)
