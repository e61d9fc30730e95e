"""Joint velocities against a target."""

from typing import Any

from genesis.losses.targets import reference
from genesis.losses.term import Squares, SumOfSquares, window
from genesis.paths import target_path
from genesis.selection import chosen_joints, dofs
from genesis.setting import Setting
from genesis.view import View


class Velocity(SumOfSquares):
    """mean over joints, time and environments of (q̇ − target)² [rad²/s² | m²/s²]."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        target: Any = 0.0,
        period: float | None = None,
        joints: Any = ("*",),
        at: Any = "end",
        entity: str | None = None,
    ) -> None:
        self.dofs = dofs(chosen_joints(where, setting.entity(where, entity), joints))
        self.steps = window(where, at, setting.horizon)
        if isinstance(target, str) and target == "reference":
            self.target = reference(where, setting.reference, "qvel")[self.steps][..., self.dofs]
        else:
            self.target = target_path(setting, where, target, len(self.dofs), period)[self.steps]

    def residuals(self, trajectory: View) -> list[Squares]:
        qvel = trajectory.qvel[self.steps][..., self.dofs]
        target = trajectory.own(self.target, 1) if self.target.ndim == qvel.ndim else self.target.unsqueeze(1)
        return [Squares(qvel - target, first=self.steps.start, sees=("qvel", self.dofs))]
