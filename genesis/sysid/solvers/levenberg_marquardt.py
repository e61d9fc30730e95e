"""Gauss-Newton steps damped by Levenberg and Marquardt, within bounds.

Damping on the diagonal of the normal equations, in which steps are measured too, updated by the ratio of the true to the predicted fall
of the cost; numbers that stand at a bound and would leave it are held in that step.
Source: Nocedal, Wright, Numerical Optimization (2006), §10.3; Nielsen, Damping parameter in Marquardt's method, 1999 (update);
Kanzow, Yamashita, Fukushima, 2004 (projected steps).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from genesis.methods.residuals import Normal, cost
from genesis.sysid.linearization import Point
from genesis.sysid.solvers.solver import After, LeastSquares, Report, held

LARGEST = 1e16  # damping at which a step is too short to matter
ENOUGH = 1e-4  # of the predicted fall of the cost that a step must bring
ROUNDING = 1e-15  # relative size of a step that no longer changes the point


@dataclass
class _Step:
    """A step that lowered the cost. relative: its length over that of the point; length: of the point's change as it is."""

    point: Point
    fall: float
    relative: float
    length: float
    damping: float
    grow: float


@dataclass
class LevenbergMarquardt:
    """iterations: at most. damping: at the start. cost_tolerance, step_tolerance, gradient_tolerance: when to end, all relative."""

    iterations: int = 100
    damping: float = 1e-3
    cost_tolerance: float = 1e-9
    step_tolerance: float = 1e-8
    gradient_tolerance: float = 1e-9

    def run(self, squares: LeastSquares, start: Point, after: After, state: dict[str, Any] | None = None) -> tuple[bool, str]:
        """See `Solver.run`."""
        low, high = squares.bounds()
        point = Point(np.clip(start.z, low, high), start.starts)
        known: dict[str, Any] = {"iteration": 0, "damping": self.damping, "grow": 2.0, "length": 0.0, "ending": ""} | (
            state or {}
        )
        damping, grow, length, ending = (known[key] for key in ("damping", "grow", "length", "ending"))
        for iteration in range(known["iteration"], self.iterations + 1):
            blocks = squares.blocks(point)
            value, normal = cost(blocks), squares.normal(blocks)
            fixed = held(squares, point, normal)
            slope = normal.slope(fixed, value)
            memory = {
                "iteration": iteration,
                "damping": damping,
                "grow": grow,
                "length": length,
                "ending": ending,
                "point": point,
            }
            after(Report(iteration, value, point, length, damping, slope), memory)
            if ending:
                return True, ending
            if slope < self.gradient_tolerance:
                return True, "the gradient vanishes"
            if iteration == self.iterations:
                break
            step = self._search(squares, point, value, normal, fixed, damping, grow)
            if step is None:
                return True, "no step lowers the cost any further"
            point, damping, grow, length = step.point, step.damping, step.grow, step.length
            if step.relative < self.step_tolerance:
                ending = "the steps vanish"
            elif step.fall < self.cost_tolerance * value:
                ending = "the cost does not fall any further"
        return False, f"the {self.iterations} iterations are used up"

    @staticmethod
    def _search(
        squares: LeastSquares, point: Point, value: float, normal: Normal, fixed: np.ndarray, damping: float, grow: float
    ) -> _Step | None:
        """The first step that lowers the cost, or None."""
        (low, high), scale, here = squares.bounds(), normal.scale(), squares.flat(point)
        while damping < LARGEST:
            dx, predicted = normal.step(damping, fixed)
            moved = squares.unflat(here + dx)
            moved.z = np.clip(moved.z, low, high)
            change = squares.flat(moved) - here
            relative = float(np.linalg.norm(scale * change) / max(float(np.linalg.norm(scale * here)), 1e-300))
            if relative < ROUNDING:
                return None
            new = squares.cost(moved)
            ratio = (value - new) / predicted if predicted > 0.0 and np.isfinite(new) else -1.0
            if ratio > ENOUGH:
                eased = damping * max(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3)
                return _Step(moved, value - new, relative, float(np.linalg.norm(change)), float(eased), 2.0)
            damping, grow = max(damping, 1e-12) * grow, grow * 2.0
        return None
