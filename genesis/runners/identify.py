"""One identification: starts, rounds of a solver, answers; interruptible, with checkpoints."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import torch

from genesis.errors import InputError
from genesis.parameters import Inputs
from genesis.runners.interrupt import Interrupt
from genesis.runners.record import Journal
from genesis.selection import match
from genesis.sysid.equation_error import EquationError
from genesis.sysid.linearization import FAILURES, Point
from genesis.sysid.multistart import spread_starts
from genesis.sysid.outcome import Fit, compare
from genesis.sysid.problem import Problem
from genesis.sysid.profile import profile_interval
from genesis.sysid.result import Estimate, Identification
from genesis.sysid.solvers import Ended, LeastSquares, Report, Solver
from genesis.sysid.solvers.levenberg_marquardt import LevenbergMarquardt
from genesis.sysid.statistics import Certainty, certainty, estimates

CONVERGED, NOT_CONVERGED, INTERRUPTED = "converged", "not_converged", "interrupted"
STOPPED = "stopped by a signal; the best so far is saved, --resume goes on"
WHITE = 0.2  # of the autocorrelation at lag 1: above it, standard errors of white noise are too small


@dataclass
class Plan:
    """What happens before and after the solver.

    equation_error: start from the parameters that explain the measured torques. candidates: starts spread over the bounds that one
    batched simulation judges, keep: the best of them that the solver starts from. errors: see `statistics.certainty`. profile: glob
    patterns of parameters whose intervals come from the profile likelihood. seconds: largest wall time.
    """

    equation_error: bool = False
    candidates: int = 0
    keep: int = 4
    errors: str = "residual"
    profile: list[str] = field(default_factory=list)
    seconds: float | None = None
    seed: int = 0
    checkpoint_every: int = 10


@dataclass
class Progressed:
    """What observers see once an iteration. iteration: of all starts and rounds; step: of the solver, from this start."""

    iteration: int
    step: int
    cost: float
    first: float
    stage: str
    seconds: float
    simulations: int


class Identify:
    """One run: `run` returns the identification; a record keeps checkpoints and metrics.

    Raises: InputError if a profile is asked of a parameter that is not learned or has none.
    """

    def __init__(
        self, problem: Problem, solver: Solver, plan: Plan, record: Journal | None = None,
        observer: Callable[[Progressed], None] | None = None,
    ) -> None:  # fmt: skip
        self.problem, self.solver, self.plan, self.record, self.observer = problem, solver, plan, record, observer
        self.profiled = _profiled(problem, plan.profile)
        self.interrupt = Interrupt()
        self.best: tuple[float, Point] | None = None
        self.history: list[dict[str, Any]] = []
        self.stage, self.first, self.began = "start", math.nan, perf_counter()
        self.status, self.reason = NOT_CONVERGED, "the iterations are used up"
        self.clock: dict[str, float] = {}
        self.warnings: list[str] = []
        self.starts: list[Point] = []
        self.round, self.start, self.best_start = 0, 0, 0
        self.verdicts: dict[int, tuple[bool, str]] = {}  # of the starts of this round that are done
        self.memory: dict[str, Any] = {}  # what the solver told last

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint. Raises: InputError if it is of another problem or solver."""
        for what, now in (("names", self.problem.names()), ("solver_kind", type(self.solver).__name__)):
            if state.get(what) != now:
                raise InputError(
                    f"checkpoint: its {what} are {state.get(what)}, those of this config {now}; resume needs the same."
                )
        self.history = state["history"][:-1]  # the solver tells its last iteration once more
        self.first, self.problem.simulations = state["first"], state["simulations"]
        self.round, self.start, self.best_start = state["round"], state["start"], state["best_start"]
        self.starts = [_point(p) for p in state["starts"]]
        self.verdicts = {k: (ok, reason) for k, (ok, reason) in state["verdicts"].items()}
        self.memory = {**state["solver"], "point": _point(state["solver"]["point"])}
        self.best = None if state["best"] is None else (state["best"][0], _point(state["best"][1]))

    def run(self) -> Identification:
        """Identify until the end.

        Raises: DivergenceError, ContactOverflowError, InputError if no start can be simulated.
        """
        squares = LeastSquares(self.problem, self.problem.shooting.continuity if self.problem.start is not None else 0.0)
        start = squares.first()
        with self.interrupt:
            try:
                self._solve(squares, start)
            except Ended:
                pass
            except KeyboardInterrupt:
                self.status, self.reason = INTERRUPTED, STOPPED
            except FAILURES as failure:  # in the middle of the way: what was found until then stands
                if self.best is None:
                    raise
                self.status, self.reason = NOT_CONVERGED, str(failure)
            return self._finish(squares, start)

    # ---- the stages

    def _solve(self, squares: LeastSquares, start: Point) -> None:
        """Rounds with growing weight of the gaps; the first from every start, the others from the best point so far."""
        shooting, weight = self.problem.shooting, squares.gap_weight
        rounds = max(1, shooting.rounds) if weight > 0.0 else 1
        memory, goes_on = self.memory, bool(self.memory)
        if not goes_on:
            self.starts = self._starts(squares, start)
        clock = perf_counter()
        for number in range(self.round, rounds):
            squares.gap_weight = weight * shooting.growth**number
            if number > self.round:
                assert self.best is not None
                self.round, self.start, self.verdicts, self.best_start = number, 0, {}, 0
                self.starts = [self.best[1]]
                self.best = math.inf, self.best[1]  # costs under other weights cannot be compared
            for k in range(self.start, len(self.starts)):
                self.start = k
                self.stage = self._stage(rounds)
                point = memory["point"] if goes_on else self.starts[k]
                self.verdicts[k] = self.solver.run(squares, point, self._after, memory if goes_on else None)
                goes_on = False
        converged, self.reason = self.verdicts[self.best_start]
        self.status = CONVERGED if converged else NOT_CONVERGED
        self._spent("solve", clock)
        if self.record is not None:
            self.record.checkpoint(self.state())

    def _stage(self, rounds: int) -> str:
        """What is going on, in words."""
        if len(self.starts) > 1:
            return f"start {self.start + 1} of {len(self.starts)}"
        return f"round {self.round + 1} of {rounds}" if rounds > 1 else "solve"

    def _starts(self, squares: LeastSquares, start: Point) -> list[Point]:
        """Where the solver begins: the start or what the forces say, then the best of the candidates.

        Raises: what the start raises that cannot be simulated, where nothing else can be.
        """
        clock, found = perf_counter(), [start]
        self.first = squares.cost(start)
        if self.plan.equation_error:
            self.stage = "equation error"
            guess = self._from_forces(start)
            if squares.cost(guess) < self.first:
                found = [guess]
        if self.plan.candidates > 0:
            self.stage = "candidates"
            spread = spread_starts(squares, self.plan.candidates, self.plan.keep + 1, self.plan.seed)
            found += [p for p in spread if not np.array_equal(p.z, start.z)][: self.plan.keep]
        if not math.isfinite(self.first):
            if found == [start]:
                squares.blocks(start)
            self.warnings.append("The start cannot be simulated; what was found from other starts stands.")
            found = [p for p in found if p is not start]
        self._spent("starts", clock)
        return found

    def _from_forces(self, start: Point) -> Point:
        """The parameters that explain the applied forces best."""
        last = [Point(start.z.copy())]
        solver = LevenbergMarquardt(iterations=20, cost_tolerance=1e-6)
        solver.run(EquationError(self.problem), last[0], lambda report, _: last.append(report.point))
        return Point(last[-1].z, start.starts)

    def _after(self, report: Report, memory: dict[str, Any]) -> None:
        """One iteration: keep the best, tell, store; raise `Ended` where it must be the last."""
        if self.best is None or report.cost < self.best[0]:
            self.best, self.best_start = (report.cost, report.point), self.start
        self.memory = memory
        row: dict[str, Any] = {
            "iteration": len(self.history), "cost": report.cost, "step": report.step, "damping": report.damping,
            "gradient_norm": report.gradient_norm,
        }  # fmt: skip
        self.history.append(row)
        seconds = perf_counter() - self.began
        if self.record is not None:
            self.record.line({**row, "stage": self.stage, "seconds": round(seconds, 6), "simulations": self.problem.simulations})
        if self.observer is not None:
            self.observer(
                Progressed(
                    len(self.history) - 1,
                    report.iteration,
                    report.cost,
                    self.first,
                    self.stage,
                    seconds,
                    self.problem.simulations,
                )
            )
        late = self.plan.seconds is not None and seconds >= self.plan.seconds
        stop = self.interrupt.asked or late
        if self.record is not None and (stop or len(self.history) % self.plan.checkpoint_every == 0):
            self.record.checkpoint(self.state())
        if self.interrupt.asked:
            self.status, self.reason = INTERRUPTED, STOPPED
        elif late:
            self.status, self.reason = NOT_CONVERGED, f"the {self.plan.seconds:g} seconds are used up"
        if stop:
            raise Ended

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here, in tensors and plain numbers."""
        return {
            "names": self.problem.names(), "solver_kind": type(self.solver).__name__, "round": self.round, "start": self.start,
            "starts": [_stored(p) for p in self.starts], "verdicts": self.verdicts, "best_start": self.best_start,
            "solver": {key: _stored(value) for key, value in self.memory.items()}, "history": self.history, "first": self.first,
            "simulations": self.problem.simulations, "best": None if self.best is None else (self.best[0], _stored(self.best[1])),
        }  # fmt: skip

    # ---- the answer

    def _finish(self, squares: LeastSquares, start: Point) -> Identification:
        clock = perf_counter()
        value, best = self.best if self.best is not None else (self.first, start)
        known = certainty(squares, best, squares.blocks(best), self.plan.errors)
        made = estimates(squares, best, known)
        fit = compare(self.problem, start, best)
        self._profile(squares, best, known, made)
        if self.round > 0:  # both costs under the last weight of the gaps
            self.first = squares.cost(start)
        self._spent("answer", clock)
        return Identification(
            self.status, self.reason, self.first, value, len(self.history), self.problem.simulations,
            {name: round(seconds, 6) for name, seconds in self.clock.items()}, made, self.problem.names(), known.covariance,
            known.correlation, known.singular_values, known.directions, known.identifiable, fit.rmse, fit.traces, fit.whiteness,
            self.history, self._warned(known, made, fit),
        )  # fmt: skip

    def _warned(self, known: Certainty, made: list[Estimate], fit: Fit) -> list[str]:
        """What users should know before they trust the answer."""
        said = [*self.problem.dataset.warnings, *self.warnings]
        correlated = [w.label for w in fit.whiteness if w.lag1 > WHITE]
        if known.errors != self.plan.errors:
            said.append(
                f"statistics.errors={self.plan.errors} needs more windows than parameters: standard errors are those of white residuals. "
                "A shorter shooting.window makes more of them."
            )
        elif correlated and known.errors == "residual":
            said.append(
                f"The residuals of {', '.join(correlated[:4])} are correlated in time (the model is not the whole truth): standard errors "
                "are too small. statistics.errors=clustered takes that into account."
            )
        return said + [f"{e.name}: {e.note}." for e in made if e.note in ("no effect on any residual", "not identifiable alone")]

    def _profile(self, squares: LeastSquares, best: Point, known: Certainty, made: list[Estimate]) -> None:
        """Replace intervals by those of the profile likelihood where they were asked for; a signal ends it."""
        for k in self.profiled:
            estimate = made[k]
            unknown = next(u for u, _, part in self.problem.slices if part.start <= k < part.stop)
            width = estimate.std / max(abs(estimate.value), 1e-300) if unknown.log else estimate.std
            if self.interrupt.asked or not math.isfinite(width):
                continue
            low, high = profile_interval(squares, best, k, known.noise, width)
            estimate.low, estimate.high = (math.exp(low), math.exp(high)) if unknown.log else (low, high)

    def _spent(self, phase: str, since: float) -> None:
        self.clock[phase] = self.clock.get(phase, 0.0) + perf_counter() - since


def _profiled(problem: Problem, patterns: list[str]) -> list[int]:
    """Numbers of the parameters that the patterns choose. Raises: UnknownNameError, InputError for one without a profile."""
    if not patterns:
        return []
    names = problem.names()
    chosen = match("statistics.profile", "parameter", patterns, names)
    for unknown, _, part in problem.slices:
        inside = [k for k in chosen if part.start <= k < part.stop]
        if unknown.coupled and inside:
            raise InputError(
                f"statistics.profile: {names[inside[0]]} is one of several numbers that are learned together and has no profile; "
                "choose parameters of other kinds."
            )
        if unknown.smooth and inside:
            raise InputError(f"{unknown.where}.transform: smooth bounds have no profile (statistics.profile); use clamp.")
    return chosen


def identified_parameters(problem: Problem, point: Point) -> dict[str, np.ndarray]:
    """Physical parameters of the whole scene with the estimates in them, by core name.

    Those that each recording has of its own keep their described values.
    """
    made, z = Inputs(described=problem.described), torch.as_tensor(point.z)
    with torch.no_grad():
        parts = {id(unknown): z[part] for unknown, recording, part in problem.slices if recording is None}
        for unknown in problem.unknowns.values():
            if not unknown.each_recording:
                unknown.with_leaves([parts.get(id(unknown), unknown.free.detach())]).apply(made)
    return {name: value.numpy() for name, value in made.physical.items()}


def _stored(value: Any) -> Any:
    """Points and arrays as tensors, which are written and read safely; lists of them too."""
    if isinstance(value, Point):
        return torch.as_tensor(value.z), None if value.starts is None else torch.as_tensor(value.starts)
    if isinstance(value, list):
        return [_stored(item) for item in value]
    return torch.as_tensor(value) if isinstance(value, np.ndarray) else value


def _point(stored: tuple) -> Point:
    z, starts = stored
    return Point(z.numpy().copy(), None if starts is None else starts.numpy().copy())


__all__ = ["Identify", "Plan", "Progressed", "identified_parameters"]
