"""Searches that need no gradient: CMA-ES for rough landscapes; each generation is one batched simulation."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.sysid.linearization import Point
from genesis.sysid.population import population_costs
from genesis.sysid.solvers.solver import After, LeastSquares, Report


@dataclass
class CmaEs:
    """The `cma` package (Hansen). population: candidates of a generation, None: its default. spread: standard deviation at the
    start, as a fraction of the bounds, or of the start value where there are none."""

    iterations: int = 100
    population: int | None = None
    spread: float = 0.2
    seed: int = 0
    cost_tolerance: float = 1e-9

    def run(self, squares: LeastSquares, start: Point, after: After, state: dict[str, Any] | None = None) -> tuple[bool, str]:
        """See `Solver.run`."""
        try:
            import cma
        except ImportError as error:
            raise InputError('solver: cmaes needs the package cma; pip install "genesis-optimize[cma]".') from error
        if squares.nt:
            raise InputError(
                "solver: cmaes does not estimate start states; switch the parameter of kind start_state off, or use another solver."
            )
        low, high = squares.bounds()
        scale = self.spread * widths(start.z, low, high)
        known = state or {}
        search = known.get("search")
        if search is None:
            options: dict[str, Any] = {
                "bounds": [((low - start.z) / scale).tolist(), ((high - start.z) / scale).tolist()], "seed": self.seed + 1,
                "verbose": -9, "tolfunrel": self.cost_tolerance,
            }  # fmt: skip
            if self.population is not None:
                options["popsize"] = self.population
            search = cma.CMAEvolutionStrategy(np.zeros(len(scale)), 1.0, options)
        center = known.get("center", start.z)
        best = Point(start.z, None)
        lowest = squares.cost(best)
        for iteration in range(known.get("iteration", 0), self.iterations + 1):
            after(
                Report(iteration, lowest, best, float(search.sigma), float("nan"), float("nan")),
                {"iteration": iteration, "search": search, "center": center, "point": best},
            )
            if search.stop() or iteration == self.iterations:
                break
            asked = search.ask()
            points = [np.clip(center + scale * y, low, high) for y in asked]
            costs = population_costs(squares.problem, points)
            search.tell(asked, np.where(np.isfinite(costs), costs, 1e300).tolist())
            k = int(np.argmin(costs))
            if costs[k] < lowest:
                lowest, best = float(costs[k]), Point(points[k], None)
        reasons = ", ".join(search.stop())
        return bool(reasons) and "maxiter" not in reasons, reasons or f"the {self.iterations} generations are used up"


def widths(z: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How far each number may reasonably be from its start: its bounds, else its size."""
    size = np.maximum(np.abs(z), 1e-3)
    return np.where(np.isfinite(high - low), high - low, size)
