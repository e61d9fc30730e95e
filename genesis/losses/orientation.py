"""Distance of an orientation to a target."""

from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.losses.term import Squares, SumOfSquares, window
from genesis.scene.frame_jacobian import frame_quat_jacobian
from genesis.selection import quaternion_error, vector
from genesis.setting import Setting
from genesis.view import View


class Orientation(SumOfSquares):
    """mean over time and environments of 4 sin²(angle / 2) between the frame and the target [rad²].

    Equals angle² to fourth order and is smooth everywhere, where angle² has a kink at a half turn.
    """

    def __init__(
        self, setting: Setting, where: str, *, target: Any, frame: str | None = None, at: Any = "end", entity: str | None = None
    ) -> None:
        self.body = setting.entity(where, entity)
        self.frame = setting.frame(f"{where}.frame", frame, self.body)
        self.steps = window(where, at, setting.horizon)
        self.target = unit_quaternion(f"{where}.target", target)

    def residuals(self, trajectory: View) -> list[Squares]:
        quat = trajectory.frame_quat(self.body, self.frame, self.steps)
        error = quaternion_error(quat, self.target)
        return [Squares(error, first=self.steps.start, weight=4.0, vectors=True, to_state=lambda: self._jacobian(trajectory))]

    def _jacobian(self, trajectory: View) -> Tensor:
        """The error is linear in the quaternion."""
        units = torch.eye(4, dtype=self.target.dtype, device=self.target.device)
        of_quat = frame_quat_jacobian(trajectory.trajectory, self.body, self.frame, self.steps)
        return quaternion_error(units, self.target).T @ of_quat


def unit_quaternion(where: str, value: Any) -> Tensor:
    """The quaternion wxyz scaled to length one.

    Raises: InputError for a quaternion of length zero.
    """
    quat = vector(where, value, 4)
    length = quat.norm()
    if length < 1e-6:
        raise InputError(f"{where}: the quaternion {value} has length zero; identity is [1, 0, 0, 0].")
    return quat / length
