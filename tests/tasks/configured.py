"""Tasks from the shipped configs."""

from pathlib import Path
from typing import Any

import torch

from genesis_cli.build import absolute_files, build_method, build_task, start_engine
from genesis_cli.compose import compose_with_sources, options
from genesis_cli.job import Job
from genesis_cli.paths import config_dir
from genesis_cli.validate import Checked, check

#: Shipped tasks of one motion; policies are learned in episodes, and tested in tests/runners/test_training.py.
OF_ONE_MOTION = [
    task for task in options("tasks") if "task/episodes@" not in (config_dir() / "tasks" / f"{task}.yaml").read_text()
]
#: A small experiment, and the information alone.
SHORT = ("task=excite_double", "task.horizon=60", "parameter.controls.settle=0.1", "parameter.controls.harmonics=3")
ONLY = tuple(f"loss.{name}=null" for name in ("joint_limits", "velocity_limits", "force_limits", "final_velocity"))


def configured(*overrides: str) -> tuple[Checked, Any]:
    """The checked config of `genesis optimize OVERRIDES`, and its task."""
    found = compose_with_sources("optimize", list(overrides))
    absolute_files(Job("optimize", found.cfg, Path.cwd(), list(overrides), found.choices, found.sources, resume=False))
    checked = check(found.cfg)
    start_engine(checked.plain["runtime"])
    return checked, build_task(checked)


def learn(*overrides: str) -> Any:
    """The result of an optimisation without a run folder."""
    from genesis.runners.constrained import Rounds
    from genesis.runners.estimator import GradientOptions
    from genesis.runners.loop import Stop
    from genesis.runners.optimize import optimization

    checked, task = configured(*overrides)
    gradient = GradientOptions(**vars(checked.plain["gradient"]))
    rounds = Rounds(**vars(checked.plain["augmented_lagrangian"]))
    return optimization(task, build_method(checked), Stop(**vars(checked.plain["stop"])), rounds=rounds, gradient=gradient).run()


def experiment(setting, *, push: dict, unknowns: dict, channels: dict, **options):
    """The goal `excite` on a setting, and the start trajectory."""
    from genesis.parameters import PARAMETERS
    from genesis.tasks import TASKS
    from genesis.tasks.rollout import inputs_of, roll_out
    from genesis.view import TrajectoryView

    controls = PARAMETERS["hold"](setting, "parameter.push", **push)
    goal = TASKS["excite"](setting, {"push": controls}, unknowns=unknowns, channels=channels, **options)
    with torch.no_grad():
        return goal, TrajectoryView(roll_out(setting, inputs_of(setting, {"push": controls})))
