"""Model predictive path integrals as an optimizer: the mean of candidates weighed by what they cost.

    z_k = m + s ε_k,    w_k ∝ exp(−(S_k − min S) / λ),    m ← Σ w_k z_k,    s² ← (1 − c) s² + c Σ w_k (z_k − m)²

ε_k has unit variance; along the time of controls its entries are those of an autoregressive process, so that motions are smooth. The first
candidate is the mean itself. λ is found in each generation so that the weights count as many candidates as are wanted, Σ 1 / w² of them,
which makes it free of the unit of the cost.
Source: Williams, Drews, Goldfain, Rehg, Theodorou, Information-theoretic model predictive control, IEEE Transactions on Robotics 34 (2018)
(weights); Stulp, Sigaud, Path integral policy improvement with covariance matrix adaptation, ICML 2012 (variances).
"""

import math
from typing import Any

import numpy as np
import torch

from genesis.errors import InputError
from genesis.methods.cmaes import RETRIES, SHORTER
from genesis.methods.method import Ending, Group, Needs, Objective, bounds, learned, move, no_value, point, refuse_rates, spans

BISECTIONS = 60  # of λ


class MPPI:
    """Needs values alone, a population of them at once. What is looked at is the best candidate so far.

    Args:
        population: candidates of a generation. spread: standard deviation at the start, in units of each number's size, of half its range where
            it has bounds and no size, else of 1. elite: how much of the population the weights count at a time; temperature: λ itself, in the
            unit of the cost, in its place. smoothing: correlation of the noise from one time (knot) of controls to the next.
        adapt: how far the variances go towards those of the weighed candidates in each generation; 0: the spread stays.
        seed: of the candidates. step_tolerance: ends where the spread is this part of the first one.
    """

    kind = "mppi"
    needs: Needs = "values"
    revisits, masks = True, False

    objective: Objective
    groups: list[Group]

    def __init__(
        self,
        *,
        population: int = 64,
        spread: float = 0.3,
        elite: float = 0.1,
        temperature: float | None = None,
        smoothing: float = 0.5,
        adapt: float = 0.2,
        seed: int = 0,
        step_tolerance: float = 1e-6,
    ) -> None:
        for name, value, below in (
            ("smoothing", smoothing, smoothing < 1.0),
            ("elite", elite, elite <= 1.0),
            ("adapt", adapt, adapt <= 1.0),
        ):
            if not below:
                raise InputError(
                    f"optimizer.{name}: {value:g} is too large; allowed: {'below 1' if name == 'smoothing' else 'at most 1'}."
                )
        self.population, self.spread, self.elite, self.temperature = population, spread, elite, temperature
        self.smoothing, self.adapt, self.seed, self.step_tolerance = smoothing, adapt, seed, step_tolerance

    def init(self, objective: Objective) -> None:
        """See `Method.init`. Starts within the bounds. Raises: InputError for own rates."""
        self.objective, self.groups = objective, learned(objective)
        refuse_rates(self.groups, "mppi")
        self.low, self.high = bounds(self.groups)
        self.unit = self.spread * spans(self.groups)
        self.mean = np.clip(point(self.groups), self.low, self.high)
        self.best = self.mean.copy()
        move(self.groups, self.best)
        self.width = np.ones_like(self.mean)  # standard deviations, in the first ones
        self.lowest, self.generation, self.empty = math.inf, 0, 0
        self.lambda_, self.ending = math.nan, ""

    def look(self) -> Ending | None:
        """The value of the best candidate so far."""
        value = self.objective.evaluate(gradient=False)
        if not value < math.inf:
            return no_value(self.objective)
        self.lowest = min(self.lowest, value)
        return Ending(True, self.ending) if self.ending else None

    def step(self) -> Ending | None:
        """One generation."""
        candidates = np.clip(self.mean + self.width * self.unit * self._noise(), self.low, self.high)
        values = self.objective.values(candidates)
        values = np.where(np.isfinite(values), values, np.inf)
        self.generation += 1
        k = int(np.argmin(values))
        if values[k] == np.inf:
            self.empty += 1
            self.width *= SHORTER
            return no_value(self.objective) if self.empty >= RETRIES else None
        self.empty = 0
        if values[k] < self.lowest:
            self.lowest, self.best = float(values[k]), candidates[k].copy()
            move(self.groups, self.best)
        weights = self._weights(values)
        away = weights @ (candidates - self.mean) ** 2 / np.maximum(self.unit, 1e-300) ** 2
        self.mean = weights @ candidates
        self.width = np.sqrt((1.0 - self.adapt) * self.width**2 + self.adapt * away)
        if self.width.max(initial=0.0) < self.step_tolerance:
            self.ending = "the spread vanishes"
        return None

    def _noise(self) -> np.ndarray:
        """(population, n) of unit variance, the first row zero."""
        generator = np.random.default_rng((self.seed, self.generation))
        parts = []
        for group in self.groups:
            for leaf in group.leaves:
                drawn = generator.standard_normal((self.population, *leaf.shape))
                if group.in_time and self.smoothing > 0.0:
                    for t in range(1, leaf.shape[0]):
                        drawn[:, t] = self.smoothing * drawn[:, t - 1] + math.sqrt(1.0 - self.smoothing**2) * drawn[:, t]
                parts.append(drawn.reshape(self.population, -1))
        noise = np.concatenate(parts, 1)
        noise[0] = 0.0
        return noise

    def _weights(self, values: np.ndarray) -> np.ndarray:
        """(population,) that add up to one."""
        above = values - values.min()
        if self.temperature is not None:
            self.lambda_ = self.temperature
            return _boltzmann(above, self.lambda_)
        known = np.isfinite(above)
        wanted = max(1.0, self.elite * known.sum())
        scale = float(above[known].max())
        low, high = 1e-12 * scale, 1e3 * scale
        if scale == 0.0:
            self.lambda_ = 0.0
            return known / known.sum()
        for _ in range(BISECTIONS):
            self.lambda_ = math.sqrt(low * high)
            if 1.0 / float((_boltzmann(above, self.lambda_) ** 2).sum()) < wanted:
                low = self.lambda_
            else:
                high = self.lambda_
        return _boltzmann(above, self.lambda_)

    def told(self) -> dict[str, float]:
        """sigma: largest standard deviation, in units of the first; lambda of the last generation."""
        return {"sigma": float(self.width.max(initial=0.0)), "lambda": self.lambda_}

    def learning_rates(self) -> list[float]:
        return []

    def state_dict(self) -> dict[str, Any]:
        arrays = {"mean": self.mean, "width": self.width, "best": self.best}
        return {
            **{name: torch.from_numpy(value.copy()) for name, value in arrays.items()}, "lowest": self.lowest,
            "generation": self.generation, "empty": self.empty, "lambda": self.lambda_, "ending": self.ending,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        arrays = {name: state[name].numpy().copy() for name in ("mean", "width", "best")}
        for name, value in arrays.items():
            if value.shape != self.mean.shape:
                raise ValueError(f"{name} has shape {value.shape}, not {self.mean.shape}")
        self.mean, self.width, self.best = arrays["mean"], arrays["width"], arrays["best"]
        self.lowest, self.lambda_ = float(state["lowest"]), float(state["lambda"])
        self.generation, self.empty, self.ending = int(state["generation"]), int(state["empty"]), str(state["ending"])


def _boltzmann(above: np.ndarray, temperature: float) -> np.ndarray:
    """exp(−above / temperature), scaled to add up to one."""
    with np.errstate(over="ignore"):  # a temperature of almost nothing leaves the best alone
        weights = np.exp(-above / temperature)
    made: np.ndarray = weights / weights.sum()
    return made
