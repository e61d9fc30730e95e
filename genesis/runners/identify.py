"""Identifying: a problem of recordings and a method become a run, and the run an identification."""

from collections.abc import Mapping, Sequence
from typing import Any

from genesis.errors import InputError
from genesis.methods.method import Method
from genesis.runners.iteration import IterationReport, Observer
from genesis.runners.loop import Loop, Result, Stop
from genesis.sysid.answer import Asked
from genesis.sysid.identification import Starts, SysidProblem
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.result import Identification


def identification(
    problem: RecordingProblem,
    method: Method,
    stop: Stop,
    *,
    starts: Starts | None = None,
    asked: Asked | None = None,
    observers: Sequence[Observer] = (),
    seconds: Mapping[str, float] | None = None,
    seed: int = 0,
    **options: Any,
) -> Loop:
    """A run that lowers the residuals of a problem; its result becomes an `Identification` by `found`.

    Args:
        starts: where to begin; asked: what the answer is to tell. seconds: time spent before, by phase. options: those of `Loop`.

    Raises: InputError for a method that cannot lower the problem, or a profile of a parameter that has none; UnknownNameError.
    """
    _check(problem, method)
    made = SysidProblem(problem, starts or Starts(), asked or Asked(), seed=seed, seconds=seconds)

    def note(report: IterationReport) -> None:
        made.history.append(row_of(report))

    return Loop(made, method, stop, observers=[note, *observers], seed=seed, **options)


def _check(problem: RecordingProblem, method: Method) -> None:
    """Raises: InputError for what does not go together."""
    if method.needs == "values" and problem.start is not None:
        raise InputError(
            "optimizer: cmaes does not estimate start states; switch the parameter of kind start_state off, or use another optimizer."
        )
    shooting = problem.shooting
    if shooting.mini_batch is not None and shooting.continuity > 0.0 and problem.start is not None:
        raise InputError(
            "shooting.mini_batch: a gradient of some windows closes no gaps; set shooting.continuity=0, or leave it null."
        )
    if shooting.mini_batch is not None and not (method.needs == "gradient" and method.masks):
        raise InputError(
            "shooting.mini_batch: gradients of some windows are for optimizers that take one a step, such as adam; leave it null, or "
            "choose one of those."
        )


def row_of(report: IterationReport) -> dict[str, Any]:
    """What the course of an identification keeps of an iteration."""
    evaluation = report.evaluation
    norm = sum(value**2 for value in evaluation.norms.values()) ** 0.5
    inexact = {} if evaluation.exact else {"exact": False}
    row = {"iteration": report.iteration, "stage": report.stage, "objective": evaluation.objective, "gradient_norm": norm}
    return {**row, **report.told, **inexact}


def found(problem: SysidProblem, result: Result) -> Identification | None:
    """The identification that a run has ended with; None where no point could be simulated."""
    if problem.answer is None or result.objective_best is None:
        return None
    return Identification(
        **vars(problem.answer), status=result.status, reason=result.reason, objective_first=problem.first,
        objective_best=result.objective_best, iterations=result.iterations, simulations=result.counts["simulations"],
        seconds=result.seconds, history=problem.history,
    )  # fmt: skip
