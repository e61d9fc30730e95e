"""Learning: a task and a method become a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from genesis.errors import InputError
from genesis.log import logger
from genesis.methods.actor_critic.training import training_of
from genesis.methods.method import Method
from genesis.runners.chunks import ChunkedProblem, Chunks, chunks_of
from genesis.runners.constrained import ITERATIONS as ROUND
from genesis.runners.constrained import ConstrainedProblem, Rounds
from genesis.runners.estimator import EstimatedProblem, GradientOptions, refuse_other_needs
from genesis.runners.evaluate import TaskProblem
from genesis.runners.further import Further
from genesis.runners.growth import growth_of
from genesis.runners.loop import Loop, Stop
from genesis.runners.optimal_control import driven
from genesis.runners.shooting import AUTO, ITERATIONS, MultipleShooting, ShootingProblem, expect_possible, segmented
from genesis.tasks import Task
from genesis.tasks.linearize import expect_squares
from genesis.tasks.segment_guess import ROLLOUT


def optimization(
    task: Task,
    method: Method,
    stop: Stop,
    *,
    seconds: Mapping[str, float] | None = None,
    shooting: MultipleShooting | None = None,
    rounds: Rounds | None = None,
    gradient: GradientOptions | None = None,
    budget_mb: float | None = None,
    problem: Callable[..., TaskProblem] = TaskProblem,
    further: Sequence[Further] = (),
    **options: Any,
) -> Loop:
    """A run that learns the parameters of a task.

    Args:
        seconds: time spent before, by phase. shooting: how the motion is cut into segments; None: not, and nothing is said of growth.
        rounds: how hard constraints are made to hold. gradient: how it is found.
        budget_mb: memory that it may take; None: as much as it needs. problem: made with the arguments of `TaskProblem`.
        further, options: those of `Loop`.
    Raises: InputError for a task that one of the methods cannot learn, or cannot be cut as asked.
    """
    methods = [method, *(one.method for one in further)]
    _expect_learnable(task, methods, shooting)
    remember, masks = any(one.revisits for one in methods), all(one.masks for one in methods)
    made: dict[str, Any] = dict(remember=remember, masks=masks, seconds=seconds)
    gradient = gradient or GradientOptions()
    refuse_other_needs(gradient, {one.kind: one.needs for one in methods})
    shooting = _cut_short(task, gradient, shooting)
    if gradient.estimator != "analytic":
        return Loop(_estimated(task, gradient, problem, shooting, made), method, stop, further=further, **options)
    chunks = None if budget_mb is None else _chunks(task, budget_mb, methods, alone=problem is TaskProblem)
    if chunks is not None:
        return Loop(ChunkedProblem(task, chunks, **made), method, stop, further=further, **options)
    rounds = rounds or Rounds()
    of_round = rounds.iterations or ROUND[method.needs]
    if shooting is None or problem is not TaskProblem:  # several tasks together: each as it is
        if shooting is not None:
            _expect_whole(shooting)
        if task.constraints and problem is not TaskProblem:
            raise InputError(
                f"constraint.{next(iter(task.constraints.all))}: jobs of launcher=batched take losses alone; use another launcher."
            )
        alone = ConstrainedProblem(task, rounds, of_round, **made) if task.constraints.hard else problem(task, **made)
        return Loop(alone, method, stop, further=further, **options)
    start = perf_counter()
    first = growth_of(task)
    pieces = segmented(task, shooting, method.needs, first, further=bool(further))
    found: TaskProblem
    if pieces is not None:
        found = ShootingProblem(pieces, shooting, shooting.iterations or ITERATIONS[method.needs], weight=rounds.weight, **made)
    elif task.constraints.hard:
        found = ConstrainedProblem(task, rounds, of_round, **made)
    else:
        found = TaskProblem(task, **made)
    found.note_growth("first", first)
    found.clock.add("growth", start)
    return Loop(found, method, stop, further=further, **options)


def _expect_learnable(task: Task, methods: Sequence[Method], shooting: MultipleShooting | None) -> None:
    """Also makes it so for ddp. Raises: InputError for a task that one of the methods cannot learn, or that cannot be cut as asked."""
    if shooting is not None:
        expect_possible(task, shooting)
    if any(one.needs == "residuals" for one in methods):
        expect_squares(task.losses)
    if any(one.needs == "optimal_control" for one in methods):
        _cut_off(task, methods)
    for one in methods:
        if one.needs == "episodes":
            training_of(task, one.kind)  # which a task of one motion is not


def _cut_short(task: Task, asked: GradientOptions, shooting: MultipleShooting | None) -> MultipleShooting | None:
    """Tell the task how its gradients are cut; the answer is how its motion is cut then. Raises: InputError for segments beside it."""
    task.setting.truncate, task.setting.clip = asked.truncate, asked.clip
    if asked.truncate is None and asked.clip is None:
        return shooting
    logger.info("gradient: cut or clipped on its way back through time, and no longer that of the objective.")
    if shooting is not None and shooting.segments not in (AUTO, 1):
        raise InputError("gradient.truncate, gradient.clip: are of one rollout; set multiple_shooting.segments=1.")
    return None if shooting is None else replace(shooting, segments=1)


def _chunks(task: Task, budget_mb: float, methods: Sequence[Method], alone: bool) -> Chunks | None:
    """Those that keep the budget; None: it is kept without. Raises: InputError where gradients are not taken in chunks."""
    chunks = chunks_of(task, budget_mb)
    if chunks is None:
        return None
    if not alone or any(one.needs != "gradient" for one in methods) or task.constraints.hard:
        raise InputError(
            "memory.budget_mb: is kept by gradients of one task without hard constraints; use adam, lbfgs or lbfgsb, or leave it out."
        )
    logger.info("memory: %s.", chunks.line())
    return chunks


def _estimated(
    task: Task,
    asked: GradientOptions,
    problem: Callable[..., TaskProblem],
    shooting: MultipleShooting | None,
    made: dict[str, Any],
) -> TaskProblem:
    """The problem of a gradient that is estimated. Raises: InputError beside what has problems of its own."""
    other = None
    if problem is not TaskProblem:
        other = "jobs of launcher=batched are simulated together; use another launcher"
    elif shooting is not None and shooting.segments not in (AUTO, 1):
        other = "a motion in segments has a smooth objective; set multiple_shooting.segments=1"
    elif task.constraints.hard:
        other = f"constraint.{task.constraints.hard[0]} is hard; set its hard to false, which makes a term of it"
    if other is not None:
        raise InputError(f"gradient.estimator: {asked.estimator}, but {other}, or take gradient.estimator=analytic.")
    found = EstimatedProblem(task, asked, **made)
    found.note_growth("first", growth_of(task))
    return found


def _expect_whole(shooting: MultipleShooting) -> None:
    """Raises: InputError where segments are asked for of tasks that are simulated together."""
    if shooting.segments not in (AUTO, 1):
        key, value = "segments", shooting.segments
    elif shooting.guess != ROLLOUT:
        key, value = "guess", shooting.guess
    else:
        return
    raise InputError(
        f"multiple_shooting.{key}: {value!r}, but jobs of launcher=batched stay whole; use another launcher, or leave the key out."
    )


def _cut_off(task: Task, methods: Sequence[Method]) -> None:
    """The bounds of controls that ddp finds are cut off from the first stage on, whichever it is of. Raises: InputError beside lbfgs."""
    own = driven(task.parameters, task.setting.batch[0] if task.setting.batch else None)
    if any(one.kind == "lbfgs" for one in methods) and any(one.bounds() is not None for one in own):
        raise InputError("polish: ddp lets controls lie on their bounds, and lbfgs knows no bounds; take lbfgsb beside it.")
    for one in own:
        one.cut_off()
