"""Rate of change of the controls."""

from typing import Any

from genesis.errors import InputError
from genesis.losses.control_effort import control_scale
from genesis.losses.term import Squares, SumOfSquares
from genesis.selection import dofs, driven_joints
from genesis.setting import Setting
from genesis.view import View


class Smoothness(SumOfSquares):
    """mean over joints, time and environments of ((u(t+1) − u(t)) / (scale dt))²."""

    def __init__(
        self, setting: Setting, where: str, *, scale: Any = 1.0, joints: Any = ("*",), entity: str | None = None
    ) -> None:
        if setting.horizon < 2:
            raise InputError(f"{where}: a horizon of one step has no change of control; needs task.horizon >= 2.")
        body = setting.entity(where, entity)
        chosen = driven_joints(where, body, joints)
        self.dofs = dofs(chosen)
        self.unit = control_scale(f"{where}.scale", scale, body, chosen) * setting.dt

    def residuals(self, trajectory: View) -> list[Squares]:
        controls = trajectory.controls[..., self.dofs]
        return [Squares((controls[1:] - controls[:-1]) / self.unit, first=0, reach=1, sees=("controls", self.dofs))]
