"""A task with hard constraints as a problem of the loop: rounds that make them hold.

for each round: minimise objective + Σ ψ(constraint), update ψ;    until they hold and the cost stays as it is
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from genesis.constraints import Violation
from genesis.errors import SIMULATION_FAILURES
from genesis.methods.method import Ending, Needs
from genesis.problems.problem import FINISHED, NOT_CONVERGED, Best, Stage, Verdict
from genesis.runners.evaluate import TaskProblem
from genesis.tasks import Task
from genesis.view import View

ITERATIONS: dict[Needs, int] = {"residuals": 50, "gradient": 300, "values": 300, "optimal_control": 50}
SAME = 1e-4  # change of the cost, over its size, from one round to the next that is none
# Rounds in which the worst violation has not fallen by a tenth, under a weight so many times the first one, after which it cannot be met.
STUCK, HEAVY, FALLS = 4, 1e3, 0.9
TINY = 1e-300  # keeps a tolerance out of a division by zero
HOLD = "the constraints hold, and the cost stays as it is"


@dataclass(frozen=True)
class Rounds:
    """How hard constraints are made to hold. weight: of violations at first, in objectives of the start. rounds, iterations (of a round;
    None: `ITERATIONS` by what the method needs): at most; `Stop` limits each round too."""

    rounds: int = 20
    weight: float = 1e-3
    iterations: int | None = None


class ConstraintRounds:
    """The rounds of a task's hard constraints. worst, cost: the largest violation over its tolerance, and the cost, at the start of each.
    violations: of the best point."""

    def __init__(self, task: Task, weight: float) -> None:
        self.task, self.constraints, self.weight = task, task.constraints, weight
        self.worst: list[float] = []
        self.cost: list[float] = []
        self.violations: list[Violation] = []

    def enter(self, number: int) -> None:
        """Weights and multipliers of a round, made at the present free numbers where it is a new one."""
        constraints = self.constraints
        if number >= len(self.worst):
            view = self._look()
            if len(self.worst) == 1:
                constraints.begin(self.weight, 0.0 if view is None else abs(self.cost[0]), view)
            elif view is None:
                constraints.repeat_round()
            else:
                constraints.next_round(view)
        constraints.go_to(min(number, constraints.rounds - 1))

    def _look(self) -> View | None:
        """The motion of the present free numbers, whose violation and cost are kept; None where it has no value."""
        try:
            with torch.no_grad():
                judged = self.task.judged(*self.task.simulate(), {})
        except SIMULATION_FAILURES:
            self.worst.append(float("inf"))
            self.cost.append(float("nan"))
            return None
        metrics, limits = self.task.metrics(judged.trajectory), self.constraints.limits()
        self.worst.append(max(metrics[name] / max(limits[name], TINY) for name in limits))
        self.cost.append(self.task.cost({name: float(term) for name, term in judged.terms.items()}))
        return judged.trajectory

    def settled(self) -> bool:
        """They held at the starts of the last two rounds, with one cost."""
        if len(self.worst) < 3 or max(self.worst[-2:]) > 1.0:
            return False
        before, now = self.cost[-2:]
        return abs(now - before) <= SAME * max(abs(now), abs(before))

    def stuck(self) -> bool:
        """They cannot be made to hold, so far as rounds can tell."""
        heavy = any(law.weight >= HEAVY * law.first for _, _, law in self.constraints.laws())
        recent = self.worst[1:][
            -STUCK - 1 :
        ]  # the start knows nothing of the price, and may violate less than what a low one leaves
        return heavy and len(recent) > STUCK and min(recent[1:]) > max(FALLS * recent[0], 1.0)

    def state_dict(self) -> dict[str, Any]:
        return {"laws": self.constraints.state_dict(), "worst": list(self.worst), "cost": list(self.cost)}

    def load_state_dict(self, state: dict[str, Any], number: int) -> None:
        """number: of the round that goes on."""
        self.constraints.load_state_dict(state["laws"])
        self.worst, self.cost = list(state["worst"]), list(state["cost"])
        self.constraints.go_to(min(number, self.constraints.rounds - 1))

    def conclude(self, best: Best) -> None:
        """What the best point, which is in the leaves, costs without the prices of violations, and where these are largest."""
        try:
            with torch.no_grad():
                judged = self.task.judge(best.diverged)
        except SIMULATION_FAILURES:
            return
        best.objective = self.task.cost({name: float(term) for name, term in judged.terms.items()})
        left = torch.tensor(self.task.left(best.diverged)) if best.diverged else None
        self.violations = self.constraints.violations(judged.trajectory, left)

    def summary(self) -> dict[str, Any]:
        """The largest violation of each quantity, with its place."""
        return {"constraints": {one.metric: one.content(self.task.setting.dt) for one in self.violations}}


def unbroken(task: Task, found: Verdict, ending: Ending, best: Best | None) -> Verdict:
    """The verdict on a task, but never success where a hard constraint does not hold."""
    if ending.error is not None or best is None:
        return found
    broken = [name for name, largest in task.constraints.limits().items() if not best.metrics.get(name, math.inf) <= largest]
    if broken:
        text = ", ".join(f"{name} {best.metrics.get(name, math.inf):.3g}" for name in broken)
        return Verdict(NOT_CONVERGED, f"{ending.reason}; constraints do not hold: {text}")
    return found if task.goal.limits else Verdict(FINISHED, ending.reason)


class ConstrainedProblem(TaskProblem):
    """See `genesis.problems.problem.Problem`. While it runs, the objective has the prices of violations in it; in the end it is the cost."""

    def __init__(self, task: Task, asked: Rounds, iterations: int, **options: Any) -> None:
        super().__init__(task, **options)
        self.asked, self.iterations = asked, iterations
        self.rounds, self.round = ConstraintRounds(task, asked.weight), 0

    def signature(self) -> dict[str, Any]:
        """That of the task, and its hard constraints."""
        return {**super().signature(), "constraints": self.task.constraints.hard}

    def stages(self) -> Sequence[Stage]:
        """Rounds, each from the best point of the one before."""
        return [Stage(f"round {k + 1} of {self.asked.rounds}", None, k) for k in range(self.asked.rounds)]

    def enter(self, stage: Stage, *, goes_on: bool = False) -> None:
        """The multipliers of that round."""
        self.forget()
        self.round = stage.round
        if not goes_on:
            self.rounds.enter(stage.round)

    def enough(self, step: int) -> Ending | None:
        """The constraints hold and nothing changes any more; they cannot be met; or the iterations of the round are used up."""
        if step == 0 and self.rounds.settled():
            return Ending(True, HOLD, last=True)
        if step == 0 and self.rounds.stuck():
            return Ending(False, "more weight does not bring the constraints any closer", last=True)
        if step >= self.iterations:
            return Ending(False, f"the {self.iterations} iterations of the round are used up")
        return None

    def verdict(self, ending: Ending, best: Best | None) -> Verdict:
        """That of the task, but never success where a hard constraint does not hold."""
        return unbroken(self.task, super().verdict(ending, best), ending, best)

    def conclude(self, best: Best, asked: Callable[[], bool]) -> None:
        """Also what the constraints come to."""
        super().conclude(best, asked)
        self.rounds.conclude(best)

    def summary(self) -> dict[str, Any]:
        """Also the largest violations."""
        return {**super().summary(), **self.rounds.summary()}

    def state_dict(self) -> dict[str, Any]:
        """Also the multipliers of each round."""
        return {**super().state_dict(), "rounds": self.rounds.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.rounds.load_state_dict(state["rounds"], self.round)
