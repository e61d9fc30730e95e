"""Identifying: a problem of recordings and a method become a run, and the run an identification."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genesis.errors import InputError
from genesis.methods.method import Method
from genesis.runners.checkpoint import go_on
from genesis.runners.further import Further
from genesis.runners.iteration import IterationReport, Observer
from genesis.runners.loop import Loop, Result, Stop
from genesis.runners.names import METRICS
from genesis.runners.record import lines_before
from genesis.sysid.answer import Asked
from genesis.sysid.identification import Starts, SysidProblem
from genesis.sysid.inverse_dynamics.equations import TorqueOptions
from genesis.sysid.inverse_dynamics.problem import TorqueProblem
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
    further: Sequence[Further] = (),
    torque: TorqueOptions | None = None,
    tell: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> Loop:
    """A run that lowers the residuals of a problem; its result becomes an `Identification` by `found`.

    Args:
        starts: where to begin; asked: what the answer is to tell. seconds: time spent before, by phase.
        torque: identify from torques in place of motion; tell: takes what is going on before the first iteration. further, options: those of
        `Loop`.

    Raises: InputError for a method that cannot lower the problem, or a profile of a parameter that has none; UnknownNameError.
    """
    methods = [method, *(later.method for later in further)]
    if problem.start is not None and problem.start.implied and any(one.needs == "values" for one in methods):
        problem.hold_starts()  # many candidates of every start state are too many
    for one in methods:
        _check(problem, one)
    common: dict[str, Any] = {"seed": seed, "seconds": seconds}
    if torque is None:
        made = SysidProblem(problem, starts or Starts(), asked or Asked(), **common)
    else:
        made = TorqueProblem(problem, starts or Starts(), asked or Asked(), **common, options=torque, tell=tell)

    def note(report: IterationReport) -> None:
        made.history.append(row_of(report))

    return Loop(made, method, stop, observers=[note, *observers], seed=seed, further=further, **options)


def _check(problem: RecordingProblem, method: Method) -> None:
    """Raises: InputError for what does not go together."""
    if method.needs == "values" and problem.nt:
        raise InputError(
            "optimizer: cmaes does not estimate start states; switch the parameter of kind start_state off, or use another optimizer."
        )
    shooting = problem.shooting
    if shooting.mini_batch is not None and shooting.continuity > 0.0 and problem.nt:
        raise InputError(
            "shooting.mini_batch: a gradient of some windows closes no gaps; set shooting.continuity=0, or leave it null."
        )
    if shooting.mini_batch is not None and not (method.needs == "gradient" and method.masks):
        raise InputError(
            "shooting.mini_batch: gradients of some windows are for optimizers that take one a step, such as adam; leave it null, or "
            "choose one of those."
        )


def resume(loop: Loop, folder: Path) -> None:
    """Go on from the checkpoint in the folder of a run; the course up to there is that of its lines of metrics.

    Raises: InputError as `go_on`.
    """
    go_on(loop, folder)
    assert isinstance(loop.problem, SysidProblem)
    problem, lines = loop.problem, lines_before(folder, loop.iteration)
    problem.history = [row_of_line(line) for line in lines]
    if len(lines) != loop.iteration:
        problem.warnings.append(
            f"{folder / METRICS} has {len(lines)} of the {loop.iteration} iterations before this run went on; its history lacks the others."
        )


def row_of(report: IterationReport) -> dict[str, Any]:
    """What the course of an identification keeps of an iteration."""
    evaluation = report.evaluation
    return _row(report.iteration, report.stage, evaluation.objective, evaluation.norms, report.told, evaluation.exact)


def row_of_line(line: Mapping[str, Any]) -> dict[str, Any]:
    """The same, of a line of metrics; numbers that JSON lacks are nan."""
    told = {name: math.nan if value is None else value for name, value in line.get("method", {}).items()}
    return _row(line["iteration"], line["stage"], line["objective"], line["gradient_norm"], told, line.get("exact", True))


def _row(
    iteration: int, stage: str, objective: float, norms: Mapping[str, float], told: Mapping[str, float], exact: bool
) -> dict[str, Any]:
    norm = sum(value**2 for value in norms.values()) ** 0.5
    row = {"iteration": iteration, "stage": stage, "objective": objective, "gradient_norm": norm}
    return {**row, **told, **({} if exact else {"exact": False})}


def found(problem: SysidProblem, result: Result) -> Identification | None:
    """The identification that a run has ended with; None where no point could be simulated."""
    if problem.answer is None or result.objective_best is None:
        return None
    return Identification(
        **vars(problem.answer), status=result.status, reason=result.reason, objective_first=problem.first,
        objective_best=result.objective_best, iterations=result.iterations, simulations=result.counts["simulations"],
        seconds=result.seconds, history=problem.history,
    )  # fmt: skip
