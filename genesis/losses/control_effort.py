"""Size of the controls."""

from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.losses.term import Squares, SumOfSquares
from genesis.selection import dofs, driven_joints, limits, vector
from genesis.setting import Setting
from genesis.view import View


class ControlEffort(SumOfSquares):
    """mean over joints, time and environments of ((u − u₀) / scale)², u₀ zero or the controls before learning."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        scale: Any = 1.0,
        relative_to: str = "zero",
        joints: Any = ("*",),
        entity: str | None = None,
    ) -> None:
        body = setting.entity(where, entity)
        chosen = driven_joints(where, body, joints)
        self.dofs = dofs(chosen)
        self.scale = control_scale(f"{where}.scale", scale, body, chosen)
        if relative_to == "start" and setting.start_controls is None:
            raise InputError(
                f"{where}: relative_to is start, but a closed loop has no controls before it runs; allowed here: zero."
            )
        self.start = (
            setting.start_controls[..., self.dofs] if relative_to == "start" and setting.start_controls is not None else None
        )

    def residuals(self, trajectory: View) -> list[Squares]:
        controls = trajectory.controls[..., self.dofs]
        moved = controls if self.start is None else controls - trajectory.own(self.start, 1)
        return [Squares(moved / self.scale, first=0, sees=("controls", self.dofs))]


def control_scale(where: str, scale: Any, body: Any, joints: Any) -> Tensor:
    """Unit of each control: number, list, or `limits`: the upper force limit (one where there is none)."""
    if scale == "limits":
        high = limits(body, joints, "force")[1]
        return torch.where(torch.isfinite(high) & (high > 0), high, torch.ones_like(high))
    values = vector(where, scale, len(dofs(joints)))
    if bool((values <= 0).any()):
        raise InputError(f"{where}: {scale} must be positive.")
    return values
