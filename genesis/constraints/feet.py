"""Constraints on feet: which stand when, how high the others are lifted, and that those that stand do not slip.

A gait is a period, the part of it in which a foot stands (duty), and where in the period each foot begins to (offsets): with phase
φ = t / period + offset modulo 1, a foot stands while φ < duty, and is lifted for the rest, along sin² of it. A trot has two pairs of feet,
half a period apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.constraints.constraint import Constraint, RangedQuantity, state_window
from genesis.errors import InputError
from genesis.losses.term import TimeRows
from genesis.scene.frame_jacobian import point_jacobian
from genesis.selection import vector
from genesis.setting import Setting
from genesis.view import View

HEIGHT, SPEED = 0.05, 0.5  # that is much [m, m/s]


@dataclass(frozen=True)
class Gait:
    """period [s], duty (0 to 1), offsets: of each foot, in periods."""

    period: float
    duty: float
    offsets: Sequence[float]

    def phase(self, times: Tensor) -> Tensor:
        """(S, feet) of times (S,) [s], 0 to 1."""
        shifted = times.unsqueeze(-1) / self.period + torch.tensor(list(self.offsets), dtype=times.dtype, device=times.device)
        return (shifted + 1e-9) % 1.0  # a step that begins a phase is in it

    def stands(self, times: Tensor) -> Tensor:
        """(S, feet) whether."""
        return self.phase(times) < self.duty

    def lift(self, times: Tensor) -> Tensor:
        """(S, feet) 0 to 1 of the height to which it is lifted."""
        swing = ((self.phase(times) - self.duty) / (1.0 - self.duty)).clamp(min=0.0)
        return torch.sin(math.pi * swing) ** 2


class OfFeet(Constraint):
    """feet: links or sites, whose point `offset` [m] is the middle of a ball of `radius` [m] that stands on a floor at height `floor` [m]."""

    def __init__(
        self, setting: Setting, where: str, feet: Sequence[str], offset: Any, radius: float, floor: float, entity: str | None
    ) -> None:
        self.body = setting.entity(where, entity)
        names = [feet] if isinstance(feet, str) else list(feet)
        if not names:
            raise InputError(f"{where}.feet: none is named; give links or sites.")
        self.frames = [setting.frame(f"{where}.feet", str(name), self.body) for name in names]
        shift = tuple(float(x) for x in vector(f"{where}.offset", offset, 3))
        self.offset = shift if any(shift) else None
        self.radius, self.floor, self.dt = float(radius), float(floor), setting.dt

    def points(self, trajectory: View, steps: slice) -> Tensor:
        """(S,[B,]feet,3)"""
        return torch.stack([trajectory.point(self.body, frame, self.offset, steps) for frame in self.frames], -2)

    def jacobian(self, trajectory: View, steps: slice) -> Tensor:
        """(S, B, feet, 3, nx)"""
        return torch.stack(
            [point_jacobian(trajectory.trajectory, self.body, frame, self.offset, steps) for frame in self.frames], 2
        )


class ContactSchedule(OfFeet):
    """Heights of soles [m]: feet that stand are no higher than `sole`, others at least `clearance` times sin² of their swing."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        feet: Sequence[str],
        period: float,
        offsets: Sequence[float],
        duty: float = 0.5,
        clearance: float = 0.03,
        sole: float = 0.003,
        offset: Any = (0.0, 0.0, 0.0),
        radius: float = 0.0,
        floor: float = 0.0,
        at: Any = "all",
        tolerance: float = 2e-3,
        entity: str | None = None,
    ) -> None:
        super().__init__(setting, where, feet, offset, radius, floor, entity)
        gait = gait_of(where, period, duty, offsets, len(self.frames))
        self.steps = state_window(where, at, setting)
        times = torch.arange(self.steps.start, self.steps.stop, dtype=setting.start_qpos.dtype) * setting.dt
        stands = gait.stands(times)
        low = torch.where(stands, -torch.inf, clearance * gait.lift(times))
        high = torch.where(stands, sole, torch.inf)
        scale = torch.full((len(self.frames),), HEIGHT, dtype=low.dtype)
        self.quantities = [RangedQuantity("m", self.frames, low, high, scale, tolerance)]

    def measure(self, trajectory: View) -> list[TimeRows]:
        heights = self.points(trajectory, self.steps)[..., 2] - (self.radius + self.floor)
        return [TimeRows(heights, self.steps.start, to_state=lambda: self.jacobian(trajectory, self.steps)[..., 2, :])]


class FootClearance(OfFeet):
    """Heights of soles [m] are at least `least`."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        feet: Sequence[str],
        least: float,
        offset: Any = (0.0, 0.0, 0.0),
        radius: float = 0.0,
        floor: float = 0.0,
        at: Any = "all",
        tolerance: float = 1e-3,
        entity: str | None = None,
    ) -> None:
        super().__init__(setting, where, feet, offset, radius, floor, entity)
        self.steps = state_window(where, at, setting)
        low = torch.full((len(self.frames),), float(least), dtype=setting.start_qpos.dtype)
        self.quantities = [
            RangedQuantity("m", self.frames, low, torch.full_like(low, torch.inf), torch.full_like(low, HEIGHT), tolerance)
        ]

    def measure(self, trajectory: View) -> list[TimeRows]:
        heights = self.points(trajectory, self.steps)[..., 2] - (self.radius + self.floor)
        return [TimeRows(heights, self.steps.start, to_state=lambda: self.jacobian(trajectory, self.steps)[..., 2, :])]


class Slip(OfFeet):
    """Speeds along the floor [m/s] of feet that stand, x and y of each from one state to the next, within ±speed."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        feet: Sequence[str],
        period: float,
        offsets: Sequence[float],
        duty: float = 0.5,
        speed: float = 0.05,
        offset: Any = (0.0, 0.0, 0.0),
        tolerance: float = 1e-2,
        entity: str | None = None,
    ) -> None:
        super().__init__(setting, where, feet, offset, 0.0, 0.0, entity)
        gait = gait_of(where, period, duty, offsets, len(self.frames))
        stands = gait.stands(torch.arange(setting.horizon + 1, dtype=setting.start_qpos.dtype) * setting.dt)
        both = (stands[1:] & stands[:-1]).repeat_interleave(2, -1)  # (T, 2 feet)
        high = torch.where(both, torch.full(both.shape, float(speed), dtype=setting.start_qpos.dtype), torch.inf)
        labels = [f"{frame} {axis}" for frame in self.frames for axis in ("x", "y")]
        scale = torch.full((len(labels),), SPEED, dtype=high.dtype)
        self.quantities = [RangedQuantity("m/s", labels, -high, high, scale, tolerance)]

    def measure(self, trajectory: View) -> list[TimeRows]:
        points = self.points(trajectory, slice(0, None))[..., :2]
        return [TimeRows(((points[1:] - points[:-1]) / self.dt).flatten(-2), 0, reach=1)]


def gait_of(where: str, period: float, duty: float, offsets: Sequence[float], feet: int) -> Gait:
    """Raises: InputError for a gait that there is not."""
    if not period > 0.0 or not 0.0 < duty < 1.0:
        raise InputError(f"{where}: period is {period:g} s and duty {duty:g}; period is above 0, duty between 0 and 1.")
    if len(offsets) != feet:
        raise InputError(f"{where}.offsets: has {len(offsets)} entries for {feet} feet; give one each, in periods.")
    return Gait(float(period), float(duty), [float(x) for x in offsets])
