"""Learning: a task and a method become a run."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from genesis.methods.method import Method
from genesis.runners.evaluate import TaskProblem
from genesis.runners.growth import growth_of
from genesis.runners.loop import Loop, Stop
from genesis.runners.shooting import ITERATIONS, MultipleShooting, ShootingProblem, segmented
from genesis.tasks import Task
from genesis.tasks.linearize import expect_squares


def optimization(
    task: Task,
    method: Method,
    stop: Stop,
    *,
    seconds: Mapping[str, float] | None = None,
    shooting: MultipleShooting | None = None,
    problem: Callable[..., TaskProblem] = TaskProblem,
    **options: Any,
) -> Loop:
    """A run that learns the parameters of a task.

    Args:
        seconds: time spent before, by phase. shooting: how the motion is cut into segments; None: not, and nothing is said of growth.
        problem: made with the arguments of `TaskProblem`. options: those of `Loop`.
    Raises: InputError for a task that the method cannot learn.
    """
    if method.needs == "residuals":
        expect_squares(task.losses)
    made: dict[str, Any] = dict(remember=method.revisits, masks=method.masks, seconds=seconds)
    if shooting is None or problem is not TaskProblem:  # several tasks together: each as it is
        return Loop(problem(task, **made), method, stop, **options)
    start = perf_counter()
    first = growth_of(task)
    pieces = segmented(task, shooting, method.needs, first)
    if pieces is None:
        found = TaskProblem(task, **made)
    else:
        found = ShootingProblem(pieces, shooting, shooting.iterations or ITERATIONS[method.needs], **made)
    found.note_growth("first", first)
    found.clock.add("growth", start)
    return Loop(found, method, stop, **options)
