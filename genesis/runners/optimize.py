"""Learning: a task and a method become a run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genesis.methods.method import Method
from genesis.runners.evaluate import TaskProblem
from genesis.runners.further import Further
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
    further: Sequence[Further] = (),
    **options: Any,
) -> Loop:
    """A run that learns the parameters of a task.

    Args:
        seconds: time spent before, by phase. problem: made with the arguments of `TaskProblem`. further, options: those of `Loop`.
    Raises: InputError for a task that one of the methods cannot learn.
    """
    methods = [method, *(one.method for one in further)]
    if any(one.needs == "residuals" for one in methods):
        expect_squares(task.losses)
    remember, masks = any(one.revisits for one in methods), all(one.masks for one in methods)
    return Loop(problem(task, remember=remember, masks=masks, seconds=seconds), method, stop, further=further, **options)
