"""`genesis optimize`: learn."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from genesis_cli import console
from genesis_cli.build import build_loop, build_record
from genesis_cli.commands.prepare import Prepared, prepare
from genesis_cli.commands.replay import forget, learned_replay, title_of, wanted, write_replay
from genesis_cli.commands.report import beside, leave_report
from genesis_cli.errors import FAILED, OK, CommandError
from genesis_cli.job import Job, Outcome
from genesis_cli.numbers import growth_lines, metric_lines
from genesis_cli.progress import Progress
from genesis_cli.validate import Checked
from genesis_cli.watch import WatchedRun

ROUNDS = 3  # that are told of at the end

log = logging.getLogger("genesis_cli")


def execute(job: Job, watch: bool = False, port: int | None = None) -> Outcome:
    """One run; the outcome's value is the best objective. watch: it is shown in the browser meanwhile, on a port (None: 8080 or the next)."""
    with WatchedRun(port) if watch else nullcontext() as window:
        return _execute(job, window)


def _execute(job: Job, window: WatchedRun | None) -> Outcome:
    prepared = prepare(job)
    writing = prepared.checked.plain["logging"]
    learns = prepared.checked.task.kind == "episodes"
    steps = 0 if learns else prepared.task.setting.horizon * max(prepared.checked.task.envs, 1)
    progress = Progress(prepared.checked.plain["stop"].iterations, steps, learns) if writing.progress else None
    observers: list[Any] = [progress] if progress is not None else []
    if window is not None and learns:
        raise CommandError("--watch: shows motions of tasks without episodes; look at the replay when the run is over.")
    if window is not None:
        from genesis.runners.watch import motions_of

        title = title_of(job, prepared.checked)
        observers.append(window.observer(lambda report: motions_of(prepared.task, report, title=title)))
    with progress or nullcontext():
        loop, result = learn(job, prepared, observers)
    with loop.record.released():
        advice = advised(job, loop)
        if result.error is None:
            show(job, result, advice)
        if wanted(job, prepared.checked) and loop.best is not None:
            write_replay(job, lambda: learned_replay(job, prepared, loop))
        leave_report(job, prepared.checked, loop.record.held)
    if window is not None:
        window.stay()
    return outcome_of(result)


def learn(job: Job, prepared: Prepared, observers: list[Any], problem: Callable[..., Any] | None = None) -> tuple[Any, Any]:
    """The loop on a prepared job, with its record; returns the loop and its result.

    problem: what evaluates points, where that is not the task alone: then signals are for the whole sweep.
    """
    from genesis.runners.checkpoint import go_on

    checked = prepared.checked
    observers = [*observers, *job.observers()]
    loop = build_loop(
        checked, prepared.task, seconds=prepared.seconds, problem=problem, observers=observers, signals=problem is None
    )
    if job.resume:
        go_on(loop, job.folder)
    return loop, recorded(job, checked, loop)


def recorded(job: Job, checked: Checked, loop: Any) -> Any:
    """The result of a run in its folder; result.json is left to `loop.record.release()`, when everything else is there."""
    forget(job.folder)
    loop.record = build_record(checked, job.cfg, job.folder)
    loop.record.holding = True
    try:
        return loop.run()
    except BaseException:  # after its end, such as where the last curves cannot be written
        loop.record.release()
        raise


def outcome_of(result: Any) -> Outcome:
    """What a result means for the exit code and for a sweeper.

    Raises: what ended the run, where no point near could be simulated; the best has been saved.
    """
    from genesis.problems.problem import INTERRUPTED, PRUNED

    if result.error is not None:
        raise result.error
    code = OK if result.succeeded or result.status == PRUNED else FAILED
    return Outcome(code, result.objective_best, interrupted=result.status == INTERRUPTED)


def advised(job: Job, loop: Any) -> list[str]:
    """What to try after a run that ended before it was done; in its result too."""
    from genesis.runners.report.folder import report_of
    from genesis.runners.report.run_judge import unfinished

    if loop.record.held is None:
        return []
    advice: list[str] = []
    with beside("advice", job.log):
        advice = unfinished(report_of(job.folder, loop.record.held))
    if advice:
        loop.record.held["advice"] = advice
    return advice


def show(job: Job, result, advice: list[str]) -> None:  # result: genesis.runners.loop.Result, which would import torch here
    """A few lines: how it ended, how good, where it lies."""
    style = "green" if result.succeeded else "yellow"
    ending = f"{result.status}: {result.reason} (iteration {result.iterations}, {result.seconds['loop']:.1f} s)"
    first = f"objective {result.objective_first:.4g} -> {result.objective_best:.4g}" if result.objective_first is not None else ""
    numbers = metric_lines(result.metrics, result.tolerances, first)
    console.say(ending, style)
    numbers += growth_lines(result.summary)
    for line in numbers:
        console.say(line)
    for one in result.summary.get("constraints", {}).values():
        if not one["holds"]:
            console.say(one["text"], "yellow" if one["hard"] else "")
    for stage in told_stages(result.stages):
        lowest = "no value" if stage["objective"] is None else f"{stage['objective']:.4g}"
        console.say(
            f"{stage['stage'] or 'first'} ({stage['method']}): {lowest} after {stage['iterations']} iterations, {stage['reason']}"
        )
    for line in advice:
        console.say(line)
    console.say(f"{job.folder}")
    log.info("%s; %s", ending, "; ".join(numbers))


def told_stages(stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those worth a line: of many rounds the first and the last few."""
    rounds = [k for k, stage in enumerate(stages) if stage["stage"].startswith("round ")]
    left_out = set(rounds[1:-ROUNDS])
    return [stage for k, stage in enumerate(stages) if k not in left_out]
