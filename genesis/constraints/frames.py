"""Constraints on where a frame is and how it stands: a point in a box, on a path, behind a plane; an orientation, an axis within a cone."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from genesis.constraints.constraint import Constraint, RangedQuantity, size_of
from genesis.errors import InputError
from genesis.grad.rotation import rotate
from genesis.losses.orientation import unit_quaternion
from genesis.losses.term import TimeRows, window
from genesis.paths import target_path
from genesis.scene.frame_jacobian import frame_quat_jacobian, point_jacobian
from genesis.selection import quaternion_error, vector
from genesis.setting import Setting
from genesis.view import View

LENGTH, ANGLE = 0.1, 0.1  # that is much [m, rad], where nothing else says it
TINY = 1e-24  # keeps the slope of a length finite where it is zero
AXES = ("x", "y", "z")


class OfPoint(Constraint):
    """Of the point `offset` [m] of a link or site."""

    def __init__(self, setting: Setting, where: str, frame: str | None, offset: Any, at: Any, entity: str | None) -> None:
        self.body = setting.entity(where, entity)
        self.frame = setting.frame(f"{where}.frame", frame, self.body)
        shift = tuple(float(x) for x in vector(f"{where}.offset", offset, 3))
        self.offset = shift if any(shift) else None
        self.steps = window(where, at, setting.horizon)

    def point(self, trajectory: View) -> Tensor:
        """(S,[B,]3) [m]"""
        return trajectory.point(self.body, self.frame, self.offset, self.steps)

    def jacobian(self, trajectory: View) -> Tensor:
        """(S, B, 3, nx)"""
        return point_jacobian(trajectory.trajectory, self.body, self.frame, self.offset, self.steps)


class PositionRange(OfPoint):
    """Position [m] in a box [low, high] of the world, or at a target: a point, waypoints, or a file of a path."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        low: Any = None,
        high: Any = None,
        target: Any = None,
        frame: str | None = None,
        offset: Any = (0.0, 0.0, 0.0),
        at: Any = "all",
        tolerance: float = 1e-4,
        entity: str | None = None,
    ) -> None:
        super().__init__(setting, where, frame, offset, at, entity)
        if target is not None:
            if low is not None or high is not None:
                raise InputError(
                    f"{where}: target is where the point must be, and low or high are given too; give one or the other."
                )
            least = most = target_path(setting, f"{where}.target", target, 3)[self.steps]
            scale = torch.full((3,), LENGTH).to(least)
        else:
            least, most = open_range(where, low, high, 3)
            scale = size_of(least, most)
        self.quantities = [RangedQuantity("m", AXES, least, most, scale, tolerance)]

    def measure(self, trajectory: View) -> list[TimeRows]:
        return [TimeRows(self.point(trajectory), self.steps.start, to_state=lambda: self.jacobian(trajectory))]


