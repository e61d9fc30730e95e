"""Whether an answer is a minimum: a descent that begins anew there, with fresh damping, must not get far.

One damped Gauss-Newton step from the answer tells, which costs one Jacobian and one simulation. Where it lowers the cost, or moves an
estimate by what matters, the descent goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from genesis.methods.levenberg_marquardt import LevenbergMarquardt
from genesis.methods.method import move, point
from genesis.sysid.objective import LeastSquaresObjective

FALL = 0.01  # of the cost, by which a restart is lower
MOVED = 0.5  # standard deviations of an estimate
MOST = 50  # steps of a descent that goes on


@dataclass(frozen=True)
class Restarted:
    """A lower point than the answer: x (n,), its value and that of the answer; moved: standard deviations by which the estimate ``name``
    went, the most of all; ended: the descent came to an end there."""

    x: np.ndarray
    before: float
    value: float
    name: str
    moved: float
    ended: bool

    @property
    def words(self) -> str:
        """What happened."""
        far = f", {self.name} moved by {self.moved:.2g} standard deviations" if self.moved > MOVED else ""
        return f"a restart from the answer went lower: objective {self.before:.6g} -> {self.value:.6g}{far}"


def restarted(objective: LeastSquaresObjective, deviation: np.ndarray, asked: Callable[[], bool]) -> Restarted | None:
    """From the present leaves, which stay where they are; None where the answer holds, or nothing can be told.

    deviation (n,): standard deviations of the natural values, nan: not known. asked: whether the user wants to stop.
    """
    best = point(objective.groups)
    try:
        return _restarted(objective, best, deviation, asked)
    finally:
        move(objective.groups, best)


def _restarted(
    objective: LeastSquaresObjective, best: np.ndarray, deviation: np.ndarray, asked: Callable[[], bool]
) -> Restarted | None:
    method = LevenbergMarquardt()
    method.init(objective)
    before, ended, steps = objective.evaluate(gradient=False), False, 0
    while steps < MOST and not asked():
        ended = (method.look() or method.step()) is not None
        steps += 1
        if ended:
            break
        if steps == 1 and not _matters(objective, best, before, deviation):
            return None
    value = objective.evaluate(gradient=False)
    name, moved = _moved(objective, best, deviation)
    if not (np.isfinite(value) and value < before and (before - value > FALL * before or moved > MOVED)):
        return None
    return Restarted(point(objective.groups), before, value, name, moved, ended)


def _matters(objective: LeastSquaresObjective, best: np.ndarray, before: float, deviation: np.ndarray) -> bool:
    """Whether the first step is worth going on."""
    value = objective.evaluate(gradient=False)
    return bool(before - value > FALL * before or _moved(objective, best, deviation)[1] > MOVED)


def _moved(objective: LeastSquaresObjective, best: np.ndarray, deviation: np.ndarray) -> tuple[str, float]:
    """The estimate that has moved most, in standard deviations."""
    problem = objective.problem
    old, new = (problem.natural(torch.as_tensor(problem.split(x)[0])).numpy() for x in (best, point(objective.groups)))
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(np.isfinite(deviation) & (deviation > 0.0), np.abs(new - old) / deviation, 0.0)
    k = int(np.argmax(far)) if len(far) else 0
    return (problem.names()[k], float(far[k])) if len(far) else ("", 0.0)
