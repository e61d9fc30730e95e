"""L-BFGS-B: quasi-Newton steps within bounds, from the curvature of the last few steps.

The model at x is  m(d) = gᵀd + dᵀBd / 2,  B = θ I − Wᵀ M W,  W = (Y, θ S) of k pairs s = Δx, y = Δg.
Source: Byrd, Lu, Nocedal, Zhu, A limited memory algorithm for bound constrained optimization, 1995 (Cauchy point, subspace step);
Morales, Nocedal, Remark on Algorithm 778, 2011 (projection of the subspace step); Moré, Thuente, 1994 (line search).
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from genesis.methods.line_search import search
from genesis.methods.method import (
    Ending,
    Group,
    Needs,
    Objective,
    bounds,
    gradient,
    learned,
    move,
    no_value,
    point,
    refuse_rates,
    sizes,
)

STUCK = "no step along the search direction lowers the objective"
EPSILON = float(np.finfo(float).eps)


@dataclass
class Curvature:
    """The last pairs, each scaled so that sᵀy = 1, rows of s and y (k, n); theta: curvature along the last step."""

    s: np.ndarray
    y: np.ndarray
    theta: float = 1.0
    w: np.ndarray = field(init=False)  # (2k, n)
    m: np.ndarray = field(init=False)  # (2k, 2k)

    def __post_init__(self) -> None:
        self._settle()

    def learn(self, ds: np.ndarray, dy: np.ndarray, most: int) -> None:
        """One more pair, of `most` that are kept. The curvature along the step is positive."""
        along, square = float(ds @ dy), float(dy @ dy)
        size = 1.0 / math.sqrt(along)
        self.s = np.vstack([self.s, ds * size])[-most:]
        self.y = np.vstack([self.y, dy * size])[-most:]
        self.theta = square / along
        self._settle()

    def forget(self) -> bool:
        """False: there was nothing to forget."""
        known = len(self.s) > 0
        self.s, self.y, self.theta = self.s[:0], self.y[:0], 1.0
        self._settle()
        return known

    def _settle(self) -> None:
        k = len(self.s)
        self.w = np.concatenate([self.y, self.theta * self.s])
        inverse = np.zeros((2 * k, 2 * k))
        inverse[:k, :k] = -np.eye(k)
        inverse[k:, :k] = lower = np.tril(self.s @ self.y.T, -1)
        inverse[:k, k:], inverse[k:, k:] = lower.T, self.theta * (self.s @ self.s.T)
        try:
            self.m = np.linalg.inv(inverse)
        except np.linalg.LinAlgError:  # pairs that say the same but for rounding
            self.forget()

    def cauchy_point(self, x: np.ndarray, g: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """The first minimum of the model along P(x − t g), t ≥ 0. The path bends where a number reaches its bound."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.where(g < 0.0, (x - high) / g, np.where(g > 0.0, (x - low) / g, np.inf))
        d = np.where(ends > 0.0, -g, 0.0)
        order = np.flatnonzero((ends > 0.0) & np.isfinite(ends))
        order = order[np.argsort(ends[order], kind="stable")]
        t, gb, w = ends[order], g[order], self.w[:, order].T  # (b,), (b,), (b, 2k)
        begin = np.r_[0.0, t]
        p = np.cumsum(np.vstack([self.w @ d, gb[:, None] * w]), 0)  # Wd at the begin of each piece
        c = np.cumsum(np.diff(begin)[:, None] * p[:-1], 0)  # W (x(t) − x) at its end
        wm = w @ self.m
        first = -float(d @ d)
        bends = self.theta * gb**2 + 2.0 * gb * (wm * p[:-1]).sum(1) + gb**2 * (wm * w).sum(1)
        second = np.cumsum(np.r_[-self.theta * first - p[0] @ self.m @ p[0], -bends])
        second = np.maximum(second, EPSILON * abs(second[0]) + 1e-300)
        rises = np.diff(begin) * second[:-1] + gb**2 - self.theta * gb**2 * t - gb * (wm * c).sum(1)
        slope = np.cumsum(np.r_[first, rises])
        lowest = begin + np.maximum(-slope / second, 0.0)
        piece = int(np.argmax(lowest < np.r_[t, np.inf]))
        at = lowest[piece]
        reached = np.where(g < 0.0, high, low)
        return np.where(ends <= at, np.where(ends > 0.0, reached, x), x + at * d)

    def subspace_step(self, x: np.ndarray, g: np.ndarray, start: np.ndarray, free: np.ndarray) -> np.ndarray:
        """(free,) From `start` to the minimum of the model over the free numbers, the others held there."""
        moved = start - x
        r = (g + self.theta * moved - self.w.T @ (self.m @ (self.w @ moved)))[free]
        w = self.w[:, free]
        inner = np.eye(len(w)) - self.m @ (w @ w.T) / self.theta
        v = np.linalg.solve(inner, self.m @ (w @ r))
        step: np.ndarray = -r / self.theta - (w.T @ v) / self.theta**2
        return step


