"""One rollout of a task, without learning."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch

from genesis.runners.series import dof_arrays, series_arrays
from genesis.runners.solution import meaning_arrays, parameter_arrays, times
from genesis.tasks import Task


@dataclass
class Simulated:
    """terms, metrics: as in an optimisation. arrays: the trajectory, and the parameters that it is of as in solution.npz.

    seconds: of the second, warm rollout. constraints: the largest violation of each, by metric.
    """

    objective: float
    terms: dict[str, float]
    metrics: dict[str, float]
    good: bool
    arrays: dict[str, np.ndarray]
    seconds: float
    steps: int
    constraints: dict[str, Any]


def simulate(task: Task) -> Simulated:
    """Roll out twice (the first compiles), judge, and gather the trajectory as arrays."""
    with torch.no_grad():
        task.judge()
        start = perf_counter()
        judged = task.judge()
        seconds = perf_counter() - start
    trajectory: Any = judged.trajectory.trajectory
    names = ("qpos", "qvel", "qacc", "controls", "links_pos", "links_quat")
    arrays = {name: getattr(trajectory, name).detach().cpu().numpy() for name in names}
    links = [link.name for entity in task.setting.entities.values() for link in entity.links]
    arrays |= {"time": times(task), "link_names": np.array(links), **meaning_arrays(task), **parameter_arrays(task)}
    arrays |= {**dof_arrays(task), **series_arrays(task, judged.trajectory)}
    metrics = task.metrics(judged.trajectory)
    batch = task.setting.batch
    return Simulated(
        objective=float(judged.objective),
        terms={name: float(value) for name, value in judged.terms.items()},
        metrics=metrics,
        good=task.good_enough(metrics),
        arrays=arrays,
        seconds=seconds,
        steps=task.setting.horizon * (batch[0] if batch else 1),
        constraints=task.constraints.content(judged.trajectory, task.setting.dt),
    )
