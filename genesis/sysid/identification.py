"""An identification as a problem of the loop: where it begins, rounds with growing weight of gaps, mini-batches, and its answer."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np
import torch

from genesis.errors import ContactOverflowError, DivergenceError, InputError
from genesis.methods.method import Ending, Group, flatten, move, point
from genesis.methods.optimal_control import OptimalControl
from genesis.methods.residuals import Normal, ResidualBlock
from genesis.problems.problem import (
    CONVERGED,
    DIVERGED,
    NOT_CONVERGED,
    OVERFLOWED,
    Best,
    Evaluation,
    Failed,
    Shown,
    Stage,
    Stopwatch,
    Verdict,
)
from genesis.sysid.answer import Asked, answer_of, answer_without_intervals, identified_parameters
from genesis.sysid.curriculum import of_shorter_windows
from genesis.sysid.equation_error import linear_start
from genesis.sysid.mini_batch import mini_batch_terms
from genesis.sysid.multistart import spread_starts
from genesis.sysid.objective import LeastSquaresObjective
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import FAILURES, Residuals, of_windows
from genesis.sysid.restart import restarted
from genesis.sysid.result import Answer
from genesis.sysid.shown import shown_of
from genesis.sysid.trust import verdict_of

DIVERGES = (
    "the windows of the last stage (shooting.window) cannot be simulated at the estimates, so that these have no intervals: end in longer "
    "stages of shooting.curriculum, or with a shorter window"
)


@dataclass
class Starts:
    """equation_error: begin with the parameters that explain the measured torques; force: also where the description costs less.
    candidates: points spread over the bounds that one batched simulation judges, keep: the best of them that a descent begins from."""

    equation_error: bool = False
    force: bool = False
    candidates: int = 0
    keep: int = 4


@dataclass
class SysidProblem:
    """See `genesis.problems.problem.Problem`. Groups: each learned parameter, then the start states if they are free.

    Args:
        problem: what is simulated. starts: where to begin. asked: what the answer is to tell.
        seed: of candidates and mini-batches. seconds: time spent before, by phase.

    Raises: InputError if a profile is asked of a parameter that is not learned or has none, UnknownNameError.
    """

    problem: RecordingProblem
    starts: Starts = field(default_factory=Starts)
    asked: Asked = field(default_factory=Asked)
    seed: int = 0
    seconds: Mapping[str, float] | None = None

    kind = "sysid"

    def __post_init__(self) -> None:
        shooting = self.problem.shooting
        self.gap_weight = shooting.continuity if self.problem.nt else 0.0
        self.rounds = max(1, shooting.rounds) if self.gap_weight > 0.0 else 1
        self.shorter = [(length, of_shorter_windows(self.problem, length)) for length in shooting.before]
        self.squares = LeastSquaresObjective(self.made_residuals())
        self.groups: list[Group] = self.squares.groups
        self.failure: Exception | None = None
        self.exact = True
        self.diverged: tuple[int, ...] = ()  # always: a window that diverges is a failure of the point
        self.start = self.squares.residuals.first()
        self.profiled = self.asked.profiled(self.problem)
        self.latest: Evaluation | None = None
        self.failed, self.clock = Failed(), Stopwatch(dict(self.seconds or {}))
        self.tolerances: dict[str, float] = {}
        self.first = math.nan  # cost of the start under the present weight of the gaps
        self.round, self.drawn = 0, 0  # drawn: mini-batches of the present stage
        self.warnings: list[str] = []
        self.history: list[dict[str, Any]] = []
        self.random = np.random.default_rng(self.seed)
        self.answer: Answer | None = None
        self.ended: Verdict | None = None
        self._before = self._counted()

    def made_residuals(self) -> Residuals:
        """What is squared at first."""
        return of_windows(self.problem, self.gap_weight)

    # ---- as an objective

    def evaluate(self, gradient: bool = True) -> float:
        """See `Objective.evaluate`; with `gradient` that of a mini-batch, where `shooting.mini_batch` says so."""
        self._before = self._counted()
        if gradient and self.problem.shooting.mini_batch is not None:
            return self._mini_batch(self.problem.shooting.mini_batch)
        value = self.squares.evaluate(gradient)
        return self._said() if math.isfinite(value) else self._fails(self.squares.failure)

    def linearize(self) -> Sequence[ResidualBlock] | None:
        """See `Objective.linearize`."""
        self._before = self._counted()
        blocks = self.squares.linearize()
        if blocks is None:
            self._fails(self.squares.failure)
        else:
            self._said()
        return blocks

    def normal(self, blocks: Sequence[ResidualBlock]) -> Normal:
        """See `Objective.normal`."""
        return self.squares.normal(blocks)

    def optimal_control(self) -> OptimalControl:
        """See `Objective.optimal_control`."""
        return self.squares.optimal_control()

    def values(self, points: np.ndarray) -> np.ndarray:
        """See `Objective.values`."""
        found = self.squares.values(points)
        self.failure = self.failed.take_values(found)
        return found

    def _said(self) -> float:
        """The evaluation of what the squares have found."""
        found = self.squares.found
        assert found is not None
        self._latest(found.value, found.terms, found.gradient)
        return found.value

    def _latest(self, value: float, terms: dict[str, float], gradient: np.ndarray | None, exact: bool = True) -> None:
        norms, first = {}, 0
        for group in self.groups if gradient is not None else ():
            last = first + sum(leaf.numel() for leaf in group.leaves)
            norms[group.name] = float(np.linalg.norm(gradient[first:last]))  # type: ignore[index]
            first = last
        self.failure, self.exact = None, exact
        self.latest = Evaluation(value, terms, {}, False, point(self.groups), gradient, norms, exact=exact)

    def _fails(self, failure: Exception | None) -> float:
        self.failure, self.failed.count, self.failed.why = failure, self.failed.count + 1, str(failure)
        return math.inf

    def _mini_batch(self, size: int) -> float:
        """Value and gradient of some windows, now and then with the whole cost in place of that value."""
        squares, (free, tangents) = self.squares, self.problem.split(self.squares.x)
        z = torch.tensor(free, requires_grad=True)
        starts = None if tangents is None else torch.tensor(tangents, requires_grad=True)
        try:
            terms = mini_batch_terms(self.problem, z, starts, size, self.random)
            leaves = [z] if starts is None else [z, starts]
            slopes = torch.autograd.grad(torch.stack(list(terms.values())).sum(), leaves, materialize_grads=True)
        except FAILURES as failure:
            if isinstance(failure, InputError) and self.latest is None:
                raise
            return self._fails(failure)
        told, gradient = {name: float(term.detach()) for name, term in terms.items()}, flatten(slopes)
        value = sum(told.values())
        if not (math.isfinite(value) and np.isfinite(gradient).all()):
            return self._fails(DivergenceError("the cost of a mini-batch or its gradient is not finite.", quantity="residuals"))
        exact = self.drawn % self.problem.shooting.whole_every == 0
        if exact:
            value = squares.evaluate(gradient=False)
            if squares.found is None or not math.isfinite(value):
                return self._fails(squares.failure)
            told = squares.found.terms
        squares.put_gradient(gradient)
        self.drawn += 1
        self._latest(value, told, gradient, exact)
        return value

    # ---- for the loop

    def signature(self) -> dict[str, Any]:
        """What is learned, by name."""
        return {"names": self.problem.names()}

    def stages(self) -> Sequence[Stage]:
        """Windows that grow, then rounds with growing weight of the gaps; the first from every start, the others from the best so far."""
        since = perf_counter()
        found = self._starts()
        self.clock.add("starts", since)
        several = [f"start {k + 1} of {len(found)}" for k in range(len(found))]
        rounds = [f"round {k + 1} of {self.rounds}" for k in range(self.rounds)] if self.rounds > 1 else ["solve"]
        lengths = [f"windows of {length:g} s" for length, _ in self.shorter]
        if lengths and self.rounds == 1:
            rounds = [f"windows of {self.problem.shooting.window:g} s"]
        only, *others = lengths + rounds
        labels = several if len(found) > 1 else [only]
        made = [Stage(label, x) for label, x in zip(labels, found, strict=True)]
        return made + [Stage(label, None, k + 1) for k, label in enumerate(others)]

    def _starts(self) -> list[np.ndarray]:
        """The start or what the forces say, then the best of the candidates.

        Raises: what the start raises that cannot be simulated, where nothing else can be.
        """
        residuals = self.shorter[0][1] if self.shorter else self.squares.residuals
        start, asked = self.start, self.starts
        found, self.first = [start], residuals.cost(self.start)
        if asked.equation_error:
            guess = self._from_forces()
            value = residuals.cost(guess)
            if value < self.first or asked.force:
                found = [guess]
            else:
                self.warnings.append(
                    f"starts.equation_error: the parameters that explain the torques cost {value:.5g} in simulation, the described ones "
                    f"{self.first:.5g}, so that the run begins with these. starts.force=true begins with the others; residual=torque gives "
                    "their answer itself."
                )
        if asked.candidates > 0:
            spread = spread_starts(residuals, asked.candidates, asked.keep + 1, self.seed)
            found += [x for x in spread if not np.array_equal(x, start)][: asked.keep]
        if not math.isfinite(self.first):
            if all(x is start for x in found):
                residuals.blocks(start, False)
                raise DivergenceError("the residuals at the start are not finite, but the simulation is.", quantity="residuals")
            self.warnings.append("The start cannot be simulated; what was found from other starts stands.")
            found = [x for x in found if x is not start]
        return found

    def _from_forces(self) -> np.ndarray:
        """The parameters that explain the applied forces best, start states as measured."""
        return np.concatenate([linear_start(self.problem), self.start[self.problem.n :]])

    def enter(self, stage: Stage, *, goes_on: bool = False) -> None:
        """The windows or the weight of the gaps in that round; a stage begins with an exact evaluation."""
        self.drawn = 0
        if stage.round != self.round or (self.shorter and not stage.round):
            self.round, later = stage.round, stage.round - len(self.shorter)
            if later < 0:
                self.squares.replace(self.shorter[stage.round][1])
            else:
                self.squares.replace(of_windows(self.problem, self.gap_weight * self.problem.shooting.growth**later))

    def enough(self, step: int) -> Ending | None:
        """The method decides."""
        return None

    def settle(self) -> None:
        """The whole cost in place of that of a mini-batch."""
        latest = self.latest
        if latest is None or latest.exact:
            return
        value = self.squares.evaluate(gradient=False)
        if self.squares.found is None or not math.isfinite(value):
            self._fails(self.squares.failure)
            return
        self.latest = replace(latest, objective=value, terms=self.squares.found.terms, exact=True)

    def counts(self) -> dict[str, int]:
        """Simulated windows."""
        return {"simulations": self.problem.simulations}

    def shown(self) -> Mapping[str, Shown]:
        """The learned parameters."""
        return shown_of(self.problem, self.squares.x)

    def verdict(self, ending: Ending, best: Best | None) -> Verdict:
        """The method's word; what was found before a failure stands."""
        if best is None:
            status = OVERFLOWED if isinstance(ending.error, ContactOverflowError) else DIVERGED
            return Verdict(status, ending.reason, ending.error)
        self.ended = Verdict(CONVERGED if ending.converged else NOT_CONVERGED, ending.reason)
        return self.ended

    def conclude(self, best: Best, asked: Callable[[], bool]) -> Verdict | None:
        """The answer at the best point, or at a lower one that a restart from there finds; what its fit makes of convergence."""
        since = perf_counter()
        told = self.round >= len(self.shorter) or self._judge_by_last(best)
        if self.round > 0 or self.shorter:  # both costs under the last weight of the gaps, over the last windows
            self.first = self.squares.residuals.cost(self.start)
        self.answer = (
            self._answer(asked) if told else answer_without_intervals(self.problem, self.start, self.squares.x, self.asked)
        )
        if not told:
            self.warnings.append(DIVERGES)
            if self.ended is not None and self.ended.status == CONVERGED:
                self.ended = Verdict(NOT_CONVERGED, f"{self.ended.reason}; {DIVERGES}")
        if self.ended is not None and self.ended.status == CONVERGED:
            self.ended = self._restart(best, self.ended, asked)
            self.ended = verdict_of(self.ended, self.answer.fit, self.answer.estimates)
        self.answer.warnings[:0] = [*self.problem.dataset.warnings, *self.warnings]
        self.clock.add("answer", since)
        return self.ended

    def _judge_by_last(self, best: Best) -> bool:
        """The run has ended before the last windows: its answer is judged by them all the same, where they can be simulated. Whether so."""
        before = self.squares.residuals
        self.squares.replace(of_windows(self.problem, self.gap_weight))
        value = self.squares.evaluate(gradient=False)
        if math.isfinite(value):
            best.objective = value
            return True
        self.squares.replace(before)
        return False

    def _answer(self, asked: Callable[[], bool]) -> Answer:
        return answer_of(self.squares.residuals, self.start, self.squares.x, self.asked, self.profiled, asked)

    def _restart(self, best: Best, ended: Verdict, asked: Callable[[], bool]) -> Verdict:
        """A descent from the answer with fresh damping; what it finds lower is the answer."""
        assert self.answer is not None
        lower = restarted(self.squares, np.sqrt(np.diag(self.answer.covariance)), asked)
        if lower is None:
            return ended
        move(self.groups, lower.x)
        best.objective, best.point = lower.value, lower.x
        self.answer = self._answer(asked)
        return Verdict(CONVERGED if lower.ended else NOT_CONVERGED, f"{ended.reason}; {lower.words}")

    def arrays(self) -> dict[str, np.ndarray]:
        """Physical parameters of the scene with the estimates in them, estimates with their standard deviations."""
        assert self.answer is not None
        estimates = {f"estimate/{e.name}": np.array([e.value, e.std]) for e in self.answer.estimates}
        return self.point_arrays() | estimates

    def point_arrays(self) -> dict[str, np.ndarray]:
        """Physical parameters of the scene with the present numbers in them."""
        return {f"physical/{name}": value for name, value in self.parameters().items()}

    def parameters(self) -> dict[str, np.ndarray]:
        """Physical parameters of the scene with the estimates in them, by core name."""
        return identified_parameters(self.problem, self.squares.x)

    def files(self) -> dict[str, bytes]:
        """None."""
        return {}

    def curves(self) -> dict[str, np.ndarray]:
        """None."""
        return {}

    def summary(self) -> dict[str, Any]:
        """The answer, the course, and the errors of all recordings as metrics."""
        assert self.answer is not None
        rmse = {f"rmse_{row['split']}_{row['channel']}": row["after"] for row in self.answer.rmse if row["recording"] == "all"}
        return {**self.answer.content(), "objective_first": self.first, "history": self.history, "metrics": rmse}

    def state_dict(self) -> dict[str, Any]:
        """Counts and random numbers from before the present evaluation. The course is not in it, since it grows."""
        return {**self._before, "first": self.first, "warnings": self.warnings}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        self.problem.simulations, self.drawn = state["simulations"], state["drawn"]
        self.random.bit_generator.state = state["random"]
        self.first, self.warnings = state["first"], list(state["warnings"])

    def _counted(self) -> dict[str, Any]:
        return {
            "simulations": self.problem.simulations, "drawn": self.drawn, "random": self.random.bit_generator.state,
        }  # fmt: skip
