"""Differential dynamic programming with Gauss-Newton Hessians, from motions or from paths with gaps, within bounds of the controls.

One backward sweep over the linearized steps gives a change of the controls and feedback around the path (`genesis.grad.riccati`); the
motions of many step lengths under that feedback are tried in one launch. A path may begin with gaps between its steps; a step of length α
leaves 1 − α of them. What a step must lower is

    φ = cost + ν Σ |gaps|

with ν large enough that the model's step lowers it. Where no length does, Q_uu gets a larger diagonal.
Source: Tassa, Mansard, Todorov, ICRA 2014 (bounds, regularisation); Mastalli et al., ICRA 2020 (gaps); Nocedal, Wright, Numerical Optimization
(2006), §18.3 (merit function).
"""

import math
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import torch

from genesis.errors import InputError
from genesis.grad.growth import growth
from genesis.grad.quadratics import BackwardPass, Quadratics
from genesis.methods.method import Ending, Group, Needs, Objective, learned, no_value, refuse_rates
from genesis.methods.optimal_control import OptimalControl, Path

ENOUGH = 1e-4  # of the predicted fall of φ that a step must bring
LEAST, LARGEST = 1e-9, 1e12  # diagonal, relative to Q_uu, below which there is none, and at which a step is too short to matter
GROWTH, LITTLE = 2.0, 0.01  # log10 of the growth from which on guesses are tried, and part of a motion's cost that is little
SHORT = 0.25  # lengths from which on a step is no short one
# Factors of the diagonal: after a full step at most, longer ones, short ones, none.
SMALLER, LESS, MORE, LARGER = 0.1, 0.5, 2.0, 4.0
TINY = 1e-300  # keeps a scale, and a cost, out of a division by zero
STIFF = 10.0  # diagonal that short steps do not go beyond

NUMBERS = ("rho", "grow", "penalty", "scale", "length", "slope")  # that change from step to step


