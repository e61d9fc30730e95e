"""What is asked of a policy, drawn anew in every episode, one kind a class."""

from typing import Any, Protocol

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.selection import tensor, vector
from genesis.setting import Setting


class DrawnTarget(Protocol):
    """labels: of each number; units: SI, likewise. every: steps after which it is drawn anew within an episode; None: never."""

    labels: list[str]
    units: list[str]
    every: int | None

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, numbers)"""
        ...


class _Ranges:
    """Base of numbers that are uniform in ranges."""

    labels: list[str]
    units: list[str]

    def __init__(self, where: str, names: tuple[str, ...], ranges: tuple[Any, ...], every: int | None) -> None:
        pairs = [vector(f"{where}.{name}", given, 2) for name, given in zip(names, ranges, strict=True)]
        self.low, self.high, self.every = torch.stack([p[0] for p in pairs]), torch.stack([p[1] for p in pairs]), every
        for name, pair in zip(names, pairs, strict=True):
            if pair[0] > pair[1]:
                raise InputError(f"{where}.{name}: {pair.tolist()} is no range; allowed: [from, to] with from <= to.")

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        share = tensor(torch.rand(count, len(self.low), generator=generator, dtype=torch.float64))
        return self.low + (self.high - self.low) * share


class VelocityTarget(_Ranges):
    """Velocity along a body's x and y [m/s] and rate about its z [rad/s]."""

    labels, units = ["x", "y", "turn"], ["m/s", "m/s", "rad/s"]

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        x: Any = (0.0, 0.0),
        y: Any = (0.0, 0.0),
        turn: Any = (0.0, 0.0),
        every: float | None = None,
    ) -> None:
        steps = None if every is None else max(1, round(every / setting.dt))
        super().__init__(where, ("x", "y", "turn"), (x, y, turn), steps)


class PositionTarget(_Ranges):
    """A point in a box of the world [m]."""

    labels, units = ["x", "y", "z"], ["m"] * 3

    def __init__(self, setting: Setting, where: str, *, x: Any, y: Any, z: Any, every: float | None = None) -> None:
        steps = None if every is None else max(1, round(every / setting.dt))
        super().__init__(where, ("x", "y", "z"), (x, y, z), steps)


#: kind -> class; built as `TARGETS[kind](setting, where, **options)`.
TARGETS: dict[str, Any] = {"velocity": VelocityTarget, "position": PositionTarget}
