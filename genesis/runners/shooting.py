"""A task by multiple shooting as a problem of the loop: rounds that close the gaps, then the motion of one rollout.

for each round: minimise objective + ψ(gaps), update ψ;    at the end: close the motion, and judge what one rollout makes of it
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from genesis.errors import SIMULATION_FAILURES, InputError
from genesis.grad.growth import growth, growth_of_segments
from genesis.grad.tensor import plain
from genesis.log import logger
from genesis.methods.method import Ending, Needs, move, point
from genesis.parameters import Inputs
from genesis.problems.problem import Best, Stage, Verdict
from genesis.runners.closing import Closing, close_motion
from genesis.runners.constrained import ConstraintRounds, unbroken
from genesis.runners.evaluate import TaskProblem
from genesis.runners.growth import Growth, noise_limit
from genesis.scene.linear import deviations
from genesis.scene.segments import Segments
from genesis.tasks import Task
from genesis.tasks.guess import goal_state
from genesis.tasks.linearize import Linearized
from genesis.tasks.nodes import Nodes
from genesis.tasks.segment_guess import INTERPOLATION, ROLLOUT, expect_guess, guess_states
from genesis.tasks.segmented import SegmentedTask, expect_one_open_loop
from genesis.view import View

AUTO = "auto"
ITERATIONS = {"residuals": 50, "gradient": 300, "values": 300}
SAMPLED = 16  # states of a path that are looked at
ONE_ROLLOUT = "one rollout"  # label of the last stage


@dataclass(frozen=True)
class MultipleShooting:
    """Whether and how the motion of a task is cut.

    segments: number; auto: as many as it takes that changes grow by at most `growth` in each, none where single shooting has a chance.
    guess: see `genesis.tasks.segment_guess`. weight: of the gaps at first, in objectives of the start for one [rad | m, rad/s | m/s].
    rounds, iterations (of a round; None: `ITERATIONS` by what the method needs): at most; `Stop` limits each round too.
    tolerance: gap that counts as none.
    """

    segments: int | str = AUTO
    guess: Any = ROLLOUT
    growth: float = 100.0
    weight: float = 0.1
    rounds: int = 10
    iterations: int | None = None
    tolerance: float = 1e-6


class ShootingProblem(TaskProblem):
    """See `genesis.problems.problem.Problem`. Everything told of the last stage is of the motion of one rollout; before, of one in pieces."""

    task: SegmentedTask

    def __init__(self, task: SegmentedTask, asked: MultipleShooting, iterations: int, *, weight: float, **options: Any) -> None:
        super().__init__(task, **options)
        self.asked, self.iterations = asked, iterations
        self.constraints = ConstraintRounds(task, weight) if task.constraints.hard else None
        self.round = 0
        self.closing: Closing | None = None
        self.good = False  # what one rollout makes of it, in the end

    @property
    def whole(self) -> bool:
        """The stage of the motion of one rollout."""
        return self.round == self.asked.rounds

    def values(self, points: np.ndarray) -> np.ndarray:
        """See `Objective.values`; one launch for the segments of a point."""
        here, found = point(self.groups), np.full(len(points), math.inf)
        for k, one in enumerate(points):
            move(self.groups, one)
            try:
                with torch.no_grad():
                    found[k] = float(self.task.judge().objective)
            except (*SIMULATION_FAILURES, InputError):
                continue
        move(self.groups, here)
        self.evaluations += int(np.isfinite(found).sum())
        self.failure = self.failed.take_values(found)
        return found

    def linearized(self, simulated: tuple[View, Inputs] | None = None) -> Linearized:
        """See `TaskProblem.linearized`."""
        return self.task.linearize(simulated)

    # ---- for the loop

    def signature(self) -> dict[str, Any]:
        """That of the task, and the segments."""
        return {**super().signature(), "segments": self.task.segments.count}

    def stages(self) -> Sequence[Stage]:
        """Rounds, each from the best point of the one before, and the motion of one rollout."""
        rounds = self.asked.rounds
        made = [Stage(f"round {k + 1} of {rounds}", None, k) for k in range(rounds)]
        return [*made, Stage(ONE_ROLLOUT, None, rounds)]

    def enter(self, stage: Stage, *, goes_on: bool = False) -> None:
        """The multipliers of that round; before the last stage, close the motion."""
        self.forget()
        self.round = stage.round
        self.task.closed = self.whole
        if goes_on:
            return
        if self.constraints is not None:
            self.constraints.enter(stage.round)
        if self.whole:
            self._close()
            return
        law = self.task.law
        if stage.round == len(law.rounds):
            try:
                with torch.no_grad():
                    law.next_round(self.task.gaps())
            except SIMULATION_FAILURES:  # no gaps to learn from
                law.repeat_round()
        law.go_to(stage.round)

    def _close(self) -> None:
        """Make one motion of the pieces. Where they cannot be simulated, the parameters stay as they are."""
        try:
            self.closing = close_motion(self.task)
        except SIMULATION_FAILURES as error:
            self.closing = None
            logger.warning("multiple shooting: the pieces have no motion to close (%s)", error)
        self.task.closed = True

    def enough(self, step: int) -> Ending | None:
        """The pieces fit and are good; or the iterations of the round are used up; or one rollout cannot be improved by its gradient."""
        assert self.latest is not None
        if self.whole:
            noisy = self.closing is not None and self.closing.growth > noise_limit(self.task.setting.start_qpos.dtype)
            return Ending(False, self.closing.reason()) if self.closing is not None and noisy else None
        if self.task.continuous(self.latest.metrics) and (self.tolerances or (self.round > 0 and step == 0)):
            return Ending(True, "the pieces fit")
        if step >= self.iterations:
            return Ending(False, f"the {self.iterations} iterations of the round are used up")
        return None

    def verdict(self, ending: Ending, best: Best | None) -> Verdict:
        """That of the task; where one rollout does not reproduce the motion in pieces, it says so."""
        found = super().verdict(ending, best)
        if self.constraints is not None:
            found = unbroken(self.task, found, ending, best)
        if self.closing is None or self.closing.reproduced or (best is not None and best.good):
            return found
        return Verdict(found.status, self.closing.reason(), found.error)

    def conclude(self, best: Best, asked: Callable[[], bool]) -> None:
        """The motion of one rollout, also where the run ended before; its numbers replace those of the pieces in `best`."""
        if not self.task.closed:
            self._close()
            self.forget()
            value = self.evaluate(gradient=False)
            best.objective, best.point = value, point(self.groups)
            best.metrics = self.latest.metrics if self.latest is not None and math.isfinite(value) else {}
            best.good = math.isfinite(value) and self.latest is not None and self.latest.good
        self.good = best.good
        super().conclude(best, asked)
        if self.constraints is not None:
            self.constraints.conclude(best)

    def arrays(self) -> dict[str, np.ndarray]:
        """Parameters and their trajectory; where one rollout does not reproduce the motion in pieces, that and its feedback."""
        closing = self.closing
        left = closing is not None and not closing.reproduced and not self.good
        return {**super().arrays(), **(closing.arrays() if closing is not None and left else {})}

    def summary(self) -> dict[str, Any]:
        """Also segments, the largest gap, and what the closing found."""
        closing = {} if self.closing is None else self.closing.content()
        constraints = {} if self.constraints is None else self.constraints.summary()
        return {**super().summary(), **constraints, "multiple_shooting": {"segments": self.task.segments.count, **closing}}

    def state_dict(self) -> dict[str, Any]:
        """Also the multipliers of each round."""
        closing = None if self.closing is None else self.closing.state_dict()
        constraints = None if self.constraints is None else self.constraints.state_dict()
        return {**super().state_dict(), "law": self.task.law.state_dict(), "closing": closing, "constraints": constraints}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.task.law.load_state_dict(state["law"])
        self.task.law.go_to(min(self.round, len(self.task.law.rounds) - 1))
        if self.constraints is not None:
            self.constraints.load_state_dict(state["constraints"], self.round)
        self.closing = None if state["closing"] is None else Closing.of_state(state["closing"])


def expect_possible(task: Task, asked: MultipleShooting) -> None:
    """Raises: InputError for a number of segments or a guess that no motion of this task has, also where nothing is cut."""
    count, horizon = asked.segments, task.setting.horizon
    if count != AUTO and (not isinstance(count, int) or isinstance(count, bool)):
        raise InputError(f"multiple_shooting.segments: {count!r} is not allowed; allowed: auto, or a whole number from 1 on.")
    if isinstance(count, int) and not 1 <= count <= horizon:
        raise InputError(
            f"multiple_shooting.segments: {count} is not possible in {horizon} steps; allowed: 1 to {horizon}, or auto."
        )
    expect_guess(task, asked.guess)


def segmented(
    task: Task, asked: MultipleShooting, needs: Needs, first: Growth | None, *, further: bool = False
) -> SegmentedTask | None:
    """The task in pieces, None where it stays whole.

    Args:
        asked: as `expect_possible` allows it. needs: of the method. first: growth along the first motion, None where it is not known.
        further: other descents follow, which are of a whole motion.
    Raises: InputError for a task that cannot be cut, or a guess that it does not have.
    """
    if asked.segments == 1:
        return None
    if asked.segments != AUTO:
        if needs == "optimal_control":
            raise InputError(
                "multiple_shooting: this optimizer drives the motion step by step already; use multiple_shooting.segments=auto."
            )
        if further:
            raise InputError(
                "multiple_shooting: cut motions have rounds of their own, and restarts and polish are none of them; "
                "set multiple_shooting.segments=1, or leave restarts and polish out."
            )
        expect_one_open_loop(task)
        return _cut(task, asked, int(asked.segments), guess_states(task, asked.guess))
    if needs == "optimal_control" or first is None:
        return None
    why = _stays_whole(task, needs, further)
    if why is not None:
        if first.largest > first.limit:
            logger.info(
                "small changes grow by %.1e along the first motion, too much for its gradient, and it is not cut into segments: %s",
                10.0 ** min(first.largest, 300.0), why,
            )  # fmt: skip
        return None
    straight = None if goal_state(task) is None else guess_states(task, INTERPOLATION)
    worst = first.largest if straight is None else max(first.largest, growth_of_way(task, straight))
    if worst <= first.limit:
        return None
    states, horizon = guess_states(task, asked.guess), task.setting.horizon
    ways = [tangent_steps_of(task, way) for way in (states, straight) if way is not None]
    count = 2
    while count < horizon // 2 and max(_log_growth(way, count) for way in ways) > math.log10(asked.growth):
        count = min(2 * count, horizon // 2)
    logger.info(
        "multiple shooting in %d segments: small changes grow by %.1e over the horizon of %d steps, too much for single shooting "
        "(multiple_shooting.segments=1 tries it nevertheless).",
        count, 10.0 ** min(worst, 300.0), horizon,
    )  # fmt: skip
    return _cut(task, asked, count, states)


def _stays_whole(task: Task, needs: Needs, further: bool) -> str | None:
    """Why `auto` does not cut it, however much changes grow."""
    if further:
        return "restarts and polish are of a whole motion; leave them out, or use optimizer=ddp."
    if needs == "values":
        return "this optimizer takes values alone; multiple_shooting.segments=N cuts it, optimizer=ddp or levenberg_marquardt suits it."
    try:
        expect_one_open_loop(task)
    except InputError as error:
        return str(error)
    return None


def _cut(task: Task, asked: MultipleShooting, count: int, states: tuple[torch.Tensor, torch.Tensor]) -> SegmentedTask:
    segments = Segments(task.setting.horizon, count)
    first = torch.from_numpy(segments.starts[1:])
    nodes = Nodes(task.setting.scene.rigid_solver.model, *(x[first].contiguous() for x in states))
    made = SegmentedTask(task, segments, nodes, 1.0, asked.tolerance)
    made.law.begin(asked.weight * max(_objective(task), _objective(made), 1e-6))
    return made


def _objective(task: Task) -> float:
    """Its magnitude at the present parameters; 0 where there is none."""
    try:
        with torch.no_grad():
            terms = task.judged(*task.simulate(), {}).terms
            return abs(task.cost({name: float(term) for name, term in terms.items()}))
    except SIMULATION_FAILURES:
        return 0.0


def growth_of_way(task: Task, states: tuple[torch.Tensor, torch.Tensor]) -> float:
    """log10 of the growth along a path, from a few of its states, each with the steps around it."""
    setting = task.setting
    some = np.unique(np.linspace(0, setting.horizon - 1, min(SAMPLED, setting.horizon)).round().astype(int))
    nearest = np.abs(np.arange(setting.horizon)[:, None] - some).argmin(1)
    directions = torch.eye(2 * setting.start_qvel.shape[-1])
    made = []
    with torch.no_grad():
        for k in some:
            q, v = (x[int(k)] for x in states)
            run = setting.scene.rollout(torch.zeros(1, len(v)).to(v), kind=setting.control, qpos=q, qvel=v)
            made.append(deviations(run, directions)[1, 0].mT.double().cpu().numpy())
    return float(growth(np.stack(made)[nearest][:, None])[-1, 0])


def tangent_steps_of(task: Task, states: tuple[torch.Tensor, torch.Tensor]) -> np.ndarray:
    """(T, 2nv, 2nv) linearised steps at the states of a path, without controls."""
    setting = task.setting
    controls = torch.zeros(setting.horizon, setting.start_qvel.shape[-1], dtype=setting.start_qvel.dtype)
    with torch.no_grad():
        path = setting.scene.trajectory(*states, controls, kind=setting.control)
    made: np.ndarray = plain(path.linearization().state).double().cpu().numpy()
    return made


def _log_growth(steps: np.ndarray, count: int) -> float:
    """log10 of the largest growth in one of `count` segments."""
    return growth_of_segments(steps, Segments(len(steps), count).starts)
