"""What a loss is, and which time steps it looks at."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from genesis.errors import InputError
from genesis.view import View


class Loss(Protocol):
    """A scalar of a trajectory, mean over environments."""

    def __call__(self, trajectory: View) -> Tensor: ...


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
