"""Come to zero from every start and stay there."""

from torch import Tensor

from genesis.parameters import Parameter
from genesis.selection import joints_of
from genesis.setting import Setting
from genesis.tasks.goal import DEGREES, Angles, OfTrajectory, largest, limits_of, slides
from genesis.view import View


class Balance(OfTrajectory):
    """Largest angle [deg] and position of sliding joints [m] in the last part of the horizon, worst environment."""

    def __init__(
        self,
        setting: Setting,
        parameters: dict[str, Parameter],
        *,
        window: float = 0.25,
        angle_tolerance: float | None = 2.0,
        position_tolerance: float | None = None,
    ) -> None:
        joints = joints_of(setting.robot)
        self.angles, self.slides = Angles(joints), slides(joints)
        self.steps = slice(setting.horizon + 1 - max(1, round(min(window, 1.0) * setting.horizon)), setting.horizon + 1)
        self.limits = limits_of(largest_angle_deg=angle_tolerance, largest_position_m=position_tolerance)

    def metrics(self, trajectory: View) -> dict[str, Tensor]:
        qpos = trajectory.qpos[self.steps].detach()
        return {
            "largest_angle_deg": DEGREES * self.angles.largest(qpos),
            "largest_position_m": largest(qpos[..., self.slides]),
        }

    def over_time(self, trajectory: View) -> dict[str, Tensor]:
        return {"largest_angle_deg": DEGREES * self.angles.largest_each(trajectory.qpos.detach())} if self.angles.there else {}
