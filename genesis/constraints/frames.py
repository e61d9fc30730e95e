"""Constraints on where a frame is and how it stands: a point in a box, on a path, behind a plane; an orientation, an axis within a cone."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from genesis.constraints.constraint import Constraint, DrawnRegion, RangedQuantity, size_of, state_window
from genesis.errors import InputError
from genesis.grad.rotation import rotate, rotate_inverse
from genesis.losses.orientation import unit_quaternion
from genesis.losses.term import TimeRows
from genesis.paths import target_path
from genesis.scene.frame_jacobian import frame_quat_jacobian, point_jacobian
from genesis.selection import quaternion_error, vector
from genesis.setting import Setting
from genesis.view import View

LENGTH, ANGLE = 0.1, 0.1  # that is much [m, rad], where nothing else says it
TINY = 1e-24  # keeps the slope of a length finite where it is zero
AXES = ("x", "y", "z")


class OfPoint(Constraint):
    """Of the point `offset` [m] of a link or site, in the axes of the world, or in those, and from the origin, of another one, `relative_to`.

    relative_entity: whose that is; None: the robot's.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        frame: str | None = None,
        offset: Any = (0.0, 0.0, 0.0),
        relative_to: str | None = None,
        relative_entity: str | None = None,
        at: Any = "all",
        entity: str | None = None,
    ) -> None:
        self.body = setting.entity(where, entity)
        self.frame = setting.frame(f"{where}.frame", frame, self.body)
        shift = tuple(float(x) for x in vector(f"{where}.offset", offset, 3))
        self.offset = shift if any(shift) else None
        self.base: tuple[Any, str] | None = None
        if relative_to is not None:
            base = setting.entity(f"{where}.relative_entity", relative_entity)
            self.base = base, setting.frame(f"{where}.relative_to", relative_to, base)
        elif relative_entity is not None:
            raise InputError(
                f"{where}: relative_entity is given and relative_to is not; name the link or site of {relative_entity}."
            )
        self.steps = state_window(where, at, setting)

    def rows(self, trajectory: View, of: Callable[[Tensor], Tensor] = lambda point: point) -> TimeRows:
        """Numbers (..., m) that are made of the points (..., 3) [m]."""
        point = trajectory.point(self.body, self.frame, self.offset, self.steps)
        if self.base is not None:
            away = point - trajectory.point(*self.base, steps=self.steps)
            return TimeRows(of(rotate_inverse(trajectory.frame_quat(*self.base, self.steps), away)), self.steps.start)

        def to_state() -> Tensor:
            return slopes(of, point) @ point_jacobian(trajectory.trajectory, self.body, self.frame, self.offset, self.steps)

        return TimeRows(of(point), self.steps.start, to_state=to_state)


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
        tolerance: float = 1e-4,
        **of_point: Any,
    ) -> None:
        super().__init__(setting, where, **of_point)
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
        return [self.rows(trajectory)]

    def regions(self) -> list[DrawnRegion]:
        low, high = (side.reshape(-1, 3) for side in (self.quantities[0].low, self.quantities[0].high))
        if self.base is not None or bool((high - low).isinf().any()) or bool((low != low[0]).any()):  # a path, or open sides
            return []
        low, high = low[0], high[0]
        if bool((low == high).all()):
            return [DrawnRegion("point", low)]
        return [DrawnRegion("box", 0.5 * (low + high), size=tuple(float(x) for x in 0.5 * (high - low)))]


