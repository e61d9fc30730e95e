"""Least squares by a trust region that is reflected at bounds.

    min ½ ‖J p + r‖² + ½ pᵀ C p,  ‖D⁻¹ p‖ ≤ Δ,     D² = V S²

V: distances to the bounds that the descent leads to, else 1; C = diag(|g| S dV) makes the path bend before a bound; S: inverse norms of the
columns of J, the smallest so far. J is taken as it is, not squared, so that digits are kept that normal equations lose.
Source: Branch, Coleman, Li, A subspace, interior, and conjugate gradient method for large-scale bound-constrained minimization, 1999;
Moré, The Levenberg-Marquardt algorithm: implementation and theory, 1977 (the radius' multiplier); with the constants of SciPy's `trf`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, lsmr

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
from genesis.methods.residuals import cost
from genesis.methods.residuals.matrix import matrix

POOR, GOOD = 0.25, 0.75  # ratios of true to predicted fall under which the radius shrinks, over which it grows
SHRINK, GROW = 0.25, 2.0
TRIALS = 60  # of one step: the radius has shrunk by 1e-36 then
PRECISE = 1e-8  # of the full step of a sparse problem
INSIDE = 1e-8  # of the range: how far within its bounds a start lies


@dataclass
class LocalModel:
    """The quadratic of one step in scaled numbers: ½ ‖J p + r‖² − ½ ‖r‖² + ½ pᵀ diag p. j (M, n) an array or an operator."""

    j: Any
    r: np.ndarray
    g: np.ndarray
    diag: np.ndarray

    def value(self, p: np.ndarray) -> float:
        """Change of the cost that a step promises."""
        jp = self.j @ p
        return float(self.g @ p + 0.5 * (jp @ jp + (self.diag * p) @ p))

    def lowest(self, start: np.ndarray, along: np.ndarray, least: float, most: float) -> tuple[np.ndarray, float]:
        """The lowest point start + t along, least ≤ t ≤ most, and its value."""
        js, ja = self.j @ start, self.j @ along
        second = float(ja @ ja + (self.diag * along) @ along)
        first = float(self.g @ along + js @ ja + (self.diag * start) @ along)
        options = [least, most] + ([-first / second] if second > 0.0 and least < -first / second < most else [])
        t = min(options, key=lambda t: first * t + 0.5 * second * t * t)
        return start + t * along, self.value(start + t * along)


class Exact:
    """Minima of a model within any radius, from one singular value decomposition."""

    def __init__(self, model: LocalModel) -> None:
        u, self.s, vt = np.linalg.svd(np.vstack([model.j, np.diag(np.sqrt(model.diag))]), full_matrices=False)
        self.v, self.c = vt.T, u[: len(model.r)].T @ model.r

    def within(self, radius: float) -> np.ndarray:
        """(n,)"""
        s, c = self.s, self.c
        if s[-1] > np.finfo(float).eps * max(len(self.v), len(c)) * s[0]:
            full: np.ndarray = -self.v @ (c / s)
            if np.linalg.norm(full) <= radius:
                return full
        high = float(np.linalg.norm(s * c)) / radius
        low, a = 0.0, 1e-3 * high
        for _ in range(30):  # Newton's method on 1/‖p(a)‖ − 1/Δ, kept between low and high
            w = s * c / (s**2 + a)
            length = float(np.linalg.norm(w))
            if abs(length - radius) <= 1e-6 * radius or length == 0.0:
                break
            low, high = (a, high) if length > radius else (low, a)
            slope = float((w**2 / (s**2 + a)).sum()) / length
            a = a + (length - radius) / radius * length / slope
            if not low < a < high:
                a = max(1e-3 * high, math.sqrt(low * high))
        p = -self.v @ (s * c / (s**2 + a))
        return p * min(1.0, radius / max(float(np.linalg.norm(p)), 1e-300))


class SearchPlane:
    """The same for sparse problems, in the plane of the gradient and the full step, which an iteration finds."""

    def __init__(self, model: LocalModel, radius: float) -> None:
        j, (count, n) = model.j, model.j.shape
        fall = -model.lowest(np.zeros(n), -model.g, 0.0, radius / float(np.linalg.norm(model.g)))[1]
        ridge = np.sqrt(model.diag + fall / radius**2)  # gives a singular problem a short full step
        taller = LinearOperator(
            (count + n, n),
            matvec=lambda p: np.concatenate([j @ p.reshape(-1), ridge * p.reshape(-1)]),
            rmatvec=lambda q: j.T @ q[:count] + ridge * q[count:],
        )
        padded = np.concatenate([model.r, np.zeros(n)])
        full = lsmr(taller, padded, atol=PRECISE, btol=PRECISE)[0]
        self.axes = np.linalg.qr(np.stack([model.g, full], 1))[0]
        table = np.vstack([j @ self.axes, np.sqrt(model.diag)[:, None] * self.axes])
        self.small = Exact(LocalModel(table, padded, self.axes.T @ model.g, np.zeros(2)))

    def within(self, radius: float) -> np.ndarray:
        """(n,)"""
        p: np.ndarray = self.axes @ self.small.within(radius)
        return p


class LeastSquares:
    """cost_tolerance, step_tolerance, gradient_tolerance: when to end, all relative. Iterates stay strictly within bounds.

    An iterate whose step was the last one by its tolerances is looked at once more before the end.
    """

    kind = "least_squares"
    needs: Needs = "residuals"
    revisits, masks = False, False

    objective: Objective
    groups: list[Group]

    def __init__(self, *, cost_tolerance: float = 1e-9, step_tolerance: float = 1e-8, gradient_tolerance: float = 1e-9) -> None:
        self.cost_tolerance, self.step_tolerance, self.gradient_tolerance = cost_tolerance, step_tolerance, gradient_tolerance

    def init(self, objective: Objective) -> None:
        """See `Method.init`. Starts strictly within the bounds. Raises: InputError for own rates."""
        self.objective, self.groups = objective, learned(objective)
        refuse_rates(self.groups, "least_squares")
        self.low, self.high = bounds(self.groups)
        room = INSIDE * np.where(np.isfinite(self.high - self.low), self.high - self.low, 1.0)
        move(self.groups, np.clip(point(self.groups), self.low + room, self.high - room))
        self.norms = np.zeros(len(room))  # largest norm of each column so far
        self.radius = 0.0  # 0: not known yet
        self.length, self.slope, self.ending = 0.0, math.nan, ""

    def look(self) -> Ending | None:
        """Residuals with their Jacobian here."""
        blocks = self.objective.linearize()
        if blocks is None:
            return no_value(self.objective)
        normal = normal_of(self.objective, blocks)
        if isinstance(normal, Ending):
            return normal
        self.x, self.value = point(self.groups), cost(blocks)
        weighted = [block.weighted() for block in blocks]
        self.j, self.r = matrix(weighted, len(self.x)), np.concatenate([block.r for block in weighted])
        self.g = self.j.T @ self.r
        square = self.j**2 if isinstance(self.j, np.ndarray) else self.j.multiply(self.j)
        self.norms = np.maximum(self.norms, np.sqrt(np.asarray(square.sum(0)).reshape(-1)))
        self.scale = 1.0 / np.where(self.norms > 0.0, self.norms, 1.0)
        fixed = ((self.x <= self.low) & (self.g > 0.0)) | ((self.x >= self.high) & (self.g < 0.0))
        self.slope = normal.slope(fixed, self.value)
        if self.ending:
            return Ending(True, self.ending)
        return Ending(True, "the gradient vanishes") if self.slope < self.gradient_tolerance else None

    def step(self) -> Ending | None:
        """The first step that lowers the cost, with an ever smaller radius."""
        x, g = self.x, self.g
        to_high, to_low = (g < 0.0) & np.isfinite(self.high), (g > 0.0) & np.isfinite(self.low)
        distance = np.where(to_high, self.high - x, np.where(to_low, x - self.low, 1.0))
        near = to_high | to_low
        scaled = np.where(near, distance / self.scale, 1.0)
        d = np.sqrt(scaled) * self.scale
        sparse = not isinstance(self.j, np.ndarray)
        model = LocalModel(
            self.j.multiply(d).tocsr() if sparse else self.j * d, self.r, d * g, np.where(near, np.abs(g) * self.scale, 0.0)
        )
        theta = max(0.995, 1.0 - float(np.abs(g * distance).max()))
        free = d > 0.0  # a number without room does not move
        radius = self.radius or float(np.linalg.norm(x[free] / d[free])) or 1.0
        if not model.g.any():
            return Ending(True, "the gradient vanishes")
        region = SearchPlane(model, radius) if sparse else Exact(model)
        low, high = np.nextafter(self.low, self.high), np.nextafter(self.high, self.low)
        falls: list[float] = []
        for _ in range(TRIALS):
            p = self._within_bounds(model, region.within(radius), d, radius, theta)
            move(self.groups, np.clip(x + d * p, low, high))
            change = (point(self.groups) - x) / self.scale
            size = float(np.linalg.norm(p))
            relative = float(np.linalg.norm(change)) / max(float(np.linalg.norm(x / self.scale)), 1e-300)
            if not change.any():
                break
            fall, promised = self.value - self.objective.evaluate(gradient=False), -model.value(p)
            falls.append(fall)
            ratio = fall / promised if promised > 0.0 and math.isfinite(fall) else -1.0
            if ratio < POOR:
                radius = SHRINK * size
            elif ratio > GOOD and size > 0.95 * radius:
                radius *= GROW
            small = "the steps vanish" if relative < self.step_tolerance and math.isfinite(fall) else ""
            if fall > 0.0 and math.isfinite(fall):
                self.radius, self.length = radius, float(np.linalg.norm(change * self.scale))
                slow = fall < self.cost_tolerance * self.value and ratio > POOR
                self.ending = small or ("the cost does not fall any further" if slow else "")
                return None
            if small:
                break
        ending = no_step(self.objective, falls)
        move(self.groups, x)
        return ending

    def _within_bounds(self, model: LocalModel, p: np.ndarray, d: np.ndarray, radius: float, theta: float) -> np.ndarray:
        """The best of: the step, cut before it leaves the bounds; the step reflected there; steepest descent; in scaled numbers."""
        x = self.x
        if ((x + d * p >= self.low) & (x + d * p <= self.high)).all():
            return p
        share, hit = self._room(x, d * p)
        edge, turned = share * p, np.where(hit, -p, p)
        options = [(theta * edge, model.value(theta * edge))]
        room, ball = self._room(x + d * edge, d * turned)[0], _to_ball(edge, turned, radius)
        reach = min(room, ball)
        if reach > 0.0:
            least, most = (1.0 - theta) * share / reach, theta * room if room <= ball else ball
            if least <= most:
                options.append(model.lowest(edge, turned, least, most))
        down = -model.g
        most = min(theta * self._room(x, d * down)[0], radius / float(np.linalg.norm(down)))
        options.append(model.lowest(np.zeros_like(down), down, 0.0, most))
        return min(options, key=lambda option: option[1])[0]

    def _room(self, x: np.ndarray, step: np.ndarray) -> tuple[float, np.ndarray]:
        """How much of a step is within bounds, and which numbers reach theirs there."""
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(step > 0.0, (self.high - x) / step, np.where(step < 0.0, (self.low - x) / step, np.inf))
        least = float(shares.min())
        return least, shares == least

    def told(self) -> dict[str, float]:
        """Length of the last step, radius of the trust region, and slope: the largest relative gradient."""
        return {"length": self.length, "radius": self.radius, "slope": self.slope}

    def learning_rates(self) -> list[float]:
        return []

    def state_dict(self) -> dict[str, Any]:
        return {
            "norms": torch.from_numpy(self.norms.copy()), "radius": self.radius, "length": self.length, "ending": self.ending,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        norms = state["norms"].numpy().copy()
        if norms.shape != self.norms.shape:
            raise ValueError(f"norms of {len(norms)} numbers for {len(self.norms)}")
        self.norms, self.radius = norms, float(state["radius"])
        self.length, self.ending = float(state["length"]), str(state["ending"])


def _to_ball(start: np.ndarray, along: np.ndarray, radius: float) -> float:
    """t ≥ 0 with ‖start + t along‖ = radius, start inside."""
    a, b, c = float(along @ along), float(start @ along), float(start @ start) - radius**2
    root = math.sqrt(max(b * b - a * c, 0.0))
    return max((-b + root) / a if b <= 0.0 else -c / (b + root), 0.0)
