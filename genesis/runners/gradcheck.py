"""Gradients of a task against differences."""

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.grad.check import Report, Steps, compare
from genesis.grad.physics import Physics
from genesis.runners.evaluate import TaskProblem, groups_of
from genesis.tasks import Task


def gradcheck(task: Task, *, directions: int = 3, steps: Steps | None = None, tolerance: float = 1e-6, seed: int = 0) -> Report:
    """The gradient of the objective in each parameter group; see `genesis.grad.check.gradcheck`."""
    if task.setting.start_qpos.dtype != torch.float64:
        raise InputError("gradcheck: needs float64; set runtime.precision=64.")
    groups = groups_of(task)
    if not groups:
        raise InputError("parameter: nothing to learn; at least one parameter must have learn: true.")
    problem = TaskProblem(task, remember=False)

    def gradient() -> list[Tensor]:
        problem.evaluate()
        if problem.failure is not None:
            raise problem.failure
        return [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in problem.leaves]

    return compare(
        {group.name: group.leaves for group in groups}, lambda: float(task.judge().objective.detach()), gradient,
        directions=directions, steps=steps or Steps(), tolerance=tolerance, seed=seed, physics=physics_of(task),
    )  # fmt: skip


def physics_of(task: Task) -> Physics | None:
    """What the task simulates with; None for one that does not."""
    scene = task.setting.scene
    return None if scene is None else scene.rigid_solver.physics
