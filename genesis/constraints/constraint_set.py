"""The constraints of a task: their terms, how far each is violated and where, and the rounds of those that are hard."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.constraints.constraint import Constraint, RangedQuantity
from genesis.constraints.penalty import Hard, Soft
from genesis.losses.term import Loss
from genesis.problems.augmented_lagrangian import HIGHEST, AugmentedLagrangian, outside
from genesis.view import View

#: Part of the tolerance by which hard constraints are aimed at from within: what a method leaves open is then within the tolerance.
INSIDE = 0.5
FEASIBLE = (
    1e-2  # half the squares of what is violated at the start, in units of the scales, below which the weight follows it no more
)


@dataclass(frozen=True)
class Violation:
    """The largest of a quantity. label: of what; step: of the trajectory; environment: None without that axis."""

    name: str
    metric: str
    value: float
    tolerance: float
    unit: str
    label: str
    step: int
    environment: int | None
    hard: bool

    @property
    def holds(self) -> bool:
        return self.value <= self.tolerance

    def place(self, dt: float) -> str:
        """In words."""
        where = f"{self.label}, " if self.label else ""
        env = "" if self.environment is None else f" of environment {self.environment}"
        return f"{where}step {self.step}{env} ({self.step * dt:.4g} s)"

    def line(self, dt: float) -> str:
        """In words, with the tolerance."""
        text = f"constraint.{self.name}: "
        if self.holds:
            return f"{text}holds, largest violation {self.value:.2g} {self.unit}"
        return f"{text}violated by {self.value:.3g} {self.unit} (tolerance {self.tolerance:g}) at {self.place(dt)}"

    def content(self, dt: float) -> dict[str, Any]:
        """For result.json."""
        return {
            "violation": self.value, "unit": self.unit, "tolerance": self.tolerance, "holds": self.holds, "hard": self.hard,
            "of": self.label, "step": self.step, "time": round(self.step * dt, 9), "environment": self.environment,
            "text": self.line(dt),
        }  # fmt: skip


@dataclass(frozen=True)
class _One:
    constraint: Constraint
    hard: bool
    weight: float
    laws: list[AugmentedLagrangian]


class ConstraintSet:
    """By name. Names of metrics: NAME_violation_UNIT."""

    def __init__(self, made: Mapping[str, tuple[Constraint, bool, float]]) -> None:
        self.all = {
            name: _One(one, hard, weight, [_law(q) for q in one.quantities] if hard else [])
            for name, (one, hard, weight) in made.items()
        }

    def __bool__(self) -> bool:
        return bool(self.all)

    @property
    def hard(self) -> list[str]:
        """Names of those that are no terms of the objective."""
        return [name for name, one in self.all.items() if one.hard]

    def losses(self) -> dict[str, tuple[float, Loss]]:
        """A weighted term for each."""
        return {
            name: (1.0, Hard(one.constraint, one.laws)) if one.hard else (one.weight, Soft(one.constraint))
            for name, one in self.all.items()
            if one.hard or one.weight
        }

    def limits(self) -> dict[str, float]:
        """Largest value of the metric of each hard one."""
        return {
            metric_name(name, quantity): quantity.tolerance
            for name, one in self.all.items()
            if one.hard
            for quantity in one.constraint.quantities
        }

    def metrics(self, trajectory: View) -> dict[str, Tensor]:
        """Largest violation of each quantity, of the worst environment; quantities of one constraint in one unit share a metric."""
        made: dict[str, Tensor] = {}
        for name, one in self.all.items():
            for quantity, rows in zip(one.constraint.quantities, one.constraint.measure(trajectory), strict=True):
                metric, largest = metric_name(name, quantity), quantity.violation(rows.values.detach()).amax().double()
                made[metric] = torch.maximum(made[metric], largest) if metric in made else largest
        return made

    def violations(self, trajectory: View, environments: Tensor | None = None) -> list[Violation]:
        """The largest behind each metric, with its place. environments: those that the trajectory has, where it has not all."""
        found: list[Violation] = []
        with torch.no_grad():
            for name, one in self.all.items():
                for quantity, rows in zip(one.constraint.quantities, one.constraint.measure(trajectory), strict=True):
                    off = quantity.violation(rows.values)
                    off = torch.where(torch.isnan(off), torch.inf, off)
                    place = [int(i) for i in torch.unravel_index(off.argmax(), off.shape)]
                    env = place[1] if off.ndim == 3 else None
                    if env is not None and environments is not None:
                        env = int(environments[env])
                    label = quantity.labels[place[-1]] if len(quantity.labels) > 1 or quantity.labels[0] else ""
                    found.append(
                        Violation(
                            name,
                            metric_name(name, quantity),
                            float(off.max()),
                            quantity.tolerance,
                            quantity.unit,
                            label,
                            rows.first + place[0] + rows.reach,
                            env,
                            one.hard,
                        )  # fmt: skip
                    )
        worst = {one.metric: one for one in sorted(found, key=lambda one: one.value)}
        return [one for one in found if worst[one.metric] is one]

    def content(self, trajectory: View, dt: float, environments: Tensor | None = None) -> dict[str, Any]:
        """For result.json: of `violations`, by metric."""
        return {one.metric: one.content(dt) for one in self.violations(trajectory, environments)}

    # ---- rounds of the hard ones

    def laws(self) -> list[tuple[str, int, AugmentedLagrangian]]:
        """Of every quantity of every hard one: its name, the number of the quantity, its law."""
        return [(name, k, law) for name, one in self.all.items() for k, law in enumerate(one.laws)]

    def begin(self, weight: float, objective: float, trajectory: View | None) -> None:
        """The first round. weight: in objectives, for half the squares of what is violated at the start together with that objective."""
        open_ = 0.0
        if trajectory is not None:
            for name, k, law in self.laws():
                y = self._scaled(name, trajectory)[k]
                environments = y.shape[1] if y.ndim == 3 else 1
                open_ += float(0.5 * outside(y, law.low, law.high).square().sum()) / environments
        first = weight * max(objective, 1e-6) / min(max(open_, FEASIBLE), 1.0)
        for _, _, law in self.laws():
            law.begin(first)

    def next_round(self, trajectory: View) -> None:
        """Multipliers and weights at the minimum of the last round."""
        for name in self.hard:
            for law, y in zip(self.all[name].laws, self._scaled(name, trajectory), strict=True):
                law.next_round(y)

    def repeat_round(self) -> None:
        """The same once more, where the trajectory has no value."""
        for _, _, law in self.laws():
            law.repeat_round()

    def go_to(self, number: int) -> None:
        """Weights and multipliers of a round."""
        for _, _, law in self.laws():
            law.go_to(number)

    @property
    def rounds(self) -> int:
        """How many there have been so far."""
        return max((len(law.rounds) for _, _, law in self.laws()), default=0)

    def exhausted(self) -> bool:
        """The weight of some law can grow no further."""
        return any(law.weight >= 0.999 * HIGHEST * law.first for _, _, law in self.laws())

    def state_dict(self) -> dict[str, Any]:
        """Rounds of every law."""
        return {f"{name}/{k}": law.state_dict() for name, k, law in self.laws()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        for name, k, law in self.laws():
            law.load_state_dict(state[f"{name}/{k}"])

    def _scaled(self, name: str, trajectory: View) -> list[Tensor]:
        constraint = self.all[name].constraint
        with torch.no_grad():
            rows = constraint.measure(trajectory)
        return [r.values.detach() / q.scale.to(r.values) for r, q in zip(rows, constraint.quantities, strict=True)]


def metric_name(name: str, quantity: RangedQuantity) -> str:
    """Of the largest violation of a quantity."""
    return f"{name}_violation_{quantity.slug}".removesuffix("_")


def _law(quantity: RangedQuantity) -> AugmentedLagrangian:
    """Ranges are aimed at from within, by less than half their width."""
    low, high = quantity.low, quantity.high
    inset = torch.minimum(torch.full_like(low, INSIDE * quantity.tolerance), 0.25 * (high - low))
    low, high = (side / quantity.scale for side in (low + inset, high - inset))
    return AugmentedLagrangian(1.0, torch.zeros((), dtype=low.dtype), low=low, high=high)
