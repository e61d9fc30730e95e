"""Learning: a task and a method become a run."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

from genesis.errors import InputError
from genesis.methods.method import Method
from genesis.runners.evaluate import TaskProblem
from genesis.runners.further import Further
from genesis.runners.growth import growth_of
from genesis.runners.loop import Loop, Stop
from genesis.runners.optimal_control import driven
from genesis.runners.shooting import AUTO, ITERATIONS, MultipleShooting, ShootingProblem, segmented
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
    further: Sequence[Further] = (),
    **options: Any,
) -> Loop:
    """A run that learns the parameters of a task.

    Args:
        seconds: time spent before, by phase. shooting: how the motion is cut into segments; None: not, and nothing is said of growth.
        problem: made with the arguments of `TaskProblem`. further, options: those of `Loop`.
    Raises: InputError for a task that one of the methods cannot learn.
    """
    methods = [method, *(one.method for one in further)]
    if any(one.needs == "residuals" for one in methods):
        expect_squares(task.losses)
    if any(one.needs == "optimal_control" for one in methods):
        _cut_off(task, methods)
    remember, masks = any(one.revisits for one in methods), all(one.masks for one in methods)
    made: dict[str, Any] = dict(remember=remember, masks=masks, seconds=seconds)
    if shooting is None or problem is not TaskProblem:  # several tasks together: each as it is
        return Loop(problem(task, **made), method, stop, further=further, **options)
    start = perf_counter()
    first = growth_of(task)
    pieces = None if further and shooting.segments == AUTO else segmented(task, shooting, method.needs, first)
    if pieces is None:
        found = TaskProblem(task, **made)
    elif further:
        raise InputError(
            "multiple_shooting: cut motions have rounds of their own, and restarts and polish are none of them; "
            "set multiple_shooting.segments=1, or leave restarts and polish out."
        )
    else:
        found = ShootingProblem(pieces, shooting, shooting.iterations or ITERATIONS[method.needs], **made)
    found.note_growth("first", first)
    found.clock.add("growth", start)
    return Loop(found, method, stop, further=further, **options)


def _cut_off(task: Task, methods: Sequence[Method]) -> None:
    """The bounds of controls that ddp finds are cut off from the first stage on, whichever it is of. Raises: InputError beside lbfgs."""
    own = driven(task.parameters, task.setting.batch[0] if task.setting.batch else None)
    if any(one.kind == "lbfgs" for one in methods) and any(one.bounds() is not None for one in own):
        raise InputError("polish: ddp lets controls lie on their bounds, and lbfgs knows no bounds; take lbfgsb beside it.")
    for one in own:
        one.cut_off()
