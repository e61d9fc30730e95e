"""Get ahead along x without falling."""

import math
from typing import Any

import torch
from torch import Tensor

from genesis.parameters import Parameter
from genesis.selection import tensor
from genesis.setting import Setting
from genesis.tasks.goal import DEGREES, OfTrajectory, largest, limits_of
from genesis.view import View


class Advance(OfTrajectory):
    """How far the robot's frame has come along x [m], what lacks to `distance` [mm], and the largest angle between its z axis
    and that at the start [deg], and the largest change of its height [mm]; worst environment."""

    least = ("advanced_m",)

    def __init__(
        self,
        setting: Setting,
        parameters: dict[str, Parameter],
        *,
        distance: float,
        tilt_tolerance: float | None = 30.0,
        height_tolerance: float | None = None,
    ) -> None:
        self.robot, self.frame, self.distance = setting.robot, setting.frame("robot.tool", None), distance
        height = None if height_tolerance is None else 1e3 * height_tolerance
        self.limits = limits_of(lacking_mm=0.0, largest_tilt_deg=tilt_tolerance, height_change_mm=height)

    def metrics(self, trajectory: View) -> dict[str, Tensor]:
        x, _, z = trajectory.point(self.robot, self.frame).detach().unbind(-1)
        advanced = (x[-1] - x[0]).min().double()
        lacking = 1e3 * (self.distance - advanced).clamp(min=0.0)
        up = upright(trajectory.frame_quat(self.robot, self.frame).detach())
        cosine = (up * up[0]).sum(-1).clamp(-1.0, 1.0)
        return {
            "advanced_m": advanced,
            "lacking_mm": torch.where(torch.isfinite(advanced), lacking, math.nan),
            "largest_tilt_deg": DEGREES * largest(torch.acos(cosine)),
            "height_change_mm": 1e3 * largest(z - z[0]),
        }

    def over_time(self, trajectory: View) -> dict[str, Tensor]:
        x, _, z = trajectory.point(self.robot, self.frame).detach().unbind(-1)
        up = upright(trajectory.frame_quat(self.robot, self.frame).detach())
        return {
            "advanced_m": x - x[0],
            "largest_tilt_deg": DEGREES * torch.acos((up * up[0]).sum(-1).clamp(-1.0, 1.0)),
            "height_change_mm": 1e3 * (z - z[0]).abs(),
        }


def upright(quat: Any) -> Any:
    """The z axis of a frame (..., 3) from its quaternion wxyz."""
    w, x, y, z = quat.unbind(-1)
    return tensor(torch.stack([2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)], -1))
