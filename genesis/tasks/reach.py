"""Bring the tool to a pose."""

from typing import Any

import torch
from torch import Tensor

from genesis.losses.joint_limits import JointLimits
from genesis.losses.orientation import unit_quaternion
from genesis.parameters import Parameter
from genesis.selection import dofs, joints_of, quaternion_error, vector
from genesis.setting import Setting
from genesis.tasks.goal import DEGREES, LAST, Aim, OfTrajectory, largest, limits_of
from genesis.view import View


class Reach(OfTrajectory):
    """Error of the tool's position [mm] and orientation [deg] and the largest joint speed at the end, and how far a joint leaves its range
    on the way [rad | m]; worst environment."""

    def __init__(
        self,
        setting: Setting,
        parameters: dict[str, Parameter],
        *,
        target_pos: Any,
        target_quat: Any = None,
        position_tolerance: float | None = 1e-3,
        orientation_tolerance: float | None = 1.0,
        velocity_tolerance: float | None = None,
        range_tolerance: float | None = None,
    ) -> None:
        self.robot, self.tool = setting.robot, setting.frame("robot.tool", None)
        self.position = vector("task.target_pos", target_pos, 3)
        self.quat = None if target_quat is None else unit_quaternion("task.target_quat", target_quat)
        joints = joints_of(setting.robot)
        self.dofs = dofs(joints)
        self.range = JointLimits(setting, "task") if any(joint.is_scalar for joint in joints) else None
        self.limits = limits_of(
            position_error_mm=None if position_tolerance is None else 1e3 * position_tolerance,
            orientation_error_deg=None if self.quat is None else orientation_tolerance,
            final_speed=velocity_tolerance,
            position_excess=None if self.range is None else range_tolerance,
        )

    def aim(self) -> Aim:
        return Aim((self.robot, self.tool), self.position, self.quat)

    def metrics(self, trajectory: View) -> dict[str, Tensor]:
        error = trajectory.point(self.robot, self.tool, steps=LAST)[-1] - self.position
        found = {"position_error_mm": 1e3 * largest(error.norm(dim=-1))}
        if self.quat is not None:
            sine = quaternion_error(trajectory.frame_quat(self.robot, self.tool, LAST)[-1], self.quat).norm(dim=-1)
            found["orientation_error_deg"] = DEGREES * (2.0 * largest(torch.asin(sine.clamp(max=1.0))))
        found["final_speed"] = largest(trajectory.qvel[-1][..., self.dofs])
        if self.range is not None:
            found["position_excess"] = largest(self.range.excess(trajectory))
        return found

    def over_time(self, trajectory: View) -> dict[str, Tensor]:
        found = {"position_error_mm": 1e3 * (trajectory.point(self.robot, self.tool) - self.position).norm(dim=-1)}
        if self.quat is not None:
            sine = quaternion_error(trajectory.frame_quat(self.robot, self.tool), self.quat).norm(dim=-1)
            found["orientation_error_deg"] = DEGREES * 2.0 * torch.asin(sine.clamp(max=1.0))
        found["final_speed"] = trajectory.qvel[..., self.dofs].abs().amax(-1)
        return found
