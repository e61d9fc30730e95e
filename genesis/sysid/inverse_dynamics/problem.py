"""An identification from torques as a problem of the loop: it begins at its linear least squares, and methods go on from there.

Where everything is linear but that bodies must exist, the start is the minimum already, and the method says so at its first look.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from genesis.errors import InputError
from genesis.problems.problem import CONVERGED, Best, Stage, Verdict
from genesis.sysid.identification import SysidProblem
from genesis.sysid.inverse_dynamics.answer import torque_answer
from genesis.sysid.inverse_dynamics.equations import TorqueOptions
from genesis.sysid.inverse_dynamics.residuals import TorqueResiduals
from genesis.sysid.residuals import Residuals
from genesis.sysid.trust import verdict_of


def _silent(text: str) -> None:
    """Nothing is shown."""


@dataclass
class TorqueProblem(SysidProblem):
    """See `SysidProblem`; the groups are the learned parameters, no start states. tell: takes what is going on, in a few words.

    Raises: InputError for starts and mini-batches, which need simulations.
    """

    options: TorqueOptions = field(default_factory=TorqueOptions)
    tell: Callable[[str], None] = _silent

    def __post_init__(self) -> None:
        self.torques = TorqueResiduals(self.problem, self.options, self.tell)
        if self.starts.equation_error or self.starts.candidates > 0:
            raise InputError(
                "starts: residual=torque begins at its own linear least squares and simulates nothing; leave starts.equation_error and "
                "starts.candidates out."
            )
        if self.problem.shooting.mini_batch is not None:
            raise InputError("shooting.mini_batch: residual=torque has no windows; leave it null.")
        if self.problem.shooting.before:
            raise InputError("shooting.curriculum: residual=torque has no windows; leave it out.")
        if self.asked.profile:
            raise InputError("statistics.profile: residual=torque has intervals of standard errors alone; leave it empty.")
        super().__post_init__()
        self.gap_weight, self.rounds = 0.0, 1

    def made_residuals(self) -> Residuals:
        """Forces in place of windows."""
        return self.torques.residuals()

    def stages(self) -> Sequence[Stage]:
        """One, from the linear least squares, or from the start where that costs less in all terms (what is not linear is held there)."""
        since = perf_counter()
        residuals = self.squares.residuals
        guess = self.torques.solution.free
        self.first = residuals.cost(self.start)
        begin = guess if residuals.cost(guess) <= self.first or not math.isfinite(self.first) else self.start
        self.clock.add("linear least squares", since)
        return [Stage("torques", begin)]

    def enter(self, stage: Stage, *, goes_on: bool = False) -> None:
        """Nothing changes between stages."""

    def conclude(self, best: Best, asked: Callable[[], bool]) -> Verdict | None:
        """The answer at the best point, and what its fit makes of convergence."""
        since = perf_counter()
        self.first = self.squares.residuals.cost(self.start)
        self.answer = torque_answer(self.torques, self.start, self.squares.x, self.asked.fit)
        if self.ended is not None and self.ended.status == CONVERGED:
            self.ended = verdict_of(self.ended, self.answer.fit, self.answer.estimates)
        self.answer.warnings[:0] = [*self.problem.dataset.warnings, *self.warnings]
        self.clock.add("answer", since)
        return self.ended

    def summary(self) -> dict[str, object]:
        """With the relative errors as metrics: the mean over joints of base parameters and of bodies that exist."""
        made = super().summary()
        assert self.answer is not None
        for key in ("base_unseen", "consistent_unseen", "base_validation", "consistent_validation"):
            values = [row[key] for row in self.answer.torque_errors if math.isfinite(row[key])]
            if values:
                made["metrics"][f"relative_error_{key}"] = float(np.mean(values))
        made["linear_floor"] = self.torques.solution.floor
        return made
