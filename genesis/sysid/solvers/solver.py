"""What a solver is, what it may ask, and what it reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from genesis.methods.residuals import Block, Normal
from genesis.sysid.linearization import FAILURES, Point, evaluate, try_cost
from genesis.sysid.problem import Problem


@dataclass
class Report:
    """One iteration: the best point so far and how the solver got there."""

    iteration: int
    cost: float
    point: Point
    step: float
    damping: float
    gradient_norm: float


@dataclass
class LeastSquares:
    """The problem with the weight that gaps have now."""

    problem: Problem
    gap_weight: float = 0.0

    @property
    def nt(self) -> int:
        """Tangents of a start state; 0 where start states are not free."""
        return self.problem.space.nt if self.problem.start is not None else 0

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,), (n,)"""
        low, high = self.problem.bounds
        return low.numpy(), high.numpy()

    def first(self) -> Point:
        """The start."""
        starts = np.zeros((len(self.problem.windows), self.nt)) if self.nt else None
        return Point(self.problem.z0.numpy().copy(), starts)

    def blocks(self, point: Point) -> list[Block]:
        """Residuals with Jacobians."""
        return evaluate(self.problem, point, True, self.gap_weight)

    def try_blocks(self, point: Point) -> list[Block] | None:
        """The same at a trial point; None where it cannot be simulated."""
        try:
            return self.blocks(point)
        except FAILURES:
            return None

    def cost(self, point: Point) -> float:
        """Infinite where the point cannot be simulated."""
        return try_cost(self.problem, point, self.gap_weight)

    def normal(self, blocks: Sequence[Block]) -> Normal:
        """Normal equations."""
        return Normal.of(blocks, self.problem.n, len(self.problem.windows), self.nt)

    # ---- flat vectors for general solvers

    def flat(self, point: Point) -> np.ndarray:
        """z, then the start states."""
        return point.z if point.starts is None else np.concatenate([point.z, point.starts.reshape(-1)])

    def unflat(self, x: np.ndarray) -> Point:
        """The other way."""
        n = self.problem.n
        return Point(x[:n].copy(), x[n:].reshape(-1, self.nt).copy() if self.nt else None)

    def flat_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Start states have none."""
        low, high = self.bounds()
        free = np.full(len(self.problem.windows) * self.nt, np.inf)
        return np.concatenate([low, -free]), np.concatenate([high, free])


def held(squares: LeastSquares, point: Point, normal: Normal) -> np.ndarray:
    """(flat) Which numbers stand at a bound and would leave it."""
    x, (low, high), gradient = squares.flat(point), squares.flat_bounds(), normal.gradient()
    return ((x <= low) & (gradient > 0.0)) | ((x >= high) & (gradient < 0.0))


class Ended(Exception):
    """Raised by `after` to leave a solver early; the runner knows why."""


After = Callable[[Report, dict[str, Any]], None]


class Solver(Protocol):
    """Lowers the cost from a point.

    `run` calls ``after(report, state)`` once an iteration; ``state`` is what ``run`` may be given again to go on from there.
    Returns the reason for its end and whether it has converged.
    """

    def run(self, squares: LeastSquares, start: Point, after: After, state: dict[str, Any] | None = None) -> tuple[bool, str]: ...
