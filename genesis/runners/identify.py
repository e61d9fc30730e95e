"""One identification: starts, rounds of a solver, answers; interruptible, with checkpoints."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.runners.interrupt import Interrupt
from genesis.runners.record import Journal
from genesis.sysid.equation_error import EquationError
from genesis.sysid.linearization import Point, cost
from genesis.sysid.multistart import spread_starts
from genesis.sysid.outcome import compare
from genesis.sysid.problem import Problem
from genesis.sysid.profile import profile_interval
from genesis.sysid.result import Identification
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
    """What observers see once an iteration."""

    iteration: int
    cost: float
    first: float
    stage: str
    seconds: float
    simulations: int


class Identify:
    """One run: `run` returns the identification; a record keeps checkpoints and metrics."""

    def __init__(
        self, problem: Problem, solver: Solver, plan: Plan, record: Journal | None = None,
        observer: Callable[[Progressed], None] | None = None,
    ) -> None:  # fmt: skip
        self.problem, self.solver, self.plan, self.record, self.observer = problem, solver, plan, record, observer
        self.interrupt = Interrupt()
        self.best: tuple[float, Point] | None = None
        self.history: list[dict[str, Any]] = []
        self.stage, self.first, self.began = "start", math.nan, perf_counter()
        self.status, self.reason = NOT_CONVERGED, "the iterations are used up"
        self.clock: dict[str, float] = {}
        self.resumed: dict[str, Any] = {}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint. Raises: InputError if it is of another problem."""
        names = self.problem.names()
        if state.get("names") != names:
            raise InputError(
                f"checkpoint: identifies {state.get('names')}, this config {names}; resume needs the same parameters."
            )
        self.resumed = state
        self.history, self.first = state["history"], state["first"]
        self.problem.simulations = state["simulations"]
        self.best = None if state["best"] is None else (state["best"][0], _point(state["best"][1]))

    def run(self) -> Identification:
        """Identify until the end.

        Raises: DivergenceError, ContactOverflowError, InputError if the start cannot be simulated.
        """
        squares = LeastSquares(self.problem, self.problem.shooting.continuity if self.problem.start is not None else 0.0)
        start = squares.first()
        with self.interrupt:
            clock = perf_counter()
            if not self.resumed:
                self.first = cost(squares.blocks(start))
            self._spent("start", clock)
            try:
                self._solve(squares, start)
            except Ended:
                pass
            except KeyboardInterrupt:
                self.status, self.reason = INTERRUPTED, STOPPED
            return self._finish(squares, start)

    # ---- the stages

    def _solve(self, squares: LeastSquares, start: Point) -> None:
        rounds = max(1, self.problem.shooting.rounds) if squares.gap_weight > 0.0 else 1
        begin = int(self.resumed.get("round", 0))
        starts = [_point(self.resumed["solver"]["point"])] if self.resumed.get("solver") else self._starts(squares, start)
        memory = _restored(self.resumed.get("solver"))
        clock = perf_counter()
        for number in range(begin, rounds):
            self.round = number
            squares.gap_weight = squares.gap_weight * (self.problem.shooting.growth if number > begin else 1.0)
            if number == begin and begin:
                squares.gap_weight *= self.problem.shooting.growth**begin
            if number > begin or begin:
                self.best = None if number > begin else self.best  # costs with other weights cannot be compared
            done: list[tuple[bool, str]] = []
            for k, point in enumerate(starts):
                self.stage = (
                    f"start {k + 1} of {len(starts)}"
                    if len(starts) > 1
                    else (f"round {number + 1} of {rounds}" if rounds > 1 else "solve")
                )
                done.append(self.solver.run(squares, point, self._after, memory))
                memory = None
            assert self.best is not None
            starts = [self.best[1]]
            converged = any(ok for ok, _ in done)
            self.status, self.reason = (CONVERGED if converged else NOT_CONVERGED), done[-1][1]
        self._spent("solve", clock)

    def _starts(self, squares: LeastSquares, start: Point) -> list[Point]:
        clock, found = perf_counter(), [start]
        if self.plan.equation_error:
            self.stage = "equation error"
            torques = EquationError(self.problem)
            last = [Point(start.z.copy())]
            LevenbergMarquardt(iterations=20, cost_tolerance=1e-6).run(
                torques, Point(start.z.copy()), lambda report, _: last.append(report.point)
            )
            guess = Point(last[-1].z, start.starts)
            if squares.cost(guess) < squares.cost(start):
                found = [guess]
        if self.plan.candidates > 0:
            self.stage = "candidates"
            spread = spread_starts(squares, self.plan.candidates, self.plan.keep + 1, self.plan.seed)
            found += [p for p in spread if not np.array_equal(p.z, start.z)][: self.plan.keep]
        self._spent("starts", clock)
        return found

    def _after(self, report: Report, state: dict[str, Any]) -> None:
        """One iteration: keep the best, tell, store; raise `Ended` where it must be the last."""
        if self.best is None or report.cost < self.best[0]:
            self.best = (report.cost, report.point)
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
                Progressed(len(self.history) - 1, report.cost, self.first, self.stage, seconds, self.problem.simulations)
            )
        late = self.plan.seconds is not None and seconds >= self.plan.seconds
        stop = self.interrupt.asked or late
        if self.record is not None and (stop or len(self.history) % self.plan.checkpoint_every == 0):
            self.record.checkpoint(self.state(state))
        if self.interrupt.asked:
            self.status, self.reason = INTERRUPTED, STOPPED
        elif late:
            self.status, self.reason = NOT_CONVERGED, f"the {self.plan.seconds:g} seconds are used up"
        if stop:
            raise Ended

    def state(self, solver: dict[str, Any]) -> dict[str, Any]:
        """Everything needed to go on from here."""
        return {
            "names": self.problem.names(), "round": getattr(self, "round", 0), "solver": _stored(solver), "history": self.history,
            "first": self.first, "simulations": self.problem.simulations,
            "best": None if self.best is None else (self.best[0], _stored_point(self.best[1])),
        }  # fmt: skip

    # ---- the answer

    def _finish(self, squares: LeastSquares, start: Point) -> Identification:
        clock = perf_counter()
        value, best = self.best if self.best is not None else (self.first, start)
        blocks = squares.blocks(best)
        known = certainty(squares, best, blocks, self.plan.errors)
        made = estimates(squares, best, known)
        fit = compare(self.problem, start, best)
        self._profiled(squares, best, known, made)
        self._spent("answer", clock)
        warnings = [*self.problem.dataset.warnings]
        correlated = [w.label for w in fit.whiteness if w.lag1 > WHITE]
        if correlated and self.plan.errors == "residual":
            warnings.append(
                f"The residuals of {', '.join(correlated[:4])} are correlated in time (the model is not the whole truth): standard errors "
                "are too small. statistics.errors=clustered takes that into account."
            )
        warnings += [f"{e.name}: {e.note}." for e in made if e.note in ("no effect on any residual", "not identifiable alone")]
        return Identification(
            self.status, self.reason, self.first, value, len(self.history), self.problem.simulations,
            {name: round(seconds, 6) for name, seconds in self.clock.items()}, made, self.problem.names(), known.covariance,
            known.correlation, known.singular_values, known.directions, known.identifiable, fit.rmse, fit.traces, fit.whiteness,
            self.history, warnings,
        )  # fmt: skip

    def _profiled(self, squares: LeastSquares, best: Point, known: Certainty, made: list) -> None:
        """Replace intervals by those of the profile likelihood where they were asked for."""
        from genesis.selection import match

        if not self.plan.profile:
            return
        names = self.problem.names()
        for k in match("statistics.profile", "parameter", self.plan.profile, names):
            estimate = made[k]
            unknown = next(u for u, _, part in self.problem.slices if part.start <= k < part.stop)
            width = estimate.std / max(abs(estimate.value), 1e-300) if unknown.log else estimate.std
            if not math.isfinite(width):
                continue
            low, high = profile_interval(squares, best, k, known.noise, width)
            estimate.low, estimate.high = (math.exp(low), math.exp(high)) if unknown.log else (low, high)

    def _spent(self, phase: str, since: float) -> None:
        self.clock[phase] = self.clock.get(phase, 0.0) + perf_counter() - since


