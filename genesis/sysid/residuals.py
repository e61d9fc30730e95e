"""What is squared and summed up, at flat points x = (z, d): free numbers of the parameters, then those of free start states."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from genesis.errors import SIMULATION_FAILURES, InputError
from genesis.methods.residuals import Normal, ResidualBlock, cost
from genesis.sysid.linearization import evaluate
from genesis.sysid.population import population_costs
from genesis.sysid.problem import RecordingProblem

FAILURES = (*SIMULATION_FAILURES, InputError, torch.linalg.LinAlgError)  # of points that cannot be simulated


@dataclass
class Residuals:
    """Residual blocks of a problem at flat points (n + W nt,).

    made: (x, with Jacobian) -> blocks. nt: tangents of a start state, 0 where x has none. many: points (C, n) -> their costs in one launch,
    None where there is no such way. held: number of z -> value that it keeps.
    """

    problem: RecordingProblem
    made: Callable[[np.ndarray, bool], list[ResidualBlock]]
    nt: int
    many: Callable[[Sequence[np.ndarray]], np.ndarray] | None = None
    held: dict[int, float] = field(default_factory=dict)

    def first(self) -> np.ndarray:
        """The start: the parameters as described, start states as measured."""
        return np.concatenate([self.problem.z0.numpy(), np.zeros(len(self.problem.windows) * self.nt)])

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Low and high; start states have none."""
        free = np.full(len(self.problem.windows) * self.nt, np.inf)
        low, high = self.problem.bounds
        made = np.concatenate([low.numpy(), -free]), np.concatenate([high.numpy(), free])
        for k, value in self.held.items():
            made[0][k] = made[1][k] = value
        return made

    def blocks(self, x: np.ndarray, jacobian: bool = True) -> list[ResidualBlock]:
        """Raises: DivergenceError, ContactOverflowError, InputError where x cannot be simulated."""
        return self.made(x, jacobian)

    def cost(self, x: np.ndarray) -> float:
        """Half the (robust) sum of squares; infinite where x cannot be simulated."""
        try:
            value = cost(self.blocks(x, False))
        except FAILURES:
            return float("inf")
        return value if np.isfinite(value) else float("inf")

    def costs(self, points: Sequence[np.ndarray]) -> np.ndarray:
        """(C,) of points (C, n); one after the other where one of them has parameters that cannot be simulated at all."""
        if self.many is not None:
            try:
                return self.many(points)
            except FAILURES:
                pass
        return np.array([self.cost(x) for x in points])

    def normal(self, blocks: Sequence[ResidualBlock]) -> Normal:
        """Gauss-Newton equations."""
        return Normal.of(blocks, self.problem.n, len(self.problem.windows), self.nt)


def of_windows(problem: RecordingProblem, gap_weight: float = 0.0) -> Residuals:
    """Simulated windows against their measurements, priors, gaps with their present weight."""
    many = partial(population_costs, problem, gap_weight=gap_weight)
    return Residuals(problem, partial(evaluate, problem, gap_weight=gap_weight), problem.nt, many)