class DDP:
    """Needs an optimal-control problem: one free control a step.

    Args:
        lengths: how many step lengths are tried at once. shortest: the last of them; the first is 1.
        regularization: diagonal of Q_uu from the second sweep on, relative to its mean.
        guess: where the path begins: ``rollout``, the motion of the present controls; ``interpolation``, a straight path to where the task says
            that it should end, with gaps; ``auto``: the motion, whose first step goes through such a path where changes grow much along it.
        cost_tolerance: ends where a full step lowers the cost by less than this part of it. gradient_tolerance: ends where no free control
            changes the cost by more than this part of it, over its size.
    """

    kind = "ddp"
    needs: Needs = "optimal_control"
    revisits, masks = False, False

    objective: Objective
    groups: list[Group]
    control: OptimalControl

    def __init__(
        self,
        *,
        lengths: int = 8,
        shortest: float = 0.01,
        regularization: float = 1.0,
        guess: str = "auto",
        cost_tolerance: float = 1e-9,
        gradient_tolerance: float = 1e-9,
    ) -> None:
        if not 0.0 < shortest <= 1.0:
            raise InputError(f"optimizer.shortest: {shortest:g} is no step length; allowed: above 0, at most 1.")
        self.lengths = np.geomspace(1.0, shortest, lengths)
        self.first_rho, self.guess = regularization, guess
        self.cost_tolerance, self.gradient_tolerance = cost_tolerance, gradient_tolerance

    def init(self, objective: Objective) -> None:
        """See `Method.init`. Raises: InputError for an objective that is no optimal-control problem."""
        self.objective, self.groups = objective, learned(objective)
        refuse_rates(self.groups, "ddp")
        self.control = objective.optimal_control()
        self.path: Path | None = None
        self.rho, self.grow, self.penalty, self.scale = self.first_rho, LARGER, 0.0, 0.0
        self.length, self.slope, self.ending, self.begun = 0.0, math.nan, "", False
        self.seen: Path | None = None  # that `model` and `value` are of

    def look(self) -> Ending | None:
        """Dynamics and cost around the present path, which a step has found already."""
        if self.path is None:
            self.path = self.control.start()
            if self.path is None:
                return no_value(self.objective)
            if self.guess == "interpolation":
                self.path = next(self.control.guesses(self.path), self.path)
        if self.seen is not self.path and not self._see(self.path):
            return no_value(self.objective)
        return Ending(True, self.ending) if self.ending else None

    def _see(self, path: Path) -> bool:
        """Expand around a path; whether it has a value."""
        found = self.control.expand(path)
        if found is None:
            self.seen = None
            return False
        quadratics, self.value = found
        self.model, self.seen = in_units(quadratics, self.control.sizes), path
        return True

    def _go(self, path: Path, below: float) -> bool:
        """Make the controls of a path the free numbers and see what they lead to; where φ is not below that, all is as before."""
        here = self.path
        assert here is not None
        led = self.control.put(path)
        if led is not None and self._see(led) and self.value + self.penalty * led.gap < below:
            self.path = led
            return True
        self.control.put(here)
        self._see(here)
        return False

    def _choose(self) -> bool:
        """Where the motion that the run begins with lets small changes of its start grow much: go where a full step leads to from the first
        guess of which little of the cost is left, or from the best. Returns: whether that is better than the motion."""
        start, value = self.path, self.value
        assert start is not None
        guesses = self.control.guesses(start)
        first = next(guesses, None)
        if first is None or growth(self.model.a[:, None]).max() < GROWTH:
            return False
        best, least = start, value
        for guess in chain([first], guesses):
            if self._see(guess) and (sweep := self.control.backward(self.model, 0.0)).failed < 0:
                trials = self.control.trials(guess, self._whole(sweep), np.ones(1))
                if trials.values[0] < least:
                    best, least = trials.path(0, None), float(trials.values[0])
            if least < LITTLE * value:
                break
        if best is not start:
            return self._go(best, value)
        self._see(start)
        return False

    def _whole(self, sweep: BackwardPass) -> BackwardPass:
        """A sweep in units of the controls."""
        return replace(sweep, k=sweep.k * self.control.sizes, gains=sweep.gains * self.control.sizes[:, None])

    def step(self) -> Ending | None:
        """The best of the step lengths that lower φ enough, with an ever larger diagonal."""
        assert self.path is not None
        begins, self.begun = not self.begun, True
        if begins and self.guess == "auto" and self._choose():
            return None
        here, fresh = self.path, True
        falls: list[float] = []
        while True:
            # the first one of a run has no diagonal: it shows what one is relative to
            sweep = self.control.backward(self.model, self.rho * self.scale)
            if sweep.failed >= 0 and self.scale == 0.0:
                self.scale = _first_scale(self.model)
                continue
            if sweep.failed < 0:
                self.scale = max(mean_curvature(self.model, sweep), TINY)
                change = self._predicted(sweep, here)
                self.slope = sweep.qu / max(abs(self.value), TINY)
                flat = self.slope < self.gradient_tolerance or (fresh and -change < 1e-16 * abs(self.value))
                if here.gaps is None and flat:
                    return Ending(True, "the gradient vanishes")
                if self._search(here, sweep, change, falls):
                    return None
                fresh = False
            if not self._raise():
                return self._stuck(falls)

    def _predicted(self, sweep: BackwardPass, here: Path) -> float:
        """Change of the cost that the model predicts for a full step; ν with it."""
        change = sweep.slope + 0.5 * sweep.curve
        if here.gaps is None:
            return change
        d = here.gaps
        across = float((sweep.vx[1:] * d).sum() + 0.5 * np.einsum("ti,tij,tj->", d, sweep.vxx[1:], d))
        change += across
        needed = max(0.0, change) / (0.5 * here.gap) + 1e-12
        self.penalty = max(self.penalty, 2.0 * needed)
        return change

    def _search(self, here: Path, sweep: BackwardPass, change: float, falls: list[float]) -> bool:
        """Try all lengths; go to the best of those that lower φ enough."""
        trials = self.control.trials(here, self._whole(sweep), self.lengths)
        merits = trials.values + self.penalty * (1.0 - self.lengths) * here.gap
        before, value = self.value + self.penalty * here.gap, self.value
        predicted = np.array([self._fall(sweep, here, change, a) for a in self.lengths])
        fall = before - merits
        falls += [float(x) for x in fall]
        good = np.isfinite(merits) & (fall > ENOUGH * predicted) & (predicted > 0.0)
        if not good.any():
            return False
        k = int(np.argmin(np.where(good, merits, np.inf)))
        length = float(self.lengths[k])
        gaps = None if here.gaps is None or length == 1.0 else (1.0 - length) * here.gaps
        if not self._go(trials.path(k, gaps), before):
            return False
        self._learn(length, before - self.value - self.penalty * self.path.gap, float(predicted[k]), value)  # type: ignore[union-attr]
        return True

    def _fall(self, sweep: BackwardPass, here: Path, change: float, length: float) -> float:
        """Fall of φ that the model predicts for a step length."""
        if here.gaps is None:
            return -(length * sweep.slope + 0.5 * length**2 * sweep.curve)
        return length * (self.penalty * here.gap - change)

    def _learn(self, length: float, fall: float, predicted: float, value: float) -> None:
        """A smaller diagonal where a long step was good, a larger one where a short step alone was. value: cost before the step."""
        assert self.path is not None
        if length == 1.0:
            self.rho *= max(SMALLER, 1.0 - (2.0 * fall / predicted - 1.0) ** 3)
        elif length > SHORT:
            self.rho *= LESS
        else:  # more would take the feedback away, without which a short step is all there is
            self.rho = MORE * max(self.rho, LEAST) if self.rho < STIFF else LESS * self.rho
        self.rho = self.rho if self.rho > LEAST else 0.0
        self.length, self.grow = length, LARGER
        if fall < self.cost_tolerance * abs(value) and self.path.gaps is None and length == 1.0 and self.rho < 1.0:
            self.ending = "the cost does not fall any further"

    def _raise(self) -> bool:
        """A larger diagonal, ever faster; whether a step with it still matters."""
        self.rho, self.grow = self.grow * max(self.rho, LEAST), 2.0 * self.grow
        return self.rho < LARGEST

    def _stuck(self, falls: list[float]) -> Ending:
        if not falls:
            return Ending(
                False,
                "no diagonal makes the controls' Hessian positive definite; give every control a cost (loss kind control_effort)",
            )
        if not np.isfinite(falls).any():
            return no_value(self.objective)
        return Ending(True, "no step lowers the cost any further")

    def told(self) -> dict[str, float]:
        """Step length, diagonal of Q_uu relative to its mean, slope: the largest relative derivative, and the sum of gaps, if there are any."""
        gap = {} if self.path is None or self.path.gaps is None else {"gap": self.path.gap}
        return {"length": self.length, "damping": self.rho, "slope": self.slope, **gap}

    def learning_rates(self) -> list[float]:
        return []

    def state_dict(self) -> dict[str, Any]:
        path = self.path
        arrays = {} if path is None else {name: value for name, value in vars(path).items() if value is not None}
        stored = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}
        return {name: getattr(self, name) for name in (*NUMBERS, "ending", "begun")} | {"path": stored}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in NUMBERS:
            setattr(self, name, float(state[name]))
        self.ending, self.begun = str(state["ending"]), bool(state["begun"])
        path = {name: value.numpy().copy() for name, value in state["path"].items()}
        if path and len(path["controls"]) != self.control.horizon:
            raise ValueError(f"controls of {len(path['controls'])} steps for {self.control.horizon}")
        self.path = Path(**path) if path else None


def in_units(p: Quadratics, sizes: np.ndarray) -> Quadratics:
    """The same for controls in units of their sizes."""
    lu, luu, lux = p.lu * sizes, p.luu * sizes[:, None] * sizes, p.lux * sizes[:, None]
    return replace(p, b=p.b * sizes, lu=lu, luu=luu, lux=lux, low=p.low / sizes, high=p.high / sizes)


def _first_scale(p: Quadratics) -> float:
    """The same without a sweep: from the cost of each step and of the state that it leads to."""
    near = np.einsum("tik,tij,tjk->", p.b, p.lxx[1:], p.b, optimize=True)
    return max(float((near + np.trace(p.luu.sum(0))) / p.lu.size), TINY)


def mean_curvature(p: Quadratics, sweep: BackwardPass) -> float:
    """Mean of the diagonal of Q_uu."""
    far = np.einsum("tik,tij,tjk->", p.b, sweep.vxx[1:], p.b, optimize=True)
    return float((far + np.trace(p.luu.sum(0))) / p.lu.size)


__all__ = ["DDP", "in_units", "mean_curvature"]
