"""What a loss is, which losses are sums of squares, and which time steps a loss looks at."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.view import View

#: Columns (m) of a series of a trajectory.
Columns = tuple[Literal["qpos", "qvel", "controls"], Sequence[int]]


class Loss(Protocol):
    """A scalar of a trajectory, mean over environments."""

    def __call__(self, trajectory: View) -> Tensor: ...


@dataclass(frozen=True)
class TimeRows:
    """Numbers of a trajectory, in rows over time.

    values (S,[B,]m): time first. first, reach: row s depends on the states and controls of the steps first + s to
    first + s + reach, and on no other; ends: on the first and the last of these alone. sees: of a row whose number k depends on one column
    of one series alone: which series, and the column of each number. to_state: gives the derivatives (S, B, m, nx) to the state that a row
    sees (reach 0), where physical parameters are given, at less than m reverse passes. claimed_by: where a user says what the rows depend
    on, which is checked then.
    """

    values: Tensor
    first: int
    reach: int = 0
    sees: Columns | None = None
    to_state: Callable[[], Tensor] | None = None
    claimed_by: str = ""
    ends: bool = False

    @property
    def seen(self) -> Sequence[int]:
        """The J steps that row s depends on, counted from first + s."""
        return (0, self.reach) if self.ends and self.reach else range(self.reach + 1)


@dataclass(frozen=True)
class Squares(TimeRows):
    """weight times the mean of the squares of residuals, which are the values of the rows.

    vectors: a row is a vector whose squared length counts; the mean is over time and environments alone. one_sided: a value of zero is
    within a range, where it does not change.
    """

    weight: float = 1.0
    vectors: bool = False
    one_sided: bool = False

    def total(self) -> Tensor:
        """The number that they add up to."""
        mean = (self.values**2).sum(-1).mean() if self.vectors else torch.mean(self.values * self.values)
        return mean if self.weight == 1.0 else self.weight * mean

    def share(self) -> float:
        """What the square of one residual adds to `total`."""
        count = self.values.numel() // (self.values.shape[-1] if self.vectors else 1)
        return self.weight / max(count, 1)


class SumOfSquares(ABC):
    """A loss that is a sum of squares: methods for least squares can work on it."""

    @abstractmethod
    def residuals(self, trajectory: View) -> list[Squares]:
        """What is squared; the values of the parts add up to the loss."""

    def __call__(self, trajectory: View) -> Tensor:
        first, *others = self.residuals(trajectory)
        return sum((part.total() for part in others), start=first.total())


def window(where: str, at: str | Sequence[float], horizon: int) -> slice:
    """The time steps of a trajectory of `horizon` + 1 states that `at` means: end, all, or [from, to] as fractions.

    `all` leaves out the first state, which nothing can change.
    """
    if at == "end":
        return slice(horizon, horizon + 1)
    if at == "all":
        return slice(1, horizon + 1)
    if isinstance(at, Sequence) and not isinstance(at, str) and len(at) == 2 and all(isinstance(x, (int, float)) for x in at):
        first, last = (round(float(x) * horizon) for x in at)
        if 0 <= first <= last <= horizon:
            return slice(first, last + 1)
    raise InputError(f"{where}: at is {at!r}; allowed: end, all, or [from, to] with 0 <= from <= to <= 1.")
