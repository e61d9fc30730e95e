"""Gauss-Newton steps damped by Levenberg and Marquardt, within bounds.

Damping on the diagonal of the normal equations, updated by the ratio of the true to the predicted fall of the cost; numbers that stand
at a bound and would leave it are held in that step.
Source: Nocedal, Wright, Numerical Optimization (2006), §10.3; Nielsen, Damping parameter in Marquardt's method, 1999 (update);
Kanzow, Yamashita, Fukushima, 2004 (projected steps).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from genesis.sysid.linearization import Point, cost
from genesis.sysid.normal import Normal
from genesis.sysid.solvers.solver import After, LeastSquares, Report

LARGEST = 1e16


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
        known = state or {}
        damping, grow, first = known.get("damping", self.damping), known.get("grow", 2.0), known.get("iteration", 0)
        step_size = 0.0
        for iteration in range(first, self.iterations + 1):
            blocks = squares.blocks(point)
            value, normal = cost(blocks), squares.normal(blocks)
            fixed = ((point.z <= low) & (normal.gz > 0.0)) | ((point.z >= high) & (normal.gz < 0.0))
            slope = self._slope(normal, fixed, value)
            memory = {"damping": damping, "grow": grow, "iteration": iteration, "point": point}
            after(Report(iteration, value, point, step_size, damping, slope), memory)
            if slope < self.gradient_tolerance:
                return True, "the gradient vanishes"
            if iteration == self.iterations:
                break
            found = self._search(squares, point, value, normal, fixed, (low, high), damping, grow)
            if found is None:
                return True, "no step lowers the cost any further"
            moved, fall, relative, step_size, damping, grow = found
            point = moved
            if relative < self.step_tolerance or fall < self.cost_tolerance * value:
                last = squares.blocks(point)
                after(
                    Report(iteration + 1, cost(last), point, step_size, damping, slope),
                    {**memory, "point": point, "iteration": iteration + 1},
                )
                return True, "the cost does not fall any further" if relative >= self.step_tolerance else "the steps vanish"
        return False, f"the {self.iterations} iterations are used up"

    @staticmethod
    def _slope(normal: Normal, fixed: np.ndarray, value: float) -> float:
        """Largest gradient in units in which the Gauss-Newton Hessian has a unit diagonal, relative to sqrt(2 cost)."""
        dz, ds = normal.diagonal()
        slopes = [np.abs(np.where(fixed, 0.0, normal.gz) / np.sqrt(np.maximum(dz, 1e-300)))]
        if normal.gs is not None and ds is not None:
            slopes.append(np.abs(normal.gs / np.sqrt(np.maximum(ds, 1e-300))).reshape(-1))
        return float(max((s.max(initial=0.0) for s in slopes), default=0.0) / max(np.sqrt(2.0 * value), 1e-300))

    @staticmethod
    def _search(squares: LeastSquares, point: Point, value: float, normal: Normal, fixed, bounds, damping: float, grow: float):
        """(point, fall, relative size and size of the step, damping, grow) of the first step that lowers the cost, or None."""
        low, high = bounds
        while damping < LARGEST:
            dz, ds, predicted = normal.step(damping, fixed)
            moved = Point(np.clip(point.z + dz, low, high), None if ds is None or point.starts is None else point.starts + ds)
            size = float(np.linalg.norm(squares.flat(moved) - squares.flat(point)))
            relative = size / max(float(np.linalg.norm(squares.flat(point))), 1e-300)
            if relative < 1e-15:
                return None
            new = squares.cost(moved)
            ratio = (value - new) / predicted if predicted > 0.0 and np.isfinite(new) else -1.0
            if ratio > 1e-4:
                return moved, value - new, relative, size, damping * max(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3), 2.0
            damping, grow = max(damping, 1e-12) * grow, grow * 2.0
        return None
