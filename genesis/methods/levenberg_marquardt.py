"""Gauss-Newton steps damped by Levenberg and Marquardt, within bounds.

Damping on the diagonal of the normal equations, in which steps are measured too, updated by the ratio of the true to the predicted fall
of the cost; numbers that stand at a bound and would leave it are held in that step.
Source: Nocedal, Wright, Numerical Optimization (2006), §10.3; Nielsen, Damping parameter in Marquardt's method, 1999 (update);
Kanzow, Yamashita, Fukushima, 2004 (projected steps).
"""

import math
from typing import Any

import numpy as np

from genesis.methods.method import (
    Ending,
    Group,
    Needs,
    Objective,
    bounds,
    learned,
    move,
    no_step,
    no_value,
    normal_of,
    point,
    refuse_rates,
)
from genesis.methods.residuals import Normal, cost

LARGEST = 1e16  # damping at which a step is too short to matter
ENOUGH = 1e-4  # of the predicted fall of the cost that a step must bring
ROUNDING = 1e-15  # relative size of a step that no longer changes the point


class LevenbergMarquardt:
    """damping: at the start. cost_tolerance, step_tolerance, gradient_tolerance: when to end, all relative.

    An iterate whose step was the last one by its tolerances is looked at once more before the end.
    """

    kind = "levenberg_marquardt"
    needs: Needs = "residuals"
    revisits, masks = False, False

    objective: Objective
    groups: list[Group]
    normal: Normal

    def __init__(
        self,
        *,
        damping: float = 1e-3,
        cost_tolerance: float = 1e-9,
        step_tolerance: float = 1e-8,
        gradient_tolerance: float = 1e-9,
    ) -> None:
        self.first_damping = damping
        self.cost_tolerance, self.step_tolerance, self.gradient_tolerance = cost_tolerance, step_tolerance, gradient_tolerance

    def init(self, objective: Objective) -> None:
        """See `Method.init`. Starts within the bounds."""
        self.objective, self.groups = objective, learned(objective)
        refuse_rates(self.groups, "levenberg_marquardt")
        self.low, self.high = bounds(self.groups)
        move(self.groups, np.clip(point(self.groups), self.low, self.high))
        self.damping, self.grow = self.first_damping, 2.0
        self.length, self.slope, self.value = 0.0, math.nan, math.inf
        self.ending = ""  # why the last step was the last one

    def look(self) -> Ending | None:
        """Residuals with their Jacobian here."""
        blocks = self.objective.linearize()
        if blocks is None:
            return no_value(self.objective)
        normal = normal_of(self.objective, blocks)
        if isinstance(normal, Ending):
            return normal
        x = point(self.groups)
        self.value, self.normal = cost(blocks), normal
        gradient = self.normal.gradient()
        self.fixed = ((x <= self.low) & (gradient > 0.0)) | ((x >= self.high) & (gradient < 0.0))
        self.slope = self.normal.slope(self.fixed, self.value)
        if self.ending:
            return Ending(True, self.ending)
        return Ending(True, "the gradient vanishes") if self.slope < self.gradient_tolerance else None

    def step(self) -> Ending | None:
        """The first step that lowers the cost, with ever more damping."""
        here, scale = point(self.groups), self.normal.scale()
        damping, grow = self.damping, self.grow
        falls: list[float] = []
        while damping < LARGEST:
            dx, predicted = self.normal.step(damping, self.fixed)
            move(self.groups, np.clip(here + dx, self.low, self.high))
            change = point(self.groups) - here
            relative = float(np.linalg.norm(scale * change) / max(float(np.linalg.norm(scale * here)), 1e-300))
            if relative < ROUNDING:
                break
            fall = self.value - self.objective.evaluate(gradient=False)
            falls.append(fall)
            ratio = fall / predicted if predicted > 0.0 and math.isfinite(fall) else -1.0
            if ratio > ENOUGH:
                self.damping, self.grow = float(damping * max(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3)), 2.0
                self.length = float(np.linalg.norm(change))
                if relative < self.step_tolerance:
                    self.ending = "the steps vanish"
                elif fall < self.cost_tolerance * self.value:
                    self.ending = "the cost does not fall any further"
                return None
            damping, grow = max(damping, 1e-12) * grow, grow * 2.0
        ending = no_step(self.objective, falls)
        move(self.groups, here)
        return ending

    def told(self) -> dict[str, float]:
        """Length of the last step, damping, and slope: the largest relative gradient."""
        return {"length": self.length, "damping": self.damping, "slope": self.slope}

    def learning_rates(self) -> list[float]:
        return []

    def state_dict(self) -> dict[str, Any]:
        return {"damping": self.damping, "grow": self.grow, "length": self.length, "ending": self.ending}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.damping, self.grow = float(state["damping"]), float(state["grow"])
        self.length, self.ending = float(state["length"]), str(state["ending"])
