"""Distance of a point to a target."""

from typing import Any

from torch import Tensor

from genesis.losses.term import Squares, SumOfSquares, window
from genesis.paths import target_path
from genesis.scene.frame_jacobian import point_jacobian
from genesis.selection import vector
from genesis.setting import Setting
from genesis.view import View


class Position(SumOfSquares):
    """mean over time and environments of |p_WF(t) − target(t)|² [m²]."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        target: Any,
        period: float | None = None,
        frame: str | None = None,
        offset: Any = (0.0, 0.0, 0.0),
        at: Any = "end",
        entity: str | None = None,
    ) -> None:
        self.body = setting.entity(where, entity)
        self.frame = setting.frame(f"{where}.frame", frame, self.body)
        shift = tuple(float(x) for x in vector(f"{where}.offset", offset, 3))
        self.offset = shift if any(shift) else None
        self.steps = window(where, at, setting.horizon)
        self.target = target_path(setting, where, target, 3, period)[self.steps]

    def residuals(self, trajectory: View) -> list[Squares]:
        point = trajectory.point(self.body, self.frame, self.offset, self.steps)
        target = self.target if point.ndim == 2 else self.target.unsqueeze(1)
        return [Squares(point - target, first=self.steps.start, vectors=True, to_state=lambda: self._jacobian(trajectory))]

    def _jacobian(self, trajectory: View) -> Tensor:
        return point_jacobian(trajectory.trajectory, self.body, self.frame, self.offset, self.steps)
