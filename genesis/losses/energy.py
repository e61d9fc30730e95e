"""Mechanical work of the controls."""

from typing import Any

import torch
from torch import Tensor

from genesis.selection import dofs, driven_joints
from genesis.setting import Setting
from genesis.view import View


class Energy:
    """Σ_t Σ_i |u_i q̇_i| dt, mean over environments [J]; |P| is rounded off to √(P² + ε²) − ε.

    q̇ is the velocity after the step, which semi-implicit Euler moves the joint with.
    """

    def __init__(
        self, setting: Setting, where: str, *, smoothing: float = 1e-3, joints: Any = ("*",), entity: str | None = None
    ) -> None:
        self.dofs = dofs(driven_joints(where, setting.entity(where, entity), joints))
        self.dt, self.smoothing = setting.dt, smoothing

    def __call__(self, trajectory: View) -> Tensor:
        power = trajectory.controls[..., self.dofs] * trajectory.qvel[1:][..., self.dofs]
        work = torch.sqrt(power * power + self.smoothing**2) - self.smoothing
        return work.sum(-1).sum(0).mean() * self.dt
