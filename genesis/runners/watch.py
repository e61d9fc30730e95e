"""An observer that shows the best and the present motion while a run looks for better ones."""

from collections.abc import Callable
from time import perf_counter

import torch

from genesis.errors import SIMULATION_FAILURES
from genesis.methods.method import move, point
from genesis.replay.replay import Replay
from genesis.runners.evaluate import groups_of
from genesis.runners.iteration import IterationReport
from genesis.runners.replay import LAST, replay_of_task
from genesis.tasks import Task

EVERY = 0.5  # between two looks, at least [s]
SHARE = 0.05  # of the time of a run that looking may take
PRESENT = "present"


class Watch:
    """Observer: hands a replay to ``show`` at most twice a second, and so seldom that simulating it takes at most `SHARE` of the time.

    look: makes the replay of an iteration, None where there is nothing to be seen; it leaves all as it was. torch's random numbers go on as
    if nobody looked: a run that is watched is the same run.
    """

    def __init__(self, look: Callable[[IterationReport], Replay | None], show: Callable[[Replay, str], None]) -> None:
        self.look, self.show = look, show
        self.due = 0.0

    def __call__(self, report: IterationReport) -> None:
        """Look, if it is time to."""
        began = perf_counter()
        if began < self.due:
            return
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            replay = self.look(report)
        spent = perf_counter() - began
        if replay is not None:
            self.show(replay, told(report))
        self.due = perf_counter() + max(EVERY, spent * (1.0 / SHARE - 1.0))


def told(report: IterationReport) -> str:
    """An iteration in words."""
    stage = f"{report.stage}, " if report.stage else ""
    best = "" if report.best is None else f", best {report.best.objective:.4g} (iteration {report.best.iteration})"
    return f"{stage}iteration {report.iteration}: objective {report.evaluation.objective:.4g}{best}"


def motions_of(task: Task, report: IterationReport, *, title: str) -> Replay | None:
    """The best motion so far of a task, with the present one behind it; None where it cannot be simulated."""
    groups = groups_of(task)
    here = point(groups)
    best = here if report.best is None or report.best.point.shape != here.shape else report.best.point
    try:
        move(groups, best)
        made = replay_of_task(task, title=title, last=here)
    except SIMULATION_FAILURES:
        return None
    finally:
        move(groups, here)
    for take in made.takes:
        take.name = PRESENT if take.name == LAST else take.name
    for line in made.polylines:
        line.take = PRESENT if line.take == LAST else line.take
    return made
