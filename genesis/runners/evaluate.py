"""A task as a problem: objective and gradients at the present parameters, with what a record wants to know about them."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from genesis.errors import SIMULATION_FAILURES, ContactOverflowError, DivergenceError, InputError
from genesis.methods.method import Ending, Group, all_leaves, finite_normal, flatten, point
from genesis.methods.residuals import Normal, ResidualBlock
from genesis.parameters import Inputs
from genesis.parameters.open_loop import OpenLoop
from genesis.problems.problem import (
    CONVERGED,
    DIVERGED,
    FINISHED,
    NOT_CONVERGED,
    OVERFLOWED,
    Best,
    Evaluation,
    Failed,
    Shown,
    Stage,
    Stopwatch,
    Verdict,
)
from genesis.runners.candidates import Candidates
from genesis.runners.divergences import let_go
from genesis.runners.excitation import EXTRA_FILES
from genesis.runners.growth import Growth, growth_of
from genesis.runners.health import Doctor, health_of
from genesis.runners.names import GROWTH
from genesis.runners.optimal_control import TaskControl
from genesis.runners.series import dof_arrays, soft_violations
from genesis.runners.solution import meaning_arrays, parameter_arrays, trajectory_arrays
from genesis.tasks import Task
from genesis.tasks.linearize import Linearized, expect_squares, linearize
from genesis.view import View

REMEMBERED = 32  # points of a line search: the accepted one is asked for again
NOT_REACHED = "parameter: no learned parameter reaches the objective; check parameter.*.joints and loss.*."


@dataclass(frozen=True)
class LastSeen:
    """The last point that was judged without a gradient, with what was seen there: methods ask for its Jacobian next."""

    point: np.ndarray
    run: tuple[View, Inputs]
    metrics: dict[str, float]


@dataclass
class Judgement:
    """What a simulation says about a point; see `Evaluation`."""

    objective: float
    terms: dict[str, float]
    metrics: dict[str, float]
    by_step: Tensor | None
    diverged: tuple[int, ...] = ()
    health: dict[str, float] = field(default_factory=dict)


class TaskProblem:
    """See `genesis.problems.problem.Problem`; gradients are in the leaves' `.grad` after an evaluation with them.

    remember: points that are asked for again are not simulated again. masks: environments of a batch that diverge are left out, as long as
    one is left. Both are what the method says of itself.
    """

    def __init__(self, task: Task, *, remember: bool, masks: bool = False, seconds: Mapping[str, float] | None = None) -> None:
        self.task, self.masks, self.kind = task, masks, task.kind
        self.groups = groups_of(task)
        self.leaves = all_leaves(self.groups)
        self.clock, self.failed = Stopwatch(dict(seconds or {})), Failed()
        self.tolerances = {limit.metric: limit.largest for limit in task.limits}
        self.known: deque[Evaluation] = deque(maxlen=REMEMBERED if remember else 0)
        self.latest: Evaluation | None = None
        self.failure: Exception | None = None
        self.diverged: tuple[int, ...] = ()
        self.exact = True
        self.evaluations = 0
        self.candidates = Candidates(task)
        self.growth: dict[str, Growth] = {}
        self.doctor = Doctor()
        self._simulated: LastSeen | None = None
        self._linear: tuple[Sequence[ResidualBlock], Normal] | None = (
            None  # blocks that `linearize` gave last, and their equations
        )
        self._without: tuple[int, ...] = ()  # environments that the trajectory at the end leaves out

    # ---- as an objective

    def evaluate(self, gradient: bool = True) -> float:
        """See `Objective.evaluate`. Raises: InputError for what is wrong at the very first point."""
        known = self._remembered(gradient)
        if known is None:
            try:
                known = self._evaluate(gradient)
            except SIMULATION_FAILURES as error:
                return self.fail(error)
            self.known.append(known)
        self.latest, self.failure, self.diverged, self.exact = known, None, known.diverged, True
        return known.objective

    def values(self, points: np.ndarray) -> np.ndarray:
        """See `Objective.values`."""
        start = perf_counter()
        found = self.candidates.values(points)
        self.evaluations += int(np.isfinite(found).sum())
        self.failure = self.failed.take_values(found)
        self.clock.add("values", start)
        return found

    def linearize(self) -> Sequence[ResidualBlock] | None:
        """See `Objective.linearize`; a block for each loss. Raises: InputError naming a loss that is no sum of squares."""
        expect_squares(self.task.losses)
        for leaf in self.leaves:
            leaf.grad = None
        try:
            blocks, self.latest = self._linearized()
        except SIMULATION_FAILURES as error:
            self.fail(error)
            return None
        self.failure, self.diverged = None, ()
        return blocks

    def normal(self, blocks: Sequence[ResidualBlock]) -> Normal:
        """See `Objective.normal`."""
        if self._linear is None or self._linear[0] is not blocks:
            self._linear = blocks, Normal.of(blocks, sum(leaf.numel() for leaf in self.leaves), 0, 0)
        return self._linear[1]

    @cached_property
    def _control(self) -> TaskControl:
        return TaskControl(self)

    def optimal_control(self) -> TaskControl:
        """See `Objective.optimal_control`."""
        return self._control

    def _linearized(self) -> tuple[list[ResidualBlock], Evaluation]:
        start, here = perf_counter(), point(self.groups)
        known = self._simulated if self._simulated is not None and np.array_equal(self._simulated.point, here) else None
        self._simulated = None
        with self._of_the_optimizer():
            found = self.linearized(None if known is None else known.run)
        gradient = finite_normal(self, found.blocks).gradient().copy()
        start = self.clock.add("linearize", start)
        self.evaluations += 1
        self._give(gradient)
        metrics = self.task.metrics(found.trajectory) if known is None else known.metrics
        evaluation = Evaluation(
            found.objective, found.terms, metrics, self.task.good_enough(metrics), here, gradient,
            self._norms([cast(Tensor, leaf.grad) for leaf in self.leaves]),
        )  # fmt: skip
        self.clock.add("metrics", start)
        return found.blocks, evaluation

    def linearized(self, simulated: tuple[View, Inputs] | None = None) -> Linearized:
        """Residuals with their Jacobian, and what they were taken from; simulated: as in `tasks.linearize.linearize`."""
        return linearize(self.task, simulated=simulated)

    def fail(self, error: Exception) -> float:
        """The answer where there is none."""
        let_go(error)
        self.failure, self.diverged = error, ()
        self.failed.count, self.failed.why = self.failed.count + 1, str(error)
        return math.inf

    def saw(self, terms: dict[str, float], trajectory: View, exact: bool) -> None:
        """The answer of a method that has looked at a trajectory itself; exact: it is that of the present leaves."""
        metrics = self.task.metrics(trajectory)
        good = exact and self.task.good_enough(metrics)
        self.latest = Evaluation(sum(terms.values()), terms, metrics, good, point(self.groups), exact=exact)
        self.failure, self.diverged, self.exact = None, (), exact
        self.evaluations += 1

    def _remembered(self, gradient: bool) -> Evaluation | None:
        """An evaluation of this very point, its gradients put into the leaves."""
        if not self.known:
            return None
        here = point(self.groups)
        for evaluation in reversed(self.known):
            if np.array_equal(evaluation.point, here) and not (gradient and evaluation.gradient is None):
                if gradient:
                    assert evaluation.gradient is not None
                    self._give(evaluation.gradient)
                return evaluation
        return None

    def _give(self, gradient: np.ndarray) -> None:
        """Put a flat gradient into the leaves."""
        parts = torch.from_numpy(gradient.copy()).split([leaf.numel() for leaf in self.leaves])
        for leaf, part in zip(self.leaves, parts, strict=True):
            leaf.grad = part.reshape(leaf.shape).to(leaf)

    def _evaluate(self, gradient: bool) -> Evaluation:
        for leaf in self.leaves:
            leaf.grad = None
        with torch.set_grad_enabled(gradient):
            found = self._find(gradient)
        self.evaluations += 1
        evaluation = Evaluation(
            **vars(found), good=not found.diverged and self.task.good_enough(found.metrics), point=point(self.groups)
        )
        if gradient:
            gradients = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in self.leaves]
            evaluation.gradient, evaluation.norms = flatten(gradients), self._norms(gradients)
        return evaluation

    def _find(self, gradient: bool) -> Judgement:
        """Simulate and judge the present point; gradients are in the leaves' `.grad` afterwards."""
        without: tuple[int, ...] = ()
        while True:
            try:
                return self._find_without(without, gradient)
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
                    self.failed.why = str(error)
                without = lost
                for leaf in self.leaves:
                    leaf.grad = None

    def _find_without(self, without: tuple[int, ...], gradient: bool) -> Judgement:
        """The same for all but some environments."""
        start = perf_counter()
        with self._of_the_optimizer():
            judged = self.task.judge(without) if without else self.task.judge()
        objective = float(judged.objective.detach())
        start = self.clock.add("forward", start)
        if gradient:
            if not judged.objective.requires_grad:
                raise InputError(NOT_REACHED)
            judged.objective.backward()
            start = self.clock.add("backward", start)
        found = Judgement(
            objective=objective,
            terms={name: float(value.detach()) for name, value in judged.terms.items()},
            metrics=self.task.metrics(judged.trajectory),
            by_step=judged.inputs.gradient_by_step() if gradient else None,
            diverged=without,
        )
        if gradient:
            envs = self.task.setting.batch[0] if self.task.setting.batch else 1
            found.health = health_of(judged.inputs, found.by_step, envs, len(without))
            self.doctor.look(found.health)
        if not gradient and not without:
            self._simulated = LastSeen(point(self.groups), (judged.trajectory, judged.inputs), found.metrics)
        self.clock.add("metrics", start)
        return found

    @contextmanager
    def _of_the_optimizer(self) -> Iterator[None]:
        """Raises: DivergenceError where the optimizer, not the user, has made values that cannot be simulated."""
        try:
            yield
        except InputError as error:
            if self.evaluations == 0:
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

    def forget(self) -> None:
        """Another function is lowered from now on: nothing that was found of the former one is known."""
        self.known.clear()
        self._simulated, self._linear = None, None

    # ---- for the loop

    def signature(self) -> dict[str, Any]:
        """Kind of the task, names of the learned parameters."""
        return {"task": self.kind, "parameters": [group.name for group in self.groups]}

    def stages(self) -> Sequence[Stage]:
        """One, from where the parameters are."""
        return [Stage()]

    def enter(self, stage: Stage, *, goes_on: bool = False) -> None:
        """Nothing differs."""

    def enough(self, step: int) -> Ending | None:
        """The method and the loop decide."""
        return None

    def settle(self) -> None:
        """The motion of the leaves, where the last answer was that of a path with gaps."""
        if self.latest is not None and not self.latest.exact:
            self.evaluate(gradient=False)

    def counts(self) -> dict[str, int]:
        """Evaluations that were simulated and had a value."""
        return {"evaluations": self.evaluations}

    def shown(self) -> Mapping[str, Shown]:
        """The learned parameters."""
        return {name: parameter for name, parameter in self.task.parameters.items() if parameter.learn}

    def verdict(self, ending: Ending, best: Best | None) -> Verdict:
        """What failed, or whether the best point is good enough."""
        if ending.error is not None:
            status = OVERFLOWED if isinstance(ending.error, ContactOverflowError) else DIVERGED
            return Verdict(status, ending.reason, ending.error)
        if not self.tolerances:
            return Verdict(FINISHED, ending.reason)
        return Verdict(CONVERGED if best is not None and best.good else NOT_CONVERGED, ending.reason)

    def conclude(self, best: Best, asked: Callable[[], bool]) -> None:
        """The trajectory at the end leaves out what the best point leaves out."""
        self._without = best.diverged
        if not asked() and not best.diverged and "first" in self.growth:
            start = perf_counter()
            self.note_growth("final", growth_of(self.task))
            self.clock.add("growth", start)

    def arrays(self) -> dict[str, np.ndarray]:
        """Parameters, their trajectory, what the numbers mean, how small changes grow along it, and feedback where steps were driven."""
        driven = self._control.feedback() if "_control" in self.__dict__ else {}
        told = {**meaning_arrays(self.task), **dof_arrays(self.task), **self.curves()}
        return {**self.point_arrays(), **self.trajectory(), **told, **{f"feedback/{name}": x for name, x in driven.items()}}

    def point_arrays(self) -> dict[str, np.ndarray]:
        """Parameters."""
        return parameter_arrays(self.task)

    def trajectory(self) -> dict[str, np.ndarray]:
        """As `trajectory_arrays`."""
        return trajectory_arrays(self.task, self._without)

    def files(self) -> dict[str, bytes]:
        """What tasks of this kind leave beside."""
        return EXTRA_FILES[self.kind](self.task) if self.kind in EXTRA_FILES else {}

    def summary(self) -> dict[str, Any]:
        """How small changes grow along the first and the final motion, and how far soft constraints are violated."""
        growth = {"growth": {name: one.content() for name, one in self.growth.items()}} if self.growth else {}
        return growth | soft_violations(self.task, self._without)

    def curves(self) -> dict[str, np.ndarray]:
        """log10 of the growth at each step."""
        return {GROWTH + name: growth.logs for name, growth in self.growth.items()}

    def note_growth(self, name: str, found: Growth | None) -> None:
        """To be told: along the first or the final motion."""
        if found is not None:
            self.growth[name] = found

    def state_dict(self) -> dict[str, Any]:
        """Counts from before the present evaluation."""
        return {"evaluations": max(0, self.evaluations - 1)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.evaluations = state["evaluations"]


def groups_of(task: Task) -> list[Group]:
    """What a method moves: the learned parameters of a task."""
    return [
        Group(
            name, parameter.leaves(), parameter.leaf_bounds(), parameter.lr, parameter.project,
            in_time=isinstance(parameter, OpenLoop) and parameter.in_time,
        )
        for name, parameter in task.parameters.items()
        if parameter.learn
    ]  # fmt: skip
