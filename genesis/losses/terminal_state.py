"""The last state against a target state."""

from typing import Any

from torch import Tensor

from genesis.errors import InputError
from genesis.losses.joint_tracking import seen_by_difference
from genesis.losses.term import Squares, SumOfSquares
from genesis.selection import chosen_joints, coordinates, difference, dofs, vector
from genesis.setting import Setting
from genesis.view import View


class TerminalState(SumOfSquares):
    """mean square of the last position's difference to `qpos`, plus `velocity_weight` times that of the velocity."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        qpos: Any = "home",
        qvel: Any = 0.0,
        velocity_weight: float = 1.0,
        periodic: bool = False,
        entity: str | None = None,
    ) -> None:
        self.joints = chosen_joints(where, setting.entity(where, entity), ("*",))
        self.periodic, self.velocity_weight, self.horizon = periodic, velocity_weight, setting.horizon
        self.dofs = dofs(self.joints)
        self.qvel = vector(f"{where}.qvel", qvel, len(self.dofs))
        self.qpos = target_configuration(f"{where}.qpos", setting, qpos, coordinates(self.joints))

    def residuals(self, trajectory: View) -> list[Squares]:
        target = trajectory.own(self.qpos, 0)
        off = difference(self.joints, trajectory.qpos[-1:], target, self.periodic)
        position = Squares(off, first=self.horizon, sees=seen_by_difference(self.joints))
        if self.velocity_weight == 0.0:
            return [position]
        velocity = trajectory.qvel[-1:][..., self.dofs] - self.qvel
        return [position, Squares(velocity, first=self.horizon, weight=self.velocity_weight, sees=("qvel", self.dofs))]


def target_configuration(where: str, setting: Setting, value: Any, chosen: list[int]) -> Tensor:
    """qpos of the scene ([B,]nq) with the chosen coordinates at `value` (home: where they start; null: zero)."""
    if isinstance(value, str):
        if value != "home":
            raise InputError(f'{where}: "{value}" is not allowed; allowed: home, or a list of {len(chosen)} numbers.')
        return setting.start_qpos
    target = setting.start_qpos.clone()
    target[..., chosen] = vector(where, 0.0 if value is None else value, len(chosen))
    return target
