"""Joint velocities against a target."""

from typing import Any

from torch import Tensor

from genesis.losses.targets import mean_square, path, reference
from genesis.losses.term import window
from genesis.selection import chosen_joints, dofs
from genesis.setting import Setting
from genesis.view import View


class Velocity:
    """mean over joints, time and environments of (q̇ − target)² [rad²/s² | m²/s²]."""

    def __init__(
        self, setting: Setting, where: str, *, target: Any = 0.0, joints: Any = ("*",), at: Any = "end", entity: str | None = None
    ) -> None:
        self.dofs = dofs(chosen_joints(where, setting.entity(where, entity), joints))
        self.steps = window(where, at, setting.horizon)
        if isinstance(target, str) and target == "reference":
            self.target = reference(where, setting.reference, "qvel")[self.steps][..., self.dofs]
        else:
            self.target = path(where, target, len(self.dofs), setting.horizon)[self.steps]

    def __call__(self, trajectory: View) -> Tensor:
        qvel = trajectory.qvel[self.steps][..., self.dofs]
        target = trajectory.own(self.target, 1) if self.target.ndim == qvel.ndim else self.target.unsqueeze(1)
        return mean_square(qvel - target)
