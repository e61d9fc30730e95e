"""Learning: a task and a method become a run."""

from collections.abc import Callable, Mapping
from typing import Any

from genesis.methods.method import Method
from genesis.runners.evaluate import TaskProblem
from genesis.runners.loop import Loop, Stop
from genesis.tasks import Task
from genesis.tasks.linearize import expect_squares


def optimization(
    task: Task,
    method: Method,
    stop: Stop,
    *,
    seconds: Mapping[str, float] | None = None,
    problem: Callable[..., TaskProblem] = TaskProblem,
    **options: Any,
) -> Loop:
    """A run that learns the parameters of a task.

    Args:
        seconds: time spent before, by phase. problem: made with the arguments of `TaskProblem`. options: those of `Loop`.
    Raises: InputError for a task that the method cannot learn.
    """
    if method.needs == "residuals":
        expect_squares(task.losses)
    return Loop(problem(task, remember=method.revisits, masks=method.masks, seconds=seconds), method, stop, **options)
