"""Where a motion in segments may begin: the states of a path through the whole horizon."""

from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.grad.tangent import minus, plus, quaternions
from genesis.paths import FILES, is_path
from genesis.paths import path as read_path
from genesis.selection import coordinates, joints_of
from genesis.tasks.guess import goal_state
from genesis.tasks.task import Task

ROLLOUT, INTERPOLATION = "rollout", "interpolation"
WHERE = "multiple_shooting.guess"


def guess_states(task: Task, guess: Any) -> tuple[Tensor, Tensor]:
    """qpos (T+1, nq), qvel (T+1, nv) of a path from the start; the velocities are those of the path.

    Args:
        guess: rollout: the motion of the present parameters; interpolation: the straight way to the state that the goal is;
            or waypoints of the robot's qpos (n, k), evenly spaced in time, or a file of them.
    Raises: InputError; DivergenceError where the rollout has no end.
    """
    setting = task.setting
    if guess == ROLLOUT:
        with torch.no_grad():
            run = task.simulate()[0]
        return run.qpos.detach(), run.qvel.detach()
    model, start = setting.scene.rigid_solver.model, setting.start_qpos
    if guess == INTERPOLATION:
        end = _goal(task)
        return _timed(task, plus(model, start, _times(task) * minus(model, end[0], start)))
    index = coordinates(joints_of(setting.robot))
    rows = start.expand(setting.horizon + 1, -1).clone()
    rows[:, index] = _waypoints(task, guess).to(rows)
    for quat, _ in quaternions(model):
        rows[:, quat] = torch.nn.functional.normalize(rows[:, quat], dim=-1)
    return _timed(task, rows)


def expect_guess(task: Task, guess: Any) -> None:
    """Raises: InputError for a guess that `guess_states` cannot read."""
    if guess == INTERPOLATION:
        _goal(task)
    elif guess != ROLLOUT:
        _waypoints(task, guess)


def _goal(task: Task) -> tuple[Tensor, Tensor]:
    end = goal_state(task)
    if end is None:
        raise InputError(f"{WHERE}: interpolation needs a loss of kind terminal_state; give rollout, waypoints or a file.")
    return end


def _waypoints(task: Task, guess: Any) -> Tensor:
    """The robot's qpos (T+1, k)."""
    if isinstance(guess, str) and not is_path(guess):
        raise InputError(
            f"{WHERE}: {guess!r} is not allowed; allowed: {ROLLOUT}, {INTERPOLATION}, waypoints, or a file ({', '.join(FILES)})."
        )
    return read_path(WHERE, guess, len(coordinates(joints_of(task.setting.robot))), task.setting.horizon)


def _times(task: Task) -> Tensor:
    """(T+1, 1) from 0 to 1."""
    horizon = task.setting.horizon
    return torch.arange(horizon + 1, dtype=task.setting.start_qpos.dtype).unsqueeze(-1) / horizon


def _timed(task: Task, qpos: Tensor) -> tuple[Tensor, Tensor]:
    """The path with its velocities."""
    speeds = minus(task.setting.scene.rigid_solver.model, qpos[1:], qpos[:-1]) / task.setting.dt
    return qpos, torch.cat([speeds, torch.zeros_like(speeds[:1])])
