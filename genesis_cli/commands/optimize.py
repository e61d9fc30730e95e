"""`genesis optimize`: learn."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from genesis_cli import console
from genesis_cli.build import build_optimizer, settings
from genesis_cli.commands.prepare import Prepared, prepare, store_config
from genesis_cli.errors import FAILED, OK
from genesis_cli.job import Job, Outcome
from genesis_cli.numbers import metric_lines
from genesis_cli.progress import Progress

log = logging.getLogger("genesis_cli")


def execute(job: Job) -> Outcome:
    """One run; the outcome's value is the best objective."""
    prepared = prepare(job)
    writing = prepared.checked.plain["logging"]
    horizon, envs, iterations = (
        prepared.task.setting.horizon,
        prepared.checked.task.envs,
        prepared.checked.plain["stop"].iterations,
    )
    progress = Progress(iterations, horizon, envs) if writing.progress else None
    with progress or nullcontext():
        result = learn(job, prepared, [progress] if progress is not None else [])
    show(job, result)
    return outcome_of(result)


def learn(job: Job, prepared: Prepared, observers: list[Any], evaluator: Callable[..., Any] | None = None) -> Any:
    """The loop on a prepared job, with its record; returns the result.

    evaluator: what evaluates points, where that is not the task alone: then signals are for the whole sweep.
    """
    from genesis.runners.evaluate import Evaluator
    from genesis.runners.optimize import Optimization, Stop
    from genesis.runners.record import Record, Recording, load_checkpoint

    checked, task = prepared.checked, prepared.task
    writing, stop = checked.plain["logging"], checked.plain["stop"]
    optimizer = build_optimizer(checked, task)
    state = load_checkpoint(job.folder) if job.resume else None
    text = store_config(job)
    recording = Recording(text, settings(job.cfg) if writing.tensorboard else None, writing.tensorboard, writing.every)
    optimization = Optimization(
        task,
        optimizer,
        Stop(**vars(stop)),
        record=Record(job.folder, recording),
        observers=[*observers, *job.observers()],
        checkpoint_every=writing.checkpoint_every,
        seed=checked.plain["runtime"].seed,
        setup_seconds=prepared.seconds,
        evaluator=evaluator or Evaluator,
        signals=evaluator is None,
    )
    if state is not None:
        optimization.load(state)
    return optimization.run()


def outcome_of(result: Any) -> Outcome:
    """What a result means for the exit code and for a sweeper."""
    from genesis.runners.optimize import INTERRUPTED, PRUNED

    code = OK if result.succeeded or result.status == PRUNED else FAILED
    return Outcome(code, result.objective_best, interrupted=result.status == INTERRUPTED)


def show(job: Job, result) -> None:  # result: genesis.runners.optimize.Result, which would import torch here
    """A few lines: how it ended, how good, where it lies."""
    style = "green" if result.succeeded else "yellow"
    ending = f"{result.status}: {result.reason} (iteration {result.iterations}, {result.seconds['loop']:.1f} s)"
    first = f"objective {result.objective_first:.4g} -> {result.objective_best:.4g}" if result.objective_first is not None else ""
    numbers = metric_lines(result.metrics, result.tolerances, first)
    console.say(ending, style)
    for line in numbers:
        console.say(line)
    console.say(f"{job.folder}")
    log.info("%s; %s", ending, "; ".join(numbers))
