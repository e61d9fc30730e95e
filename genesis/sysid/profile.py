"""Profile likelihood: how far a parameter can go before the best fit of all others becomes significantly worse.

The interval is where 2 (cost(k held) - best cost) / s² passes the 95 % quantile of chi² with one degree of freedom; it need not be
symmetric, and ends at a bound where the data allow everything up to there.
Source: Venzon, Moolgavkar, A method for computing profile-likelihood-based confidence intervals, 1988; Raue et al., 2009.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from genesis.methods.levenberg_marquardt import LevenbergMarquardt
from genesis.methods.lower import lower
from genesis.sysid.objective import LeastSquaresObjective
from genesis.sysid.residuals import Residuals

LEVEL = stats.chi2.ppf(0.95, 1)


def profile_interval(residuals: Residuals, best: np.ndarray, k: int, noise: float, deviation: float) -> tuple[float, float]:
    """Low and high of free number k of a flat point, with `deviation` of it as the first guess."""
    lowest = residuals.cost(best)
    low, high = residuals.bounds()
    kept = best

    def excess(value: float) -> float:
        nonlocal kept
        held = LeastSquaresObjective(replace(residuals, held={k: value}))
        start = kept.copy()
        start[k] = value
        held.put(start)
        lower(LevenbergMarquardt(cost_tolerance=1e-7), held, 15)
        kept = held.x
        return 2.0 * (held.evaluate(gradient=False) - lowest) / noise**2 - LEVEL

    ends = []
    for sign, bound in ((-1.0, low[k]), (1.0, high[k])):
        kept = best
        ends.append(_crossing(excess, best[k], sign, bound, deviation))
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
