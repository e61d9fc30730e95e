"""Joint positions beyond their range."""

from typing import Any

from torch import Tensor

from genesis.description.kinds import SCALARS
from genesis.errors import InputError
from genesis.losses.excess import excess
from genesis.losses.term import Squares, SumOfSquares
from genesis.selection import chosen_joints, coordinates, limits
from genesis.setting import Setting
from genesis.view import View


class JointLimits(SumOfSquares):
    """mean over joints, time and environments of the squared excess over [low + margin, high − margin] [rad² | m²]."""

    def __init__(
        self, setting: Setting, where: str, *, margin: float = 0.0, joints: Any = ("*",), entity: str | None = None
    ) -> None:
        body = setting.entity(where, entity)
        scalar = [joint for joint in chosen_joints(where, body, joints) if joint.is_scalar]
        if not scalar:
            raise InputError(f"{where}: the chosen joints have no range; allowed: {SCALARS}.")
        self.coordinates = coordinates(scalar)
        low, high = limits(body, scalar, "position")
        self.low, self.high = low + margin, high - margin

    def residuals(self, trajectory: View) -> list[Squares]:
        return [Squares(self.excess(trajectory), first=1, sees=("qpos", self.coordinates), one_sided=True)]

    def excess(self, trajectory: View) -> Tensor:
        """(T,[B,]n) [rad | m]"""
        return excess(trajectory.qpos[1:][..., self.coordinates], self.low, self.high)
