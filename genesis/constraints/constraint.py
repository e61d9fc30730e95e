"""What a constraint is: quantities of a trajectory that must lie within ranges."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.losses.term import TimeRows, window
from genesis.problems.augmented_lagrangian import outside
from genesis.selection import vector
from genesis.setting import Setting
from genesis.view import View


@dataclass(frozen=True)
class RangedQuantity:
    """m numbers of every row, each of which must lie between low and high; low = high is an equality, an infinite side none.

    unit: SI unit of the numbers. labels (m,): what each is of. low, high (m,) or (S, m). scale (m,): how much of it is much, the unit in which
    methods see it. tolerance: violation that counts as none [unit].
    """

    unit: str
    labels: Sequence[str]
    low: Tensor
    high: Tensor
    scale: Tensor
    tolerance: float

    def violation(self, values: Tensor) -> Tensor:
        """(S,[B,]m) how far each is outside [unit], by magnitude."""
        return outside(values, self.low, self.high).abs()

    @property
    def slug(self) -> str:
        """The unit as a part of a name."""
        return self.unit.replace(" ", "").replace("/", "_per_").replace("²", "2")


class Constraint(ABC):
    """Of one kind. quantities: what must lie within which range.

    Kinds are built as `CONSTRAINTS[kind](setting, where, **options)`, without `hard` and `weight`, which are the same for all.
    """

    quantities: list[RangedQuantity]

    @abstractmethod
    def measure(self, trajectory: View) -> list[TimeRows]:
        """The quantities of a trajectory, in their order; differentiable, in operations that `torch.vmap` knows."""

    def regions(self) -> list["DrawnRegion"]:
        """What can be drawn of it in the world."""
        return []


@dataclass(frozen=True)
class DrawnRegion:
    """Where something must be, or, `forbidden`, must not be, as it is drawn.

    kind: point, frame, box (half sizes) or plane (its normal is the z axis of quat). pos (3,), quat (4,), size [m].
    """

    kind: str
    pos: Tensor
    quat: Tensor | None = None
    size: tuple[float, ...] = ()
    forbidden: bool = False


def grouped(units: Sequence[str]) -> list[tuple[str, list[int]]]:
    """The distinct units, and the positions of each: a quantity has one unit."""
    return [(unit, [k for k, one in enumerate(units) if one == unit]) for unit in dict.fromkeys(units)]


def narrowed(where: str, low: Tensor, high: Tensor, margin: float, labels: Sequence[str]) -> tuple[Tensor, Tensor]:
    """[low + margin, high − margin]. Raises: InputError where nothing is left of a range."""
    low, high = low + margin, high - margin
    empty = (low > high).nonzero()
    if len(empty):
        at = tuple(empty[0])
        left = f"[{float(low[at]):g}, {float(high[at]):g}]"
        remedy = "give a smaller margin" if margin else "low must not be above high"
        raise InputError(f"{where}: nothing is left of the range of {labels[int(at[-1])]}: {left}; {remedy}.")
    return low, high


def magnitude(where: str, limit: Any, size: int) -> Tensor:
    """(size,) from a number for all, or one each. Raises: InputError for another length, or one below zero."""
    most = vector(where, limit, size)
    if bool((most < 0.0).any()):
        raise InputError(f"{where}: {limit!r} is below zero; it is the largest magnitude, for both signs.")
    return most


def size_of(low: Tensor, high: Tensor) -> Tensor:
    """A scale (m,) for ranges: half their width where both sides are finite and apart, else the magnitude of the finite one, else 1."""
    width = 0.5 * (high - low)
    ends = torch.stack([low, high]).abs()
    largest = torch.where(torch.isfinite(ends), ends, torch.zeros_like(ends)).amax(0)
    made = torch.where(torch.isfinite(width) & (width > 0.0), width, largest)
    made = torch.where(made > 0.0, made, torch.ones_like(made))
    return made if made.ndim == 1 else made.amax(0)


def state_window(where: str, at: Any, setting: Setting) -> slice:
    """The states that `at` means. Raises: InputError also where it is the start alone, which nothing changes."""
    steps = window(where, at, setting.horizon)
    if steps.stop <= 1 and not setting.start_is_learned:
        raise InputError(f"{where}: at={at} is the start alone, which nothing changes; choose later states, or learn the start.")
    return steps
