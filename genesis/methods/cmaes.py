"""CMA-ES: candidates drawn from a normal distribution that learns, from their order alone, where and how far to look.

    x_k = m + σ y_k,  y_k ~ N(0, C),  ordered by their values;  m ← m + σ Σ w_k y_k over the better half
    σ grows where steps m go on into the same direction and shrinks where they turn back; C becomes that of the steps that paid.

Source: Hansen, The CMA Evolution Strategy: a tutorial, 2016 (names and constants); Ros, Hansen, A simple modification in CMA-ES
achieving linear time and space complexity, 2008 (diagonal C, with larger rates).
"""

import math
from typing import Any

import numpy as np
import torch

from genesis.methods.method import (
    Ending,
    Group,
    Needs,
    Objective,
    bounds,
    learned,
    move,
    no_value,
    point,
    refuse_rates,
    spans,
)

LARGE = 50  # from so many numbers on, C is diagonal if nobody says what it is
RETRIES, SHORTER = 8, 0.5  # generations in a row without any value, at most, and the spread after one of them
MARGIN = 0.5  # of the first spread: how far from a bound the way there begins to slow down

ARRAYS = ("mean", "c", "along", "turn", "path_c", "path_sigma")  # of the strategy, that change


class Strategy:
    """The distribution, in units of the first spread: mean (n,), sigma, c (n, n) or its diagonal (n,), its paths (n,).

    Drawing is a function of seed and generation, so that there is no state of a generator to keep.
    """

    def __init__(self, mean: np.ndarray, population: int | None, diagonal: bool, seed: int, doublings: int = 0) -> None:
        n = len(mean)
        self.n, self.diagonal, self.seed = n, diagonal, seed
        self.count = (population or 4 + int(3.0 * math.log(n))) * 2**doublings
        self._weigh(n)
        self.mean, self.sigma, self.generation = mean.copy(), 1.0, 0
        self.c = np.ones(n) if diagonal else np.eye(n)
        self.along, self.turn = np.ones(n), np.eye(0 if diagonal else n)  # square roots of eigenvalues of c, and its eigenvectors
        self.path_c, self.path_sigma = np.zeros(n), np.zeros(n)

    def _weigh(self, n: int) -> None:
        """Weights and rates, tables 1 and 2 of the tutorial."""
        raw = math.log((self.count + 1) / 2.0) - np.log(np.arange(1, self.count + 1))
        better, worse = raw[raw > 0.0], raw[raw <= 0.0]
        self.parents = len(better)
        mu = self.mu = float(better.sum() ** 2 / (better**2).sum())
        self.rate_sigma = (mu + 2.0) / (n + mu + 5.0)
        self.damping = 1.0 + 2.0 * max(0.0, math.sqrt((mu - 1.0) / (n + 1.0)) - 1.0) + self.rate_sigma
        self.rate_path = (4.0 + mu / n) / (n + 4.0 + 2.0 * mu / n)
        faster = (n + 2.0) / 3.0 if self.diagonal else 1.0
        one = 2.0 / ((n + 1.3) ** 2 + mu)
        many = 2.0 * (0.25 + mu + 1.0 / mu - 2.0) / ((n + 2.0) ** 2 + mu)
        self.rate_one = min(0.5, faster * one)
        self.rate_many = min(1.0 - self.rate_one, faster * many)
        mu_worse = float(worse.sum() ** 2 / (worse**2).sum())
        least = min(
            1.0 + self.rate_one / self.rate_many,
            1.0 + 2.0 * mu_worse / (mu + 2.0),
            (1.0 - self.rate_one - self.rate_many) / (n * self.rate_many),
        )
        self.weights = np.concatenate([better / better.sum(), least * worse / np.abs(worse).sum()])
        self.usual = math.sqrt(n) * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n**2))  # E ‖N(0, I)‖

    def ask(self) -> np.ndarray:
        """Candidates (population, n)."""
        z = np.random.default_rng((self.seed, self.generation)).standard_normal((self.count, self.n))
        y = z * self.along if self.diagonal else (z * self.along) @ self.turn.T
        return self.mean + self.sigma * y

    def whiten(self, y: np.ndarray) -> np.ndarray:
        """C^(-1/2) y of rows (k, n)."""
        return y / self.along if self.diagonal else ((y @ self.turn) / self.along) @ self.turn.T

    def tell(self, candidates: np.ndarray, values: np.ndarray) -> None:
        """Learn from candidates (population, n) and their values (inf: none, at least one has one)."""
        order = np.argsort(values, kind="stable")
        y = (candidates[order] - self.mean) / self.sigma
        weights = self.weights.copy()
        known = int(np.isfinite(values).sum())
        if known < self.parents:  # what has no value is no parent
            weights[known : self.parents] = 0.0
            weights[:known] /= weights[:known].sum()
        step = weights[: self.parents] @ y[: self.parents]
        self.generation += 1
        self.mean = self.mean + self.sigma * step
        white = self.whiten(np.vstack([step, y[self.parents :]]))
        a = self.rate_sigma
        self.path_sigma = (1.0 - a) * self.path_sigma + math.sqrt(a * (2.0 - a) * self.mu) * white[0]
        length = float(np.linalg.norm(self.path_sigma))
        steady = length / math.sqrt(1.0 - (1.0 - a) ** (2 * self.generation)) < (1.4 + 2.0 / (self.n + 1.0)) * self.usual
        b = self.rate_path
        self.path_c = (1.0 - b) * self.path_c + (math.sqrt(b * (2.0 - b) * self.mu) * step if steady else 0.0)
        weights[self.parents :] *= self.n / np.maximum((white[1:] ** 2).sum(1), 1e-300)
        self._widen(y, weights, 0.0 if steady else self.rate_one * b * (2.0 - b))
        self.sigma *= math.exp(min(1.0, a / self.damping * (length / self.usual - 1.0)))

    def _widen(self, y: np.ndarray, weights: np.ndarray, lost: float) -> None:
        """The new C; lost: what a path that stands still does not add to it."""
        keep = 1.0 + lost - self.rate_one - self.rate_many * float(self.weights.sum())
        if self.diagonal:
            self.c = keep * self.c + self.rate_one * self.path_c**2 + self.rate_many * (weights @ y**2)
            self.along = np.sqrt(np.maximum(self.c, 1e-300))
            return
        self.c = keep * self.c + self.rate_one * np.outer(self.path_c, self.path_c) + self.rate_many * (y.T * weights) @ y
        if self.generation % max(1, int(1.0 / (10.0 * self.n * (self.rate_one + self.rate_many)))) == 0:
            self.c = 0.5 * (self.c + self.c.T)
            square, self.turn = np.linalg.eigh(self.c)
            self.along = np.sqrt(np.maximum(square, 1e-14 * square.max()))

    def width(self) -> float:
        """Largest standard deviation."""
        return self.sigma * float(self.along.max())