class LBFGSB:
    """Bounds of parameters with `transform: clamp` are kept by the algorithm itself. One iteration is one line search.

    Args:
        history_size: pairs kept. max_eval: evaluations of one line search, at most.
        tolerance_grad: of the largest entry of the projected gradient. tolerance_change: of the relative fall of the objective.
    """

    kind = "lbfgsb"
    needs: Needs = "gradient"
    revisits, masks = True, False

    objective: Objective
    groups: list[Group]
    curvature: Curvature

    def __init__(
        self, *, history_size: int = 20, max_eval: int = 20, tolerance_grad: float = 0.0, tolerance_change: float = 0.0
    ) -> None:
        self.history_size, self.max_eval = history_size, max_eval
        self.tolerance_grad, self.tolerance_change = tolerance_grad, tolerance_change

    def init(self, objective: Objective) -> None:
        """See `Method.init`. Starts within the bounds. Raises: InputError for own rates."""
        self.objective, self.groups = objective, learned(objective)
        refuse_rates(self.groups, "lbfgsb")
        self.size = sizes(self.groups)
        self.low, self.high = (bound / self.size for bound in bounds(self.groups))
        finite = np.isfinite(self.low), np.isfinite(self.high)
        self.bounded, self.boxed = bool(np.logical_or(*finite).any()), bool(np.logical_and(*finite).all())
        n = len(self.size)
        self.curvature = Curvature(np.zeros((0, n)), np.zeros((0, n)))
        self.began, self.length, self.slope, self.ending = False, 0.0, math.nan, ""
        self._go(point(self.groups) / self.size)

    def look(self) -> Ending | None:
        """The objective and its gradient here."""
        self.value = self.objective.evaluate()
        if not self.value < math.inf:
            return no_value(self.objective)
        self.x, self.g = point(self.groups) / self.size, gradient(self.groups) * self.size
        self.slope = float(np.abs(self.x - np.clip(self.x - self.g, self.low, self.high)).max())
        if self.ending:
            return Ending(True, self.ending)
        return Ending(True, "the projected gradient vanishes") if self.slope <= self.tolerance_grad else None

    def step(self) -> Ending | None:
        """One line search; where it finds nothing, another one without memory."""
        x, g, value = self.x, self.g, self.value
        while True:
            d = self._direction()
            self.failure: Ending | None = None  # of the trials of this line search, if all have failed
            if d is not None and self._search(d):
                break
            if not self.curvature.forget():
                self._go(x)
                return self.failure or Ending(False, STUCK)
        self.began = True
        here = point(self.groups) / self.size
        self.length = float(np.linalg.norm((here - x) * self.size))
        ds, dy = here - x, self.trial - g
        if ds @ dy > EPSILON * abs(g @ ds):
            self.curvature.learn(ds, dy, self.history_size)
        if value - self.value <= self.tolerance_change * max(abs(value), abs(self.value), 1.0):
            self.ending = "the objective does not fall any further"
        return None

    def _direction(self) -> np.ndarray | None:
        """Towards the minimum of the model within the bounds; None if that does not lead down."""
        x, g, low, high = self.x, self.g, self.low, self.high
        start = self.curvature.cauchy_point(x, g, low, high) if self.bounded else x
        free = (start > low) & (start < high)
        try:
            step = self.curvature.subspace_step(x, g, start, free)
        except np.linalg.LinAlgError:
            return None
        target = start.copy()
        target[free] = np.clip(start[free] + step, low[free], high[free])
        if (target - x) @ g >= 0.0 and self.bounded:  # then only as far as no bound is in the way, which leads down
            room = np.where(step > 0.0, high[free] - start[free], low[free] - start[free])
            share = np.divide(room, step, out=np.full_like(step, np.inf), where=step != 0.0).min(initial=1.0)
            target[free] = start[free] + share * step
        d: np.ndarray = target - x
        return d if d @ g < 0.0 else None

    def _search(self, d: np.ndarray) -> bool:
        """Go along a direction; False: nothing lower was found."""
        x, length = self.x, float(np.linalg.norm(d))
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(d > 0.0, (self.high - x) / d, np.where(d < 0.0, (self.low - x) / d, np.inf))
        largest = max(1.0, float(room.min(initial=np.inf))) if self.began else 1.0 if self.bounded else math.inf
        first, found = 1.0, 0
        if not len(self.curvature.s) and not self.boxed:  # the length of d says nothing of where the minimum is, unless bounds do
            first = min(1.0 / length, 1.0 if self.began else largest)

        def at(step: float) -> tuple[float, float]:
            nonlocal found
            self._go(x + step * d)
            value = self.objective.evaluate()
            if not value < math.inf:
                if not found:
                    self.failure = no_value(self.objective)
                return math.inf, math.nan
            found, self.failure = found + 1, None
            self.trial = gradient(self.groups) * self.size
            self.trial_value = value
            return value, float(self.trial @ d)

        made = search(at, self.value, float(d @ self.g), first, largest, self.max_eval)
        if made is not None:
            self.value = self.trial_value
        return made is not None

    def _go(self, x: np.ndarray) -> None:
        move(self.groups, np.clip(x, self.low, self.high) * self.size)

    def told(self) -> dict[str, float]:
        """Length of the last step; slope: largest entry of the projected gradient."""
        return {"length": self.length, "slope": self.slope}

    def learning_rates(self) -> list[float]:
        return []

    def state_dict(self) -> dict[str, Any]:
        return {
            "s": torch.from_numpy(self.curvature.s.copy()), "y": torch.from_numpy(self.curvature.y.copy()),
            "theta": self.curvature.theta, "began": self.began, "length": self.length, "ending": self.ending,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        s, y = state["s"].numpy(), state["y"].numpy()
        if s.shape[1:] != self.size.shape:
            raise ValueError(f"pairs of {s.shape[1]} numbers for {len(self.size)}")
        self.curvature = Curvature(s.copy(), y.copy(), float(state["theta"]))
        self.began, self.length, self.ending = bool(state["began"]), float(state["length"]), str(state["ending"])
