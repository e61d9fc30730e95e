"""The loop of every run: look, report, step; stop when good enough or when told to; keep the best; go on after a break.

    for each stage: enter, init; look, report, stop?, step, look, report, …

How a method or a run ends is a value. Nothing unwinds the loop but a second Ctrl-C, wrong input at the very first point, and bugs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch

from genesis.errors import InputError
from genesis.methods.method import Ending, Method, all_leaves, move, point
from genesis.problems.problem import CONVERGED, FINISHED, INTERRUPTED, STOPPED, Best, Evaluation, Problem, Stage, Verdict
from genesis.runners.checkpoint import FORMAT, expect_checkpoint
from genesis.runners.divergences import Divergences
from genesis.runners.further import Course, Further, planned
from genesis.runners.interrupt import Interrupt
from genesis.runners.iteration import IterationReport, Observer
from genesis.runners.record import Record, versions
from genesis.runners.standing import Standing


@dataclass
class Stop:
    """When a run ends; see the schema of the command line for each field. Iterations and patience are counted in each stage."""

    iterations: int = 300
    seconds: float | None = None
    when_converged: bool = True
    patience: int | None = None
    min_delta: float = 0.0


@dataclass
class Result:
    """How a run ended.

    status: converged, does_not_fit, not_converged, finished (no tolerance to meet), interrupted, diverged, pruned, …
    counts: what was spent (evaluations, simulations). divergences: counts of `genesis.runners.divergences.Divergences`.
    error: what failed, if something did. summary: what the problem has to say beside. stages: what each came to, if there were several.
    """

    status: str
    reason: str
    iterations: int
    objective_first: float | None
    objective_best: float | None
    objective_last: float | None
    best_iteration: int | None
    metrics: dict[str, float]
    tolerances: dict[str, float]
    seconds: dict[str, float]
    seed: int
    counts: dict[str, int]
    divergences: dict[str, Any]
    summary: dict[str, Any] = field(default_factory=dict)
    stages: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=versions)
    error: Exception | None = None

    @property
    def succeeded(self) -> bool:
        """Converged, or nothing to converge to."""
        return self.status in (CONVERGED, FINISHED)

    @property
    def evaluations(self) -> int:
        """Of the objective."""
        return self.counts.get("evaluations", 0)

    def content(self) -> dict[str, Any]:
        """For result.json."""
        plain = {name: value for name, value in vars(self).items() if name not in ("counts", "summary", "stages", "error")}
        return {**plain, **self.counts, **({"stages": self.stages} if self.stages else {}), **self.summary}


class Loop:
    """One run of a method on a problem.

    Args:
        problem: what is lowered, and what is known of it. method: what lowers it; it is initialised here.
        further: descents that follow those of the problem, each with its method; all have the iterations and patience of `stop`.
        stop: when to end. record: the run folder, or None.
        checkpoint_every: iterations between checkpoints.
        seed: stored with the result.
        signals: Ctrl-C and SIGTERM ask this run to stop (in the main thread).

    Raises: InputError for a problem that the method cannot lower.
    """

    def __init__(
        self,
        problem: Problem,
        method: Method,
        stop: Stop,
        *,
        further: Sequence[Further] = (),
        record: Record | None = None,
        observers: Sequence[Observer] = (),
        checkpoint_every: int = 50,
        seed: int = 0,
        signals: bool = True,
    ) -> None:
        self.problem, self.stop, self.record, self.observers = problem, stop, record, observers
        self.further, self.methods, self.course = tuple(further), [method, *(one.method for one in further)], Course()
        self.checkpoint_every, self.seed = checkpoint_every, seed
        self.divergences, self.standing = Divergences(), Standing(stop.min_delta)
        self.stages: list[Stage] = []
        self.endings: dict[int, Ending] = {}
        self.number = self.step = self.iteration = 0
        self.reported = -1  # last iteration that was reported
        self.goes_on = False  # within a stage, from a checkpoint
        self.first: float | None = None
        self.first_before: float | None = None  # without the present evaluation
        self.last: float | None = None
        self.interrupt = Interrupt(signals)
        self.began = perf_counter()
        self.seconds_before = 0.0
        for one in reversed(self.methods):  # what one of them cannot lower is said before anything runs
            one.init(problem)

    @property
    def method(self) -> Method:
        """That of the present stage."""
        return self.methods[self.stages[self.number].method if self.stages else 0]

    @property
    def best(self) -> Best | None:
        """The best point so far."""
        return self.standing.best

    def run(self) -> Result:
        """Work until the end; the best point is in the leaves afterwards, and in the record.

        Raises: InputError for what is found wrong at the very first point; whatever a user's code raises.
        """
        self.began = perf_counter()
        if self.record is not None:
            self.record.begin(self.iteration, self.problem)
        try:
            with self.interrupt:
                try:
                    verdict = self._stages()
                except KeyboardInterrupt:
                    verdict = Verdict(INTERRUPTED, STOPPED)
                return self._finish(verdict)
        finally:
            if self.record is not None:
                self.record.end(self.iteration)

    # ---- stages

    def _stages(self) -> Verdict:
        """One after the other; what the one with the best point means for the run."""
        self.stages = self.stages or planned(self.problem.stages(), self.further)
        own, done = sum(stage.method == 0 for stage in self.stages), False
        for number in range(self.number, len(self.stages)):
            if done and number < own:
                continue
            self.number = number
            if not self.goes_on:
                self._enter()
            self.goes_on = False
            ended = self._descend()
            if isinstance(ended, Verdict):
                return ended
            self.endings[number], done = ended, ended.last
            self.course.leave(ended.reason)
        last, best = self.number, self.best
        of_last_round = best is not None and self.stages[best.stage].round == self.stages[last].round
        return self.problem.verdict(self.endings[best.stage if best is not None and of_last_round else last], best)

    def _enter(self) -> None:
        """Begin a stage where it wants to begin."""
        stage = self.stages[self.number]
        if self.number and stage.round != self.stages[self.number - 1].round:
            self.standing.new_round()
        begin = stage.begin if stage.begin is not None or self.best is None else self.best.point
        if begin is not None:
            move(self.problem.groups, begin)
        self.standing.new_stage()
        self.course.enter(stage, self.method)
        self.step, self.iteration = 0, self.reported + 1
        self.problem.enter(stage)
        self.method.init(self.problem)

    def _descend(self) -> Ending | Verdict:
        """Look and step in turns: how this stage ended, or the whole run."""
        while True:
            ending = self.method.look()
            if ending is not None and (ending.error or self.problem.failure) is not None:  # no value here
                return ending
            ended = self._report(ending)
            if ended is not None:
                return ended
            self.iteration += 1
            self.step += 1
            ending = self.method.step()
            if ending is not None:
                return ending

    # ---- one iteration

    def _report(self, ending: Ending | None) -> Ending | Verdict | None:
        """Keep, write and tell what the method sees; whether this stage or the run is over."""
        late = self.stop.seconds is not None and self._seconds() >= self.stop.seconds
        if (
            late or ending is not None or self.step >= self.stop.iterations or self.interrupt.asked
        ):  # nothing judges this point later
            self.problem.settle()
        evaluation = self.problem.latest
        assert evaluation is not None
        happened = self.divergences.take(self.iteration, self.problem.failed, evaluation)
        self.first_before = self.first
        if evaluation.exact:
            self.first = evaluation.objective if self.first is None else self.first
            self.last = evaluation.objective
        self.standing.take(evaluation, self.iteration, self.number)
        self.course.take(self.step, evaluation)
        self.reported = self.iteration
        report = self._told(evaluation)
        if self.record is not None:
            self.record.iteration(report, self.problem, happened)
        wishes = [wish for observer in self.observers if (wish := observer(report)) is not None]
        if not all(isinstance(wish, Verdict) for wish in wishes):
            raise TypeError(
                f"an observer returned {wishes[0]!r}; return None to go on, or a genesis.problems.problem.Verdict to end."
            )
        ended = self._ended(report, ending, wishes[0] if wishes else None, late)
        start = perf_counter()
        if self.record is not None and (ended or (self.iteration and self.iteration % self.checkpoint_every == 0)):
            self.record.checkpoint(self.state())
            self.problem.clock.add("record", start)
        return ended

    def _told(self, evaluation: Evaluation) -> IterationReport:
        names = [group.name for group in self.problem.groups]
        rates = dict(zip(names, self.method.learning_rates(), strict=False))
        return IterationReport(
            self.iteration, self.step, self.stop.iterations, self.stages[self.number].label, evaluation, self.best, rates,
            self.method.told(), self._seconds(), self.problem.counts(), self.stages[self.number].round == self.stages[-1].round,
        )  # fmt: skip

    def _ended(self, report: IterationReport, ending: Ending | None, wish: Verdict | None, late: bool) -> Ending | Verdict | None:
        """The first reason for this stage (an ending) or the whole run (a verdict) to be over."""
        stop = self.stop
        if report.evaluation.good and stop.when_converged:
            return Verdict(CONVERGED, "every tolerance is met")
        if self.interrupt.asked:
            return Verdict(INTERRUPTED, STOPPED)
        if wish is not None:
            return wish
        ending = ending or self.problem.enough(self.step)
        if ending is not None:
            return ending
        if self.step >= stop.iterations:
            return Ending(False, f"the {stop.iterations} iterations are used up")
        if late:
            return self.problem.verdict(Ending(False, f"the {stop.seconds:g} seconds are used up"), self.best)
        if stop.patience is not None and self.standing.since_better >= stop.patience:
            return Ending(False, f"no better objective for {stop.patience} iterations")
        return None

    def _seconds(self) -> float:
        return self.seconds_before + perf_counter() - self.began

    # ---- the end

    def _finish(self, verdict: Verdict) -> Result:
        """Put the best back, let the problem conclude, store."""
        problem, best = self.problem, self.best
        self.course.leave(verdict.reason)
        self.divergences.take_rest(self.iteration, problem.failed)
        result = Result(
            status=verdict.status,
            reason=verdict.reason,
            iterations=self.iteration,
            objective_first=self.first,
            objective_best=None if best is None else best.objective,
            objective_last=self.last,
            best_iteration=None if best is None else best.iteration,
            metrics={} if best is None else best.metrics,
            tolerances=problem.tolerances,
            seconds={},
            seed=self.seed,
            counts={},
            divergences=self.divergences.summary(),
            stages=self.course.told(),
            error=verdict.error,
        )
        if best is not None:
            move(problem.groups, best.point)
            if (
                self.record is not None and verdict.status == INTERRUPTED
            ):  # what follows takes time, and one more Ctrl-C would end it
                result.counts = problem.counts()
                self.record.solution(problem.point_arrays())
                self.record.result(result.content())
            if (
                self.stages[best.stage].round != self.stages[self.number].round
            ):  # the new round has found nothing: judge by the old one
                problem.enter(self.stages[best.stage])
            other = problem.conclude(best, lambda: self.interrupt.asked)
            if other is not None and result.status == CONVERGED:
                result.status, result.reason = other.status, other.reason
            result.objective_best, result.metrics = best.objective, best.metrics
            if self.record is not None:
                self.record.solution(problem.arrays())
                self.record.files(problem.files())
                self.record.curves(problem.curves())
            result.summary = problem.summary()
        result.counts = problem.counts()
        result.seconds = {name: round(value, 6) for name, value in {**problem.clock.seconds, "loop": self._seconds()}.items()}
        if self.record is not None:
            self.record.result(result.content())
        return result

    # ---- going on

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here bit by bit: from before the present evaluation, which is made again."""
        stages = [(s.label, None if s.begin is None else torch.from_numpy(s.begin), s.round, s.method) for s in self.stages]
        return {
            "format": FORMAT,
            "signature": self.problem.signature(),
            "shapes": self._shapes(),
            "stages": stages,
            "endings": {number: (ending.converged, ending.reason, None, ending.last) for number, ending in self.endings.items()},
            "number": self.number,
            "step": self.step,
            "iteration": self.iteration,
            "first": self.first_before,
            "point": torch.from_numpy(point(self.problem.groups)),
            "kinds": self._kinds(),
            "course": self.course.state_dict(),
            "method": self.method.state_dict(),
            "problem": self.problem.state_dict(),
            "standing": self.standing.state_dict(),
            "divergences": self.divergences.before,
            "random": torch.get_rng_state(),
            "seconds": self._seconds(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint. Raises: InputError if it is of another problem or method."""
        self._compare(state)
        self.stages = [
            Stage(label, None if begin is None else begin.numpy().copy(), *rest) for label, begin, *rest in state["stages"]
        ]
        self.endings = {number: Ending(*ending) for number, ending in state["endings"].items()}
        self.number, self.step, self.iteration, self.first = (state[k] for k in ("number", "step", "iteration", "first"))
        self.reported, self.goes_on, self.seconds_before = self.iteration - 1, True, state["seconds"]
        move(self.problem.groups, state["point"].numpy())
        self.problem.enter(self.stages[self.number], goes_on=True)
        self.problem.load_state_dict(state["problem"])
        self.method.init(self.problem)
        try:
            self.method.load_state_dict(state["method"])
        except (KeyError, ValueError) as error:
            raise InputError(f"checkpoint: made by another optimizer ({error}); resume needs the same optimizer.") from error
        move(self.problem.groups, state["point"].numpy())  # once more: methods begin within bounds, at times strictly
        self.standing.load_state_dict(state["standing"])
        self.course.load_state_dict(state["course"])
        self.divergences = Divergences(**state["divergences"])
        torch.set_rng_state(state["random"])

    def _compare(self, state: dict[str, Any]) -> None:
        """Raises: InputError for a checkpoint of an earlier format, another method or another problem."""
        expect_checkpoint(state)
        if state["kinds"] != self._kinds():
            made = ", then ".join(dict.fromkeys(state["kinds"]))
            raise InputError(
                f"checkpoint: made by another optimizer ({made}); resume needs the same optimizer, restarts and polish."
            )
        if state["shapes"] != self._shapes():
            raise InputError(
                f"checkpoint: parameters have shapes {state['shapes']}, this task's have {self._shapes()}; "
                "resume needs the same parameters."
            )
        for what, now in self.problem.signature().items():
            if state["signature"].get(what) != now:
                raise InputError(
                    f"checkpoint: its {what} are {state['signature'].get(what)}, those of this config {now}; resume needs the same."
                )

    def _kinds(self) -> list[str]:
        return [one.kind for one in self.methods]

    def _shapes(self) -> list[tuple[int, ...]]:
        return [tuple(leaf.shape) for leaf in all_leaves(self.problem.groups)]
