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
from genesis.grad.rotation import multiply, to_rotation_vector
from genesis.losses.term import TimeRows
from genesis.scene.frame_jacobian import point_jacobian
from genesis.selection import vector
from genesis.setting import Setting
from genesis.view import View

HEIGHT, SPEED, LENGTH = 0.05, 0.5, 0.05  # that is much [m, m/s, m]
ROUND = 1e-5  # of the way of a step [m], below which its length is round, so that it has a slope at zero


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

    def stands(self, times: Tensor, margin: float = 0.0) -> Tensor:
        """(S, feet) whether, also `margin` [s] before a foot begins to and after it has."""
        phase, more = self.phase(times), margin / self.period
        return (phase < self.duty + more) | (phase >= 1.0 - more)

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
    """Feet that stand stay where they are on the floor: what of a foot touches it moves, from one state to the next, at ±speed [m/s] at most
    along x and along y, and over the whole motion no farther than `length` [m].

    margin [s]: how long before and after a foot stands it counts too, since it touches the floor somewhere within a step.
    A foot may roll: what counts is the point of the ball at the floor, v − r ω × z, as it is turned by from one state to the next.
    """

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
        length: float | None = None,
        margin: float = 0.0,
        offset: Any = (0.0, 0.0, 0.0),
        radius: float = 0.0,
        tolerance: float = 1e-2,
        length_tolerance: float = 1e-3,
        entity: str | None = None,
    ) -> None:
        super().__init__(setting, where, feet, offset, radius, 0.0, entity)
        gait = gait_of(where, period, duty, offsets, len(self.frames))
        if not 0.0 <= 2.0 * margin < (1.0 - duty) * period:
            raise InputError(
                f"{where}.margin: {margin:g} s on both sides leave nothing of a swing of {(1.0 - duty) * period:g} s; "
                "give a step or two, or 0."
            )
        new = setting.start_qpos.new_full
        stands = gait.stands(torch.arange(setting.horizon + 1, dtype=setting.start_qpos.dtype) * setting.dt, margin)
        self.stands = stands[1:] & stands[:-1]  # (T, feet)
        both = self.stands.repeat_interleave(2, -1)
        high = torch.where(both, new(both.shape, float(speed)), torch.inf)
        labels = [f"{frame} {axis}" for frame in self.frames for axis in ("x", "y")]
        self.quantities = [RangedQuantity("m/s", labels, -high, high, new((len(labels),), SPEED), tolerance)]
        self.length = length
        if length is not None:
            most = new((len(self.frames),), float(length))
            scale = torch.full_like(most, LENGTH)
            self.quantities.append(
                RangedQuantity("m", self.frames, torch.full_like(most, -torch.inf), most, scale, length_tolerance)
            )

    def measure(self, trajectory: View) -> list[TimeRows]:
        moved = self.moved(trajectory)
        rows = [TimeRows((moved / self.dt).flatten(-2), 0, reach=1)]
        if self.length is not None:
            rows.append(TimeRows(self.lengths(moved).unsqueeze(0), 0, reach=len(moved)))
        return rows

    def moved(self, trajectory: View) -> Tensor:
        """How far what touches the floor has come along it in each step (T,[B,]feet,2) [m]."""
        points = self.points(trajectory, slice(0, None))[..., :2]
        moved = points[1:] - points[:-1]
        if not self.radius:
            return moved
        quats = torch.stack([trajectory.frame_quat(self.body, frame) for frame in self.frames], -2)
        turned = to_rotation_vector(multiply(quats[1:], quats[:-1] * quats.new_tensor([1.0, -1.0, -1.0, -1.0])))
        return moved + self.radius * torch.stack([-turned[..., 1], turned[..., 0]], -1)

    def lengths(self, moved: Tensor) -> Tensor:
        """Of the ways of feet while they stand, all in all ([B,]feet) [m]; too short by `ROUND` a step at most."""
        ways = ((moved * moved).sum(-1) + ROUND**2).sqrt() - ROUND
        stands = self.stands.to(moved)
        return (ways * (stands if ways.ndim == 2 else stands.unsqueeze(1))).sum(0)


def gait_of(where: str, period: float, duty: float, offsets: Sequence[float], feet: int) -> Gait:
    """Raises: InputError for a gait that there is not."""
    if not period > 0.0 or not 0.0 < duty < 1.0:
        raise InputError(f"{where}: period is {period:g} s and duty {duty:g}; period is above 0, duty between 0 and 1.")
    if len(offsets) != feet:
        raise InputError(f"{where}.offsets: has {len(offsets)} entries for {feet} feet; give one each, in periods.")
    return Gait(float(period), float(duty), [float(x) for x in offsets])
