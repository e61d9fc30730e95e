"""Bring the joints to a target, at rest; angles count up to full turns."""

from typing import Any

from torch import Tensor

from genesis.losses.terminal_state import target_configuration
from genesis.parameters import Parameter
from genesis.selection import coordinates, dofs, joints_of
from genesis.setting import Setting
from genesis.tasks.goal import DEGREES, Aim, Angles, OfTrajectory, largest, limits_of, slides
from genesis.view import View


class SwingUp(OfTrajectory):
    """Largest angle error [deg], error of sliding joints [m] and joint speed at the end, worst environment."""

    def __init__(
        self,
        setting: Setting,
        parameters: dict[str, Parameter],
        *,
        target_qpos: Any = None,
        angle_tolerance: float | None = 1.0,
        position_tolerance: float | None = None,
        velocity_tolerance: float | None = 0.05,
    ) -> None:
        joints = joints_of(setting.robot)
        self.angles, self.slides, self.dofs = Angles(joints), slides(joints), dofs(joints)
        self.target = target_configuration("task.target_qpos", setting, target_qpos, coordinates(joints))
        self.limits = limits_of(
            angle_error_deg=angle_tolerance, position_error_m=position_tolerance, final_speed=velocity_tolerance
        )

    def aim(self) -> Aim:
        return Aim(qpos=self.target)

    def metrics(self, trajectory: View) -> dict[str, Tensor]:
        error = trajectory.qpos[-1].detach() - self.target
        return {
            "angle_error_deg": DEGREES * self.angles.largest(error),
            "position_error_m": largest(error[..., self.slides]),
            "final_speed": largest(trajectory.qvel[-1][..., self.dofs]),
        }

    def over_time(self, trajectory: View) -> dict[str, Tensor]:
        error = trajectory.qpos.detach() - self.target
        found = {"angle_error_deg": DEGREES * self.angles.largest_each(error)} if self.angles.there else {}
        return {**found, "final_speed": trajectory.qvel[..., self.dofs].abs().amax(-1)}
