"""Profile likelihood: how far a parameter can go before the best fit of all others becomes significantly worse.

The interval is where 2 (cost(k held) - best cost) / s² passes the 95 % quantile of chi² with one degree of freedom; it need not be
symmetric, and ends at a bound where the data allow everything up to there.
Source: Venzon, Moolgavkar, A method for computing profile-likelihood-based confidence intervals, 1988; Raue et al., 2009.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from genesis.methods.residuals import cost
from genesis.sysid.linearization import Point
from genesis.sysid.solvers.levenberg_marquardt import LevenbergMarquardt
from genesis.sysid.solvers.solver import LeastSquares

LEVEL = stats.chi2.ppf(0.95, 1)


class _Held(LeastSquares):
    """The problem with one number held."""

    def __init__(self, squares: LeastSquares, k: int, value: float) -> None:
        super().__init__(squares.problem, squares.gap_weight)
        self.k, self.value = k, value

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = super().bounds()
        low, high = low.copy(), high.copy()
        low[self.k] = high[self.k] = self.value
        return low, high


def profile_interval(squares: LeastSquares, best: Point, k: int, noise: float, deviation: float) -> tuple[float, float]:
    """Low and high of free number k (of z), with `deviation` of it as the first guess."""
    lowest = squares.cost(best)
    low, high = squares.bounds()
    kept = {"point": best}

    def excess(value: float) -> float:
        held = _Held(squares, k, value)
        start = Point(kept["point"].z.copy(), kept["point"].starts)
        start.z[k] = value
        last: dict[str, Point] = {"point": start}

        def after(report, state) -> None:
            last["point"] = report.point

        LevenbergMarquardt(iterations=15, cost_tolerance=1e-7).run(held, start, after)
        kept["point"] = last["point"]
        return 2.0 * (cost(held.blocks(last["point"])) - lowest) / noise**2 - LEVEL

    ends = []
    for sign, bound in ((-1.0, low[k]), (1.0, high[k])):
        kept["point"] = best
        ends.append(_crossing(excess, best.z[k], sign, bound, deviation))
    return ends[0], ends[1]


def _crossing(excess: Callable[[float], float], centre: float, sign: float, bound: float, deviation: float) -> float:
    """Where the excess passes zero, in steps that double; the bound if it does not before."""
    inner, reach = 0.0, 1.5 * max(deviation, 1e-12 * max(abs(centre), 1.0))
    for _ in range(12):
        outer = min(reach, abs(bound - centre)) if np.isfinite(bound) else reach
        if excess(centre + sign * outer) > 0.0:
            return float(centre + sign * brentq(lambda t: excess(centre + sign * t), inner, outer, xtol=1e-3 * outer, rtol=1e-3))
        if np.isfinite(bound) and outer >= abs(bound - centre):
            return float(bound)
        inner, reach = outer, 2.0 * reach
    return float(sign * np.inf)
