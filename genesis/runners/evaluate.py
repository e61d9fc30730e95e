"""Objective and gradients of a task at the present parameters, with what a record wants to know about them."""

import math
from collections import deque
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from genesis.errors import DivergenceError, InputError
from genesis.optimizers import Group
from genesis.runners.solution import trajectory_arrays
from genesis.tasks import Judged, Task

# Points of a line search that are remembered: the accepted one is asked for again.
REMEMBERED = 32
NOT_REACHED = "parameter: no learned parameter reaches the objective; check parameter.*.joints and loss.*."


@dataclass
class Found:
    """What a simulation says about a point; see `Evaluation`."""

    objective: float
    terms: dict[str, float]
    metrics: dict[str, float]
    by_step: Tensor | None
    diverged: tuple[int, ...] = ()


@dataclass
class Evaluation:
    """One point.

    point, gradients: copies of the leaves and their gradients. terms: weighted losses.
    metrics: the goal's numbers; good: all tolerances met.
    diverged: environments that are left out because their simulation diverged; everything else is of the others.
    norms: gradient norm of each group; by_step: gradient norm of the controls of each step (T,), if there is one.
    """

    objective: float
    terms: dict[str, float]
    metrics: dict[str, float]
    good: bool
    point: list[Tensor]
    gradients: list[Tensor]
    norms: dict[str, float]
    by_step: Tensor | None
    diverged: tuple[int, ...] = ()


@dataclass
class Clock:
    """Seconds spent, by phase, and simulated steps."""

    seconds: dict[str, float] = field(default_factory=dict)
    evaluations: int = 0

    def add(self, phase: str, since: float) -> float:
        """Add the time since `since`; returns now."""
        now = perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - since
        return now


class Evaluator:
    """Callable that leaves the gradients in the leaves' `.grad` and the evaluation in `latest`.

    remember: points that are asked for again are not simulated again. masks: environments of a batch that diverge are left out, as long as
    one is left; why the first of them did is in `why`, and how many evaluations failed since they were last asked for in `setbacks`.
    """

    def __init__(self, task: Task, groups: list[Group], clock: Clock, *, remember: bool, masks: bool = False) -> None:
        self.task, self.groups, self.clock, self.masks = task, groups, clock, masks
        self.why, self.setbacks = "", 0
        self.leaves = [leaf for group in groups for leaf in group.leaves]
        self.known: deque[Evaluation] = deque(maxlen=REMEMBERED if remember else 0)
        self.latest: Evaluation | None = None

    def __call__(self) -> float:
        for evaluation in reversed(self.known):
            if all(torch.equal(old, leaf) for old, leaf in zip(evaluation.point, self.leaves, strict=True)):
                for leaf, gradient in zip(self.leaves, evaluation.gradients, strict=True):
                    leaf.grad = gradient.clone()
                self.latest = evaluation
                return evaluation.objective
        try:
            self.latest = self._evaluate()
        except DivergenceError as error:
            self.why, self.setbacks = str(error), self.setbacks + 1
            raise
        self.known.append(self.latest)
        return self.latest.objective

    def _evaluate(self) -> Evaluation:
        for leaf in self.leaves:
            leaf.grad = None
        found = self._find()
        self.clock.evaluations += 1
        gradients = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad.clone() for leaf in self.leaves]
        return Evaluation(
            **vars(found),
            good=not found.diverged and self.task.good_enough(found.metrics),
            point=[leaf.detach().clone() for leaf in self.leaves],
            gradients=gradients,
            norms=self._norms(gradients),
        )

    def _find(self) -> Found:
        """Simulate and judge the present point; gradients are in the leaves' `.grad` afterwards."""
        without: tuple[int, ...] = ()
        while True:
            try:
                return self._find_without(without)
            except DivergenceError as found:
                left = self.task.left(without) if without else []
                # losses see the environments that are left alone, the rollout has others in the place of those that are not
                error = found.of_batch(left) if without and found.batch == len(left) else found
                lost = tuple(sorted({*without, *error.envs}))
                count = self.task.setting.batch[0] if self.masks and self.task.setting.batch else 0
                if lost == without or len(lost) >= count:
                    if error is found:
                        raise
                    raise error from found
                if not without:
                    self.why = str(error)
                without = lost
                for leaf in self.leaves:
                    leaf.grad = None

    def _find_without(self, without: tuple[int, ...]) -> Found:
        """The same for all but some environments."""
        start = perf_counter()
        judged = self._judge(without)
        objective = float(judged.objective.detach())
        start = self.clock.add("forward", start)
        if not judged.objective.requires_grad:
            raise InputError(NOT_REACHED)
        judged.objective.backward()
        start = self.clock.add("backward", start)
        found = Found(
            objective=objective,
            terms={name: float(value.detach()) for name, value in judged.terms.items()},
            metrics=self.task.metrics(judged.trajectory),
            by_step=judged.inputs.gradient_by_step(),
            diverged=without,
        )
        self.clock.add("metrics", start)
        return found

    def trajectory(self, without: tuple[int, ...] = ()) -> dict[str, Any]:
        """Arrays of the trajectory at the present point, as `trajectory_arrays`."""
        return trajectory_arrays(self.task, without)

    def _judge(self, without: tuple[int, ...]) -> Judged:
        """Raises: DivergenceError where the optimizer, not the user, has made values that cannot be simulated."""
        try:
            return self.task.judge(without) if without else self.task.judge()
        except InputError as error:
            if self.clock.evaluations == 0:
                raise
            raise DivergenceError(f"the optimizer left what can be simulated (a smaller step may help): {error}") from error

    def _norms(self, gradients: list[Tensor]) -> dict[str, float]:
        """Norm of each group's gradient. Raises: DivergenceError if one is not finite."""
        norms, first = {}, 0
        for group in self.groups:
            own = gradients[first : first + len(group.leaves)]
            first += len(group.leaves)
            norm = norms[group.name] = float((own[0] if len(own) == 1 else torch.stack([g.norm() for g in own])).norm())
            if not math.isfinite(norm) and not all(bool(torch.isfinite(g).all()) for g in own):  # the norm alone may overflow
                raise DivergenceError(
                    f"the gradient of parameter.{group.name} is not finite, but the objective is; try a shorter task.horizon.",
                    quantity=f"gradient of {group.name}",
                )
        return norms


def groups_of(task: Task) -> list[Group]:
    """What the optimizer moves: the learned parameters of a task."""
    return [
        Group(name, parameter.leaves(), parameter.leaf_bounds(), parameter.lr, parameter.project)
        for name, parameter in task.parameters.items()
        if parameter.learn
    ]
