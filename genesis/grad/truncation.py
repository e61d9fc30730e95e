"""How far back the gradients of a rollout go: truncated backpropagation through time, and clipping of the adjoint of the state."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from genesis.errors import InputError

if TYPE_CHECKING:
    from genesis.grad.physics import Physics

#: (truncate, clip) of exact gradients.
EXACT = (0, 0.0)


def truncation(where: str, truncate: int | None, clip: float | None) -> tuple[int, float]:
    """The numbers of the kernels for what a user gives. Raises: InputError."""
    if truncate is not None and (isinstance(truncate, bool) or not isinstance(truncate, int) or not 0 < truncate < 2**31):
        raise InputError(f"{where}: truncate is {truncate!r}; allowed: a number of steps, at least 1, or None: exact gradients.")
    number = isinstance(clip, (int, float)) and not isinstance(clip, bool)
    if clip is not None and not (number and clip > 0.0):
        raise InputError(f"{where}: clip is {clip!r}; allowed: a norm above zero, or None: exact gradients.")
    return truncate or 0, 0.0 if clip is None or math.isinf(clip) else float(clip)


@contextmanager
def truncated(physics: "Physics", how: tuple[int, float]) -> Iterator[None]:
    """Gradients of trajectories made in here are cut and clipped, also if they are taken later."""
    before, physics.truncation = physics.truncation, how
    try:
        yield
    finally:
        physics.truncation = before