class HalfSpace(OfPoint):
    """normal · p ≤ distance [m]: the point stays behind a plane."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        normal: Any,
        distance: float = 0.0,
        tolerance: float = 1e-4,
        **of_point: Any,
    ) -> None:
        super().__init__(setting, where, **of_point)
        self.normal = direction(f"{where}.normal", normal)
        most = self.normal.new_tensor([float(distance)])
        self.quantities = [
            RangedQuantity("m", [""], torch.full_like(most, -math.inf), most, torch.full_like(most, LENGTH), tolerance)
        ]

    def measure(self, trajectory: View) -> list[TimeRows]:
        return [self.rows(trajectory, lambda point: (point * self.normal).sum(-1, keepdim=True))]

    def regions(self) -> list[DrawnRegion]:
        if self.base is not None:
            return []
        return [DrawnRegion("plane", self.normal * self.quantities[0].high, _from_vertical(self.normal), forbidden=True)]


def _from_vertical(normal: Tensor) -> Tensor:
    """Quaternion (4,) that turns the z axis to a unit vector."""
    x, y, z = (float(k) for k in normal)
    if z < -1.0 + 1e-9:
        return normal.new_tensor([0.0, 1.0, 0.0, 0.0])
    quat = normal.new_tensor([1.0 + z, -y, x, 0.0])
    return quat / quat.norm()


class PoseEquality(OfPoint):
    """A point of a frame at `target_pos` [m], and the frame turned as `target_quat` says [rad]: `position` and `orientation` in one.

    tolerance [m], orientation_tolerance [rad].
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        target_pos: Any,
        target_quat: Any,
        frame: str | None = None,
        offset: Any = (0.0, 0.0, 0.0),
        at: Any = "end",
        tolerance: float = 1e-4,
        orientation_tolerance: float = 1e-3,
        entity: str | None = None,
    ) -> None:
        super().__init__(setting, where, frame=frame, offset=offset, at=at, entity=entity)
        self.pos = vector(f"{where}.target_pos", target_pos, 3)
        quat = unit_quaternion(f"{where}.target_quat", target_quat).tolist()
        self.turn = OrientationRange(
            setting,
            where,
            target=quat,
            frame=frame,
            at=at,
            tolerance=orientation_tolerance,
            entity=entity,
        )
        here = RangedQuantity("m", AXES, self.pos, self.pos, torch.full_like(self.pos, LENGTH), tolerance)
        self.quantities = [here, *self.turn.quantities]

    def measure(self, trajectory: View) -> list[TimeRows]:
        return [self.rows(trajectory), *self.turn.measure(trajectory)]

    def regions(self) -> list[DrawnRegion]:
        return [DrawnRegion("point", self.pos), DrawnRegion("frame", self.pos, self.turn.target)]


class OfOrientation(Constraint):
    """Of the orientation of a link or site."""

    def __init__(self, setting: Setting, where: str, frame: str | None, at: Any, entity: str | None) -> None:
        self.body = setting.entity(where, entity)
        self.frame = setting.frame(f"{where}.frame", frame, self.body)
        self.steps = state_window(where, at, setting)

    def rows(self, trajectory: View, of: Callable[[Tensor], Tensor]) -> TimeRows:
        """Numbers (..., m) that are made of the quaternions (..., 4)."""
        quat = trajectory.frame_quat(self.body, self.frame, self.steps)

        def to_state() -> Tensor:
            return slopes(of, quat) @ frame_quat_jacobian(trajectory.trajectory, self.body, self.frame, self.steps)

        return TimeRows(of(quat), self.steps.start, to_state=to_state)


def slopes(of: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """(S, B, m, n): derivatives of what is made of each row (n,) of values to that row."""
    here = (values if values.ndim == 3 else values.unsqueeze(1)).detach().requires_grad_()
    with torch.enable_grad():
        made = of(here)
        bars = [torch.autograd.grad(made[..., k].sum(), here, retain_graph=True)[0] for k in range(made.shape[-1])]
    return torch.stack(bars, -2)


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
        return [self.rows(trajectory, self._turn)]

    def _turn(self, quat: Tensor) -> Tensor:
        error = quaternion_error(quat, self.target)
        if not self.angle:
            return 2.0 * error
        return 2.0 * torch.asin(length(error).clamp(max=1.0 - 1e-12))


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
        return [self.rows(trajectory, self._angle)]

    def _angle(self, quat: Tensor) -> Tensor:
        axis = rotate(quat, self.axis)
        sine = length(torch.linalg.cross(axis, self.about.expand_as(axis)))
        return torch.atan2(sine, (axis * self.about).sum(-1, keepdim=True))


def length(values: Tensor) -> Tensor:
    """(..., 1) of vectors (..., 3), with a slope, of zero, where they are zero."""
    return torch.sqrt((values * values).sum(-1, keepdim=True) + TINY)


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
