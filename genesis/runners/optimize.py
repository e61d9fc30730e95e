"""The loop that learns: evaluate, report, step; stop when good enough; keep the best."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import torch
from torch import Tensor

from genesis.errors import ContactOverflowError, DivergenceError, InputError
from genesis.optimizers import Optimizer
from genesis.runners.divergences import Divergences
from genesis.runners.evaluate import Clock, Evaluation, Evaluator, groups_of
from genesis.runners.excitation import EXTRA_FILES
from genesis.runners.interrupt import Interrupt
from genesis.runners.record import Record, versions
from genesis.runners.solution import parameter_arrays
from genesis.tasks import Task

CONVERGED, NOT_CONVERGED, FINISHED, INTERRUPTED, DIVERGED = "converged", "not_converged", "finished", "interrupted", "diverged"
OVERFLOWED, PRUNED = "too_many_contacts", "pruned"
STOPPED = "stopped by a signal; the best so far is saved, --resume goes on"


@dataclass
class Stop:
    """When the loop ends; see the schema of the command line for each field."""

    iterations: int = 300
    seconds: float | None = None
    when_converged: bool = True
    patience: int | None = None
    min_delta: float = 0.0


@dataclass
class Best:
    """The best point so far: one that meets every tolerance beats one that does not, then one where nothing diverged (environments
    in `diverged` are not in its numbers), then the lower objective."""

    objective: float
    good: bool
    iteration: int
    metrics: dict[str, float]
    point: list[Tensor]
    diverged: tuple[int, ...] = ()


@dataclass
class Report:
    """What observers see once an iteration."""

    iteration: int
    iterations: int
    evaluation: Evaluation
    best: Best
    rates: dict[str, float]
    seconds: float
    evaluations: int


@dataclass(frozen=True)
class Ending:
    """Why an observer wants a run to end."""

    status: str
    reason: str


class Observer(Protocol):
    """Is told about every iteration; may ask for the end after it."""

    def __call__(self, report: Report) -> Ending | None: ...


@dataclass
class Result:
    """How a run ended.

    divergences: counts of `genesis.runners.divergences.Divergences`.
    status: converged, not_converged, finished (no tolerance to meet), interrupted, diverged, pruned, …
    """

    status: str
    reason: str
    iterations: int
    evaluations: int
    objective_first: float | None
    objective_best: float | None
    objective_last: float | None
    best_iteration: int | None
    metrics: dict[str, float]
    tolerances: dict[str, float]
    seconds: dict[str, float]
    seed: int
    divergences: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=versions)

    @property
    def succeeded(self) -> bool:
        """Converged, or nothing to converge to."""
        return self.status in (CONVERGED, FINISHED)


class _Ended(Exception):
    """Raised inside the loop to leave the optimizer."""


class Optimization:
    """One run of a task.

    Args:
        task: what is judged; optimizer: what moves its parameters (made from `groups_of(task)`).
        stop: when to end. record: the run folder, or None.
        checkpoint_every: iterations between checkpoints.
        seed: stored with the result. setup_seconds: time spent before, by phase.
        evaluator: what evaluates points; made with the arguments of `Evaluator`.
        signals: Ctrl-C and SIGTERM ask this run to stop (in the main thread).
    """

    def __init__(
        self,
        task: Task,
        optimizer: Optimizer,
        stop: Stop,
        *,
        record: Record | None = None,
        observers: Sequence[Observer] = (),
        checkpoint_every: int = 50,
        seed: int = 0,
        setup_seconds: dict[str, float] | None = None,
        evaluator: Callable[..., Evaluator] = Evaluator,
        signals: bool = True,
    ) -> None:
        self.task, self.optimizer, self.stop, self.record, self.observers = task, optimizer, stop, record, observers
        self.checkpoint_every, self.seed = checkpoint_every, seed
        self.clock = Clock(dict(setup_seconds or {}))
        self.evaluate = evaluator(task, groups_of(task), self.clock, remember=optimizer.revisits, masks=optimizer.masks)
        self.divergences = Divergences()
        self.iteration = 0
        self.first: float | None = None
        self.last: float | None = None
        self.best: Best | None = None
        self.since_better, self.better_than = 0, float("inf")
        self.status, self.reason = NOT_CONVERGED, "the iterations are used up"
        self.interrupt = Interrupt(signals)
        self.began = self.mark = perf_counter()
        self.seconds_before = 0.0

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint. Raises: InputError if it is of another problem."""
        shapes = [tuple(leaf.shape) for leaf in self.evaluate.leaves]
        stored = [tuple(leaf.shape) for leaf in state["leaves"]]
        if shapes != stored:
            raise InputError(
                f"checkpoint: parameters have shapes {stored}, this task's have {shapes}; resume needs the same parameters."
            )
        with torch.no_grad():
            for leaf, value in zip(self.evaluate.leaves, state["leaves"], strict=True):
                leaf.copy_(value)
        try:
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, ValueError) as error:
            raise InputError(f"checkpoint: made by another optimizer ({error}); resume needs the same optimizer.") from error
        torch.set_rng_state(state["random"])
        self.iteration, self.first = state["iteration"], state["first"]
        self.since_better, self.better_than = state["since_better"], state["better_than"]
        self.seconds_before, self.clock.evaluations = state["seconds"], state["evaluations"]
        self.divergences = Divergences(**state.get("divergences", {}))
        self.best = Best(**state["best"]) if state["best"] is not None else None

    def run(self) -> Result:
        """Learn until the end.

        Raises: DivergenceError, ContactOverflowError after saving the best that was reached.
        """
        if self.record is not None:
            self.record.begin(self.iteration, self.task, [limit.metric for limit in self.task.goal.limits])
        self.began = self.mark = perf_counter()
        failure: DivergenceError | ContactOverflowError | None = None
        with self.interrupt:
            try:
                self.reason = self.optimizer.minimise(self.evaluate, self._after)
            except _Ended:
                pass
            except DivergenceError as error:
                failure, self.status, self.reason = error, DIVERGED, str(error)
            except ContactOverflowError as error:
                failure, self.status, self.reason = error, OVERFLOWED, str(error)
            except KeyboardInterrupt:
                self.status, self.reason = INTERRUPTED, STOPPED
            return self._finish(failure)

    def _after(self) -> tuple[int, ...]:
        """Report the point where this iteration starts; raise `_Ended` if it is the last. Returns the environments that are left out."""
        evaluation = self.evaluate.latest
        assert evaluation is not None
        happened = self.divergences.take(self.iteration, self.evaluate, evaluation)
        if self.first is None:
            self.first = evaluation.objective
        self.last = evaluation.objective
        self._keep_best(evaluation)
        rates = self._rates()
        seconds = self._total_seconds()
        if self.record is not None:
            self.record.iteration(
                self.iteration, evaluation, self.task, rates, {"total": seconds, **self.clock.seconds}, happened
            )
        assert self.best is not None
        report = Report(self.iteration, self.stop.iterations, evaluation, self.best, rates, seconds, self.clock.evaluations)
        wishes = [observer(report) for observer in self.observers]
        ended = self._ended(evaluation, seconds, next((wish for wish in wishes if wish is not None), None))
        if self.record is not None and (ended or (self.iteration and self.iteration % self.checkpoint_every == 0)):
            self.record.checkpoint(self.state())
        self.mark = self.clock.add("record", self.mark) if ended else perf_counter()
        if ended:
            raise _Ended
        self.iteration += 1
        return evaluation.diverged

    def _ended(self, evaluation: Evaluation, seconds: float, wish: Ending | None) -> bool:
        """Whether this is the last iteration; sets status and reason."""
        if evaluation.good and self.stop.when_converged:
            self.status, self.reason = CONVERGED, "every tolerance is met"
        elif self.interrupt.asked:
            self.status, self.reason = INTERRUPTED, STOPPED
        elif wish is not None:
            self.status, self.reason = wish.status, wish.reason
        elif self.iteration >= self.stop.iterations:
            self.reason = f"the {self.stop.iterations} iterations are used up"
        elif self.stop.seconds is not None and seconds >= self.stop.seconds:
            self.reason = f"the {self.stop.seconds:g} seconds are used up"
        elif self.stop.patience is not None and self.since_better >= self.stop.patience:
            self.reason = f"no better objective for {self.stop.patience} iterations"
        else:
            return False
        return True

    def _keep_best(self, evaluation: Evaluation) -> None:
        here = (not evaluation.good, len(evaluation.diverged), evaluation.objective)
        if self.best is None or here < (not self.best.good, len(self.best.diverged), self.best.objective):
            self.best = Best(
                evaluation.objective, evaluation.good, self.iteration, evaluation.metrics, evaluation.point, evaluation.diverged
            )
        if evaluation.diverged:  # the objective of some environments says nothing of that of all
            return
        if evaluation.objective < self.better_than - self.stop.min_delta * abs(self.better_than) or self.better_than == float(
            "inf"
        ):
            self.better_than, self.since_better = evaluation.objective, 0
        else:
            self.since_better += 1

    def _finish(self, failure: DivergenceError | ContactOverflowError | None) -> Result:
        """Put the best back, save it, and sum up."""
        if self.status == NOT_CONVERGED and self.best is not None:
            if not self.task.goal.limits:
                self.status = FINISHED
            elif self.best.good:
                self.status = CONVERGED
        result = Result(
            status=self.status,
            reason=self.reason,
            iterations=self.iteration,
            evaluations=self.clock.evaluations,
            objective_first=self.first,
            objective_best=None if self.best is None else self.best.objective,
            objective_last=self.last,
            best_iteration=None if self.best is None else self.best.iteration,
            metrics={} if self.best is None else self.best.metrics,
            tolerances={limit.metric: limit.largest for limit in self.task.goal.limits},
            seconds={},
            seed=self.seed,
            divergences=self.divergences.summary(),
        )
        if self.best is not None:
            with torch.no_grad():
                for leaf, value in zip(self.evaluate.leaves, self.best.point, strict=True):
                    leaf.copy_(value)
            if self.record is not None:
                self.record.solution({**parameter_arrays(self.task), **self.evaluate.trajectory(self.best.diverged)})
                if self.task.kind in EXTRA_FILES:
                    self.record.files(EXTRA_FILES[self.task.kind](self.task))
        result.seconds = {name: round(value, 6) for name, value in {**self.clock.seconds, "loop": self._total_seconds()}.items()}
        if self.record is not None:
            self.record.result(vars(result))
            self.record.end(self.iteration)
        if failure is not None:
            raise failure
        return result

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here bit by bit."""
        return {
            "iteration": self.iteration,
            "first": self.first,
            "leaves": [leaf.detach() for leaf in self.evaluate.leaves],
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "best": None if self.best is None else vars(self.best),
            "since_better": self.since_better,
            "better_than": self.better_than,
            "seconds": self._total_seconds(),
            "evaluations": self.clock.evaluations,
            "divergences": self.divergences.before,
        }

    def _rates(self) -> dict[str, float]:
        names = [group.name for group in self.evaluate.groups]
        return dict(zip(names, self.optimizer.learning_rates(), strict=False))

    def _total_seconds(self) -> float:
        return self.seconds_before + perf_counter() - self.began