class FoldedBox:
    """Bounds as a change of variables x(y): the line folded into them, quadratic near each so that a minimum at a bound is a smooth one.

    x = y further than a margin a from both; x = low + (y − low + a)² / 4a within a of low; mirrored at y = low − a. The same at high.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, margin: np.ndarray) -> None:
        self.low, self.high = low, high
        self.margin = np.where(high > low, np.minimum(margin, 0.5 * (high - low)), 1.0)
        self.first, self.last = low - self.margin, high + self.margin

    def inside(self, y: np.ndarray) -> np.ndarray:
        """x of y (..., n)."""
        first, last, a = self.first, self.last, self.margin
        period = 2.0 * (last - first)
        with np.errstate(invalid="ignore"):
            turned = np.abs((y - first) % period)
            both = first + np.minimum(turned, period - turned)
            one = np.where(np.isfinite(first), first + np.abs(y - first), np.where(np.isfinite(last), last - np.abs(last - y), y))
            y = np.where((y >= first) & (y <= last), y, np.where(np.isfinite(period), both, one))
            x = np.where(y < self.low + a, self.low + (y - first) ** 2 / (4.0 * a), y)
            x = np.where(y > self.high - a, self.high - (y - last) ** 2 / (4.0 * a), x)
        made: np.ndarray = np.clip(x, self.low, self.high)
        return made

    def before(self, x: np.ndarray) -> np.ndarray:
        """A y of x (n,) within the bounds."""
        a = self.margin
        with np.errstate(invalid="ignore"):
            y = np.where(x < self.low + a, self.first + np.sqrt(4.0 * a * np.maximum(x - self.low, 0.0)), x)
            made: np.ndarray = np.where(x > self.high - a, self.last - np.sqrt(4.0 * a * np.maximum(self.high - x, 0.0)), y)
        return made


class CMAES:
    """Needs values alone, a population of them at once. What is looked at is the best candidate so far.

    Args:
        population: candidates of a generation; None: 4 + 3 ln n. spread: standard deviation at the start, in units of each number's size,
            of half its range where it has bounds and no size, else of 1. diagonal: numbers are searched for one by one, in time and memory
            linear in their number, which goes on faster where they do not hang together; None: from 50 numbers on. seed: of the candidates.
        doublings: how often the population is doubled, as in restarts (Auger, Hansen, A restart CMA evolution strategy with increasing
            population size, 2005).
        cost_tolerance: ends where values of the last generations differ by less than this part of what was gained.
        step_tolerance: ends where the spread is this part of the first one.
    """

    kind = "cmaes"
    needs: Needs = "values"
    revisits, masks = True, False

    objective: Objective
    groups: list[Group]
    strategy: Strategy

    def __init__(
        self,
        *,
        population: int | None = None,
        spread: float = 0.5,
        diagonal: bool | None = None,
        seed: int = 0,
        doublings: int = 0,
        cost_tolerance: float = 1e-12,
        step_tolerance: float = 1e-11,
    ) -> None:
        self.doublings = doublings
        self.population, self.spread, self.diagonal, self.seed = population, spread, diagonal, seed
        self.cost_tolerance, self.step_tolerance = cost_tolerance, step_tolerance

    def init(self, objective: Objective) -> None:
        """See `Method.init`. Starts within the bounds. Raises: InputError for own rates."""
        self.objective, self.groups = objective, learned(objective)
        refuse_rates(self.groups, "cmaes")
        low, high = bounds(self.groups)
        self.unit = self.spread * spans(self.groups)
        self.box = FoldedBox(low, high, MARGIN * self.unit)
        self.best = np.clip(point(self.groups), low, high)
        move(self.groups, self.best)
        n = len(self.best)
        diagonal = n >= LARGE if self.diagonal is None else self.diagonal
        start = self.box.before(self.best) / self.unit
        self.strategy = Strategy(start, self.population, diagonal, self.seed, self.doublings)
        self.first = self.lowest = math.inf  # values of the start and of the best
        self.recent: list[float] = []  # lowest value of each of the last generations
        self.memory = 10 + math.ceil(30.0 * n / self.strategy.count)
        self.empty, self.ending = 0, ""  # generations without a value, since one with; why the last generation was the last one

    def look(self) -> Ending | None:
        """The value of the best candidate so far."""
        value = self.objective.evaluate(gradient=False)
        if not value < math.inf:
            return no_value(self.objective)
        if math.isinf(self.lowest):
            self.first = self.lowest = value
        return Ending(True, self.ending) if self.ending else None

    def step(self) -> Ending | None:
        """One generation."""
        drawn = self.strategy.ask()
        candidates = self.box.inside(drawn * self.unit)
        values = self.objective.values(candidates)
        values = np.where(np.isfinite(values), values, np.inf)
        k = int(np.argmin(values))
        if values[k] == np.inf:
            self.empty += 1
            self.strategy.sigma *= SHORTER
            self.strategy.generation += 1
            return no_value(self.objective) if self.empty >= RETRIES else None
        self.empty = 0
        if values[k] < self.lowest:
            self.lowest, self.best = float(values[k]), candidates[k].copy()
            move(self.groups, self.best)
        self.strategy.tell(drawn, values)
        self.recent = [*self.recent, float(values[k])][-self.memory :]
        seen = np.append(self.recent, values[np.isfinite(values)])
        if len(self.recent) == self.memory and np.ptp(seen) <= self.cost_tolerance * (self.first - self.lowest):
            self.ending = "the values do not differ any further"
        elif self.strategy.width() < self.step_tolerance:
            self.ending = "the spread vanishes"
        return None

    def told(self) -> dict[str, float]:
        """sigma: largest standard deviation, in units of the first."""
        return {"sigma": self.strategy.width()}

    def learning_rates(self) -> list[float]:
        return []

    def state_dict(self) -> dict[str, Any]:
        arrays = {name: getattr(self.strategy, name) for name in ARRAYS} | {"best": self.best, "recent": np.array(self.recent)}
        return {
            **{name: torch.from_numpy(value.copy()) for name, value in arrays.items()}, "sigma": self.strategy.sigma,
            "generation": self.strategy.generation, "first": self.first, "lowest": self.lowest, "empty": self.empty,
            "ending": self.ending,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in ARRAYS:
            value = state[name].numpy().copy()
            if value.shape != getattr(self.strategy, name).shape:
                raise ValueError(f"{name} has shape {value.shape}, not {getattr(self.strategy, name).shape}")
            setattr(self.strategy, name, value)
        self.strategy.sigma, self.strategy.generation = float(state["sigma"]), int(state["generation"])
        self.best, self.recent = state["best"].numpy().copy(), state["recent"].tolist()
        self.first, self.lowest = float(state["first"]), float(state["lowest"])
        self.empty, self.ending = int(state["empty"]), str(state["ending"])
