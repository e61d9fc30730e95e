"""A task: parameters make a rollout, losses judge it, the goal says when it is good enough."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.constraints import ConstraintSet
from genesis.errors import DivergenceError, InputError
from genesis.losses import LOSSES, Loss
from genesis.parameters import Inputs, Parameter
from genesis.scene.variants import some_envs
from genesis.selection import indices
from genesis.setting import Setting
from genesis.tasks.goal import Goal, Limit, met, numbers
from genesis.tasks.rollout import inputs_of, roll_out, stand_in
from genesis.view import TrajectoryView, View


@dataclass
class Judged:
    """One evaluation of the objective, with its graph.

    objective: Σ terms; terms: weighted losses by name, and the prior of parameters that have one.
    """

    objective: Tensor
    terms: dict[str, Tensor]
    trajectory: View
    inputs: Inputs


#: Term of what is known of parameters beforehand.
PRIOR = "prior"


class Task:
    """Objective Σ weight · loss over a rollout of a scene, and half the squared deviations from what is known of parameters beforehand.

    losses: also the terms of the constraints, by their names; own_losses: without. limits: of the goal's metrics, and of violations of hard
    constraints.
    """

    def __init__(
        self,
        kind: str,
        setting: Setting,
        parameters: dict[str, Parameter],
        losses: dict[str, tuple[float, Loss]],
        goal: Goal,
        constraints: ConstraintSet | None = None,
    ) -> None:
        self.kind, self.setting, self.parameters, self.goal = kind, setting, parameters, goal
        self.constraints = ConstraintSet({}) if constraints is None else constraints
        self.limits = [*goal.limits, *(Limit(metric, value) for metric, value in self.constraints.limits().items())]
        terms = self.constraints.losses()
        both = next((name for name in terms if name in losses), None)
        if both is not None:
            raise InputError(f"constraint.{both}: there is a loss of this name; choose another.")
        self.own_losses, self.losses = losses, {**losses, **terms}
        if PRIOR in self.losses and self.prior() is not None:
            raise InputError(f"loss.{PRIOR}: the priors of parameters make a term of this name; choose another.")

    def simulate(self, without: Sequence[int] = ()) -> tuple[View, Inputs]:
        """The trajectory of the present parameters, and the inputs that made it.

        without: environments that are left out; the trajectory has the others alone.
        """
        inputs = inputs_of(self.setting, self.parameters)
        if not without:
            return TrajectoryView(roll_out(self.setting, inputs)), inputs
        inputs = stand_in(inputs, without)
        left = indices(self.left(without))
        return TrajectoryView(some_envs(roll_out(self.setting, inputs), left), left), inputs

    def left(self, without: Sequence[int]) -> list[int]:
        """The environments of the batch but these."""
        return [env for env in range(self.setting.batch[0] if self.setting.batch else 1) if env not in without]

    def prior(self) -> Tensor | None:
        """Half the sum of squares of the learned parameters' `prior_residuals`; None where nothing is known beforehand."""
        return half_square(prior_rows(self.parameters))

    def judge(self, without: Sequence[int] = ()) -> Judged:
        """Simulate and add the weighted losses; `without` as in `simulate`.

        Raises: DivergenceError if the objective is not finite, naming what went first, with environments counted in the whole batch.
        """
        return self.judged(*self.simulate(without), {}, without)

    def judged(self, trajectory: View, inputs: Inputs, more: Mapping[str, Tensor], without: Sequence[int] = ()) -> Judged:
        """The weighted losses of a trajectory, priors, and `more` terms. Raises: as `judge`."""
        terms = {name: weight * loss(trajectory) for name, (weight, loss) in self.losses.items()}
        prior = self.prior()
        if prior is not None:
            terms[PRIOR] = prior
        terms |= more
        objective = torch.stack(list(terms.values())).sum()
        if not bool(torch.isfinite(objective)):
            error = divergence(trajectory, terms)
            raise error.of_batch(self.left(without)) if without else error
        return Judged(objective, terms, trajectory, inputs)

    def metrics(self, trajectory: View) -> dict[str, float]:
        """How good a trajectory is, in the goal's own numbers, and how far constraints are violated."""
        with torch.no_grad():
            return numbers({**self.goal.metrics(trajectory), **self.constraints.metrics(trajectory)})

    def good_enough(self, metrics: dict[str, float]) -> bool:
        """Every tolerance of the goal is met, of which there is one, and hard constraints hold."""
        return bool(self.goal.limits) and met(self.limits, metrics)

    def holds(self, metrics: dict[str, float]) -> bool:
        """Hard constraints do."""
        return all(metrics[metric] <= largest for metric, largest in self.constraints.limits().items())

    def cost(self, terms: Mapping[str, float]) -> float:
        """Of the terms of an objective, what is no price of hard constraints."""
        return sum(value for name, value in terms.items() if name not in self.constraints.hard)


def prior_rows(parameters: Mapping[str, Parameter]) -> Tensor | None:
    """(m,) how far the learned parameters are from what is known beforehand, in standard deviations; None where nothing is."""
    known = [parameter.prior_residuals() for parameter in parameters.values() if parameter.learn]
    rows = [row for row in known if row is not None]
    return torch.cat(rows) if rows else None


def half_square(rows: Tensor | None) -> Tensor | None:
    """Half the sum of the squares, what residuals cost; None of None."""
    return None if rows is None else 0.5 * rows.square().sum()


def divergence(trajectory: View, terms: dict[str, Tensor]) -> DivergenceError:
    """What left the finite numbers: quantity, step and environment of the trajectory, else the loss term."""
    for quantity in ("controls", "qpos", "qvel"):
        values = getattr(trajectory, quantity).detach()
        bad = (~torch.isfinite(values)).nonzero()
        if len(bad):
            step, env = int(bad[0, 0]), int(bad[0, 1]) if values.ndim == 3 else None
            lost = () if env is None else tuple(bad[:, 1].unique().tolist())
            place = f"step {step}" + ("" if env is None else f" of environment {env}")
            return DivergenceError(
                f"the simulation diverged: {quantity} is not finite at {place}; a smaller scene.dt or smaller controls may help.",
                env=env,
                step=step,
                quantity=quantity,
                envs=lost,
            )
    numbers = {name: float(value.detach()) for name, value in terms.items()}
    name = next((name for name, value in numbers.items() if not math.isfinite(value)), next(iter(numbers)))
    return DivergenceError(f"the objective is not finite: loss.{name} is {numbers[name]}.", quantity=f"loss.{name}")


def make_losses(setting: Setting, specs: dict[str, dict[str, Any]]) -> dict[str, tuple[float, Loss]]:
    """Weighted loss terms from kind, weight and keyword arguments; terms without weight or target are left out."""
    made: dict[str, tuple[float, Loss]] = {}
    for name, spec in specs.items():
        options = dict(spec)
        kind, weight = options.pop("kind"), float(options.pop("weight"))
        if weight != 0.0 and options.get("target", "") is not None:
            made[name] = (weight, LOSSES[kind](setting, f"loss.{name}", **options))
    return made
