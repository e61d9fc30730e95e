"""Windows that grow stage by stage: short ones find the way, the last ones, whose cost is the one that counts, tell the answer.

Free start states belong to windows of one length. Before the last stage they stay at their measurements, and the numbers of the last
stage's start states wait where they are, held by r = d.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genesis.methods.residuals import ResidualBlock
from genesis.sysid.linearization import evaluate
from genesis.sysid.population import population_costs
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import Residuals


def of_shorter_windows(problem: RecordingProblem, window: float) -> Residuals:
    """The residuals of a problem whose windows last `window` seconds, at flat points of `problem`. Counts what it simulates there.

    Raises: InputError for a window shorter than two steps.
    """
    shooting = replace(problem.shooting, window=window, curriculum=None, continuity=0.0)
    short = replace(problem, shooting=shooting, start=None, simulations=0, windows=[], batches=[])

    def counted() -> None:
        problem.simulations, short.simulations = problem.simulations + short.simulations, 0

    def blocks(x: np.ndarray, jacobian: bool) -> list[ResidualBlock]:
        try:
            made = evaluate(short, x[: problem.n], jacobian)
        finally:
            counted()
        return made + _waiting(problem, x[problem.n :], jacobian)

    def costs(points: Sequence[np.ndarray]) -> np.ndarray:
        try:
            return population_costs(short, [x[: problem.n] for x in points])
        finally:
            counted()

    return Residuals(problem, blocks, problem.nt, costs)


def _waiting(problem: RecordingProblem, tangents: np.ndarray, jacobian: bool) -> list[ResidualBlock]:
    nt, count = problem.nt, len(tangents)
    if not nt:
        return []
    made = ResidualBlock("start", tangents.copy(), window=np.repeat(np.arange(count // nt), nt))
    if jacobian:
        made.z, made.start = np.zeros((count, problem.n)), np.tile(np.eye(nt), (count // nt, 1))
    return [made]
