"""`genesis optimize`: learn."""

import logging
from contextlib import nullcontext

from genesis_cli import console
from genesis_cli.bridge import Job, Outcome
from genesis_cli.build import build_optimizer, settings
from genesis_cli.commands.prepare import prepare, store_config
from genesis_cli.errors import FAILED, OK
from genesis_cli.numbers import metric_lines
from genesis_cli.progress import Progress

log = logging.getLogger("genesis_cli")


def execute(job: Job) -> Outcome:
    """One run; the outcome's value is the best objective."""
    from omegaconf import OmegaConf

    prepared = prepare(job)
    from genesis.runners.optimize import INTERRUPTED, Optimization, Stop
    from genesis.runners.record import Record, Recording, load_checkpoint

    checked, task = prepared.checked, prepared.task
    writing, stop = checked.plain["logging"], checked.plain["stop"]
    optimizer = build_optimizer(checked, task)
    state = load_checkpoint(job.folder) if job.resume else None
    store_config(job)
    recording = Recording(OmegaConf.to_yaml(job.cfg), settings(job.cfg), tensorboard=writing.tensorboard, every=writing.every)
    progress = Progress(stop.iterations, task.setting.horizon, checked.task.envs) if writing.progress else None
    optimization = Optimization(
        task,
        optimizer,
        Stop(**vars(stop)),
        record=Record(job.folder, recording),
        observers=[progress] if progress is not None else [],
        checkpoint_every=writing.checkpoint_every,
        seed=checked.plain["runtime"].seed,
        setup_seconds=prepared.seconds,
    )
    if state is not None:
        optimization.load(state)
    with progress or nullcontext():
        result = optimization.run()
    show(job, result)
    return Outcome(OK if result.succeeded else FAILED, result.objective_best, interrupted=result.status == INTERRUPTED)


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
