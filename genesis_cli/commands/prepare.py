"""What every command does with a job before its own work: check, start the engine, build the task."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from genesis_cli.build import absolute_files, build_task, start_engine
from genesis_cli.errors import CommandError
from genesis_cli.job import Job
from genesis_cli.validate import Checked, check, expect_room


@dataclass
class Prepared:
    """The checked config, the task (or what else was built), and the seconds that each phase took."""

    checked: Checked
    task: Any
    seconds: dict[str, float]


def expect_one_motion(checked: Checked, does: str) -> None:
    """Raises: CommandError for a task of episodes, where a command wants one motion of a task; does: what it does, in words."""
    if checked.task.kind == "episodes":
        raise CommandError(
            f"task.kind: {does}, and a task of episodes has a policy in many; learn it with `genesis optimize`, and then "
            "`genesis view RUN` shows it and `genesis export RUN` hands it on. Or take a task without episodes, such as task=reach."
        )


def prepare(job: Job, build: Callable[[Checked], Any] = build_task) -> Prepared:
    """Check the config, start the engine, build the task; nothing is written yet.

    Raises: CommandError and the engine's errors for wrong input.
    """
    absolute_files(job)
    checked = check(job.cfg)
    if not job.resume and (job.folder / "result.json").exists():
        raise CommandError(f"{job.folder}: holds a finished run; choose another hydra.run.dir, or go on with --resume.")
    expect_room(checked)  # here, where it runs: a config may be meant for another machine
    clock = perf_counter()
    start_engine(checked.plain["runtime"])
    started = perf_counter()
    task = build(checked)
    return Prepared(checked, task, {"engine": started - clock, "build": perf_counter() - started})