def identified_parameters(problem: Problem, point: Point) -> dict[str, np.ndarray]:
    """Physical parameters of the whole scene with the estimates in them, by core name."""
    import torch

    with torch.no_grad():
        target = problem.targets(torch.as_tensor(point.z))[0]
    return {name: target.value(name).numpy() for name in target.physical}


def _stored_point(point: Point) -> tuple:
    import torch

    return torch.as_tensor(point.z), None if point.starts is None else torch.as_tensor(point.starts)


def _point(stored: Any) -> Point:
    if isinstance(stored, Point):
        return stored
    z, starts = stored
    return Point(z.numpy().copy(), None if starts is None else starts.numpy().copy())


def _stored(solver: dict[str, Any]) -> dict[str, Any]:
    """A solver's memory as what `torch.save` writes and reads safely; CMA-ES pickles itself."""
    made = dict(solver)
    made["point"] = _stored_point(made["point"])
    if "search" in made:
        made["search"] = made["search"].pickle_dumps()
    if "center" in made:
        import torch

        made["center"] = torch.as_tensor(made["center"])
    return made


def _restored(solver: dict[str, Any] | None) -> dict[str, Any] | None:
    if solver is None:
        return None
    made = dict(solver)
    if "search" in made:
        import pickle

        made["search"] = pickle.loads(made["search"])
        made["center"] = made["center"].numpy()
    return made


__all__ = ["Identify", "Plan", "Progressed", "identified_parameters"]
