"""Training problems of shipped tasks and of those in `configs/`, small."""

from pathlib import Path
from typing import Any

from genesis.runners.training import TrainingProblem
from genesis_cli.build import absolute_files, build_method, build_task, start_engine
from genesis_cli.compose import compose_with_sources
from genesis_cli.job import Job
from genesis_cli.validate import check

CONFIGS = str(Path(__file__).parent / "configs")
SMALL = ("task.envs=6", "task.test_envs=4", "task.policy.hidden=[8]")


def training(*overrides: str) -> tuple[Any, TrainingProblem]:
    """The method and the problem of `genesis optimize OVERRIDES`; the task first, so that it may be any."""
    task, *others = overrides
    words = [task, *SMALL, *others]
    found = compose_with_sources("optimize", words, [CONFIGS])
    absolute_files(Job("optimize", found.cfg, Path.cwd(), words, found.choices, found.sources, resume=False))
    checked = check(found.cfg)
    start_engine(checked.plain["runtime"])
    return build_method(checked), TrainingProblem(build_task(checked))