class HalfSpace(OfPoint):
    """normal · p ≤ offset_along [m]: the point stays behind a plane."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        normal: Any,
        distance: float = 0.0,
        frame: str | None = None,
        offset: Any = (0.0, 0.0, 0.0),
        at: Any = "all",
        tolerance: float = 1e-4,
        entity: str | None = None,
    ) -> None:
        super().__init__(setting, where, frame, offset, at, entity)
        self.normal = direction(f"{where}.normal", normal)
        most = self.normal.new_tensor([float(distance)])
        self.quantities = [
            RangedQuantity("m", [""], torch.full_like(most, -math.inf), most, torch.full_like(most, LENGTH), tolerance)
        ]

    def measure(self, trajectory: View) -> list[TimeRows]:
        values = (self.point(trajectory) * self.normal).sum(-1, keepdim=True)
        return [TimeRows(values, self.steps.start, to_state=lambda: (self.normal @ self.jacobian(trajectory)).unsqueeze(-2))]


class OfOrientation(Constraint):
    """Of the orientation of a link or site."""

    def __init__(self, setting: Setting, where: str, frame: str | None, at: Any, entity: str | None) -> None:
        self.body = setting.entity(where, entity)
        self.frame = setting.frame(f"{where}.frame", frame, self.body)
        self.steps = window(where, at, setting.horizon)

    def quat(self, trajectory: View) -> Tensor:
        """(S,[B,]4)"""
        return trajectory.frame_quat(self.body, self.frame, self.steps)


class OrientationRange(OfOrientation):
    """Orientation at a target quaternion: 2 sin(angle / 2) times the axis of what turns one into the other, three numbers [rad]; or, with
    `angle`, that angle at most [rad]."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        target: Any,
        angle: float = 0.0,
        frame: str | None = None,
        at: Any = "all",
        tolerance: float = 1e-3,
        entity: str | None = None,
    ) -> None:
        super().__init__(setting, where, frame, at, entity)
        self.target, self.angle = unit_quaternion(f"{where}.target", target), float(angle)
        zero = self.target.new_zeros(1 if self.angle else 3)
        high = zero + self.angle
        low = torch.full_like(zero, -math.inf) if self.angle else zero
        self.quantities = [
            RangedQuantity("rad", [""] if self.angle else AXES, low, high, torch.full_like(zero, ANGLE), tolerance)
        ]

    def measure(self, trajectory: View) -> list[TimeRows]:
        error = quaternion_error(self.quat(trajectory), self.target)
        if self.angle:
            sine = torch.sqrt((error * error).sum(-1, keepdim=True) + TINY)
            return [TimeRows(2.0 * torch.asin(sine.clamp(max=1.0 - 1e-12)), self.steps.start)]
        return [TimeRows(2.0 * error, self.steps.start, to_state=lambda: self._jacobian(trajectory))]

    def _jacobian(self, trajectory: View) -> Tensor:
        """The error is linear in the quaternion."""
        units = torch.eye(4, dtype=self.target.dtype, device=self.target.device)
        of_quat = frame_quat_jacobian(trajectory.trajectory, self.body, self.frame, self.steps)
        return 2.0 * quaternion_error(units, self.target).T @ of_quat


class Cone(OfOrientation):
    """The axis of a frame stays within `angle` [rad] of a direction of the world, as of a cup that must not spill."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        angle: float,
        axis: Any = (0.0, 0.0, 1.0),
        about: Any = (0.0, 0.0, 1.0),
        frame: str | None = None,
        at: Any = "all",
        tolerance: float = 1e-3,
        entity: str | None = None,
    ) -> None:
        super().__init__(setting, where, frame, at, entity)
        self.axis, self.about = direction(f"{where}.axis", axis), direction(f"{where}.about", about)
        high = self.axis.new_tensor([float(angle)])
        self.quantities = [
            RangedQuantity("rad", [""], torch.full_like(high, -math.inf), high, torch.full_like(high, ANGLE), tolerance)
        ]

    def measure(self, trajectory: View) -> list[TimeRows]:
        quat = self.quat(trajectory)
        axis = rotate(quat, self.axis.expand(*quat.shape[:-1], 3))
        about = self.about.expand_as(axis)
        sine = torch.sqrt(torch.linalg.cross(axis, about).square().sum(-1, keepdim=True) + TINY)
        return [TimeRows(torch.atan2(sine, (axis * about).sum(-1, keepdim=True)), self.steps.start)]


def direction(where: str, value: Any) -> Tensor:
    """A unit vector (3,). Raises: InputError for one of length zero."""
    given = vector(where, value, 3)
    length = given.norm()
    if length < 1e-12:
        raise InputError(f"{where}: {value} has length zero; give a direction, e.g. [0, 0, 1].")
    return given / length


def open_range(where: str, low: Any, high: Any, size: int) -> tuple[Tensor, Tensor]:
    """(size,) each; null, or null among the entries, is no limit. Raises: InputError where there is none, or low is above high."""
    least, most = (
        _side(f"{where}.{name}", given, size, empty) for name, given, empty in (("low", low, -math.inf), ("high", high, math.inf))
    )
    if not bool((torch.isfinite(least) | torch.isfinite(most)).any()):
        raise InputError(f"{where}: nothing is limited; give low, high, or both.")
    wrong = (least > most).nonzero()
    if len(wrong):
        k = int(wrong[0])
        raise InputError(
            f"{where}: low is {float(least[k]):g} and high {float(most[k]):g} in entry {k}; low must not be above high."
        )
    return least, most


def _side(where: str, given: Any, size: int, empty: float) -> Tensor:
    if given is None:
        return torch.full((size,), empty, dtype=torch.float64).to(vector(where, 0.0, size))
    entries = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else given
    if not isinstance(entries, list):
        return vector(where, entries, size)
    open_ = torch.tensor([x is None for x in entries])
    values = vector(where, [0.0 if x is None else x for x in entries], size)
    return torch.where(open_, torch.full_like(values, empty), values)
