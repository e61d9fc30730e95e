"""The replay of a run: what was found, where it came from, what it was to reach."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from genesis.description.poses import rotate
from genesis.errors import SIMULATION_FAILURES
from genesis.grad.tensor import plain
from genesis.methods.method import move, point
from genesis.replay.replay import Landmark, Polyline, Replay, Take
from genesis.runners.evaluate import groups_of
from genesis.scene.pictures import add_forces, alone, bodies_of, frames_of, path_of, poses_of, take_of
from genesis.tasks import Task
from genesis.tasks.goal import Aim

ENVIRONMENTS = 9  # of a batch that are shown
APART = 1.15  # distance of environments side by side, in their sizes
SAME = 1e-6  # positions [m] that differ by less are one motion
COVERED = 2e-3  # how far [m | rad] a body of a ghost may be from that of the main take and is not seen
GREY, BLUE, GREEN = (0.55, 0.58, 0.62), (0.13, 0.49, 0.82), (0.18, 0.62, 0.36)
ORANGE = (0.87, 0.40, 0.11)
SHEER = 0.10  # opacity of regions, through which the robot is seen
PLATE = 1e-3  # half thickness of a plane, in sizes of what is seen
FOUND, SIMULATED, FIRST, LAST, TARGET = "best", "simulated", "first", "last", "target"


def replay_of_task(
    task: Task,
    *,
    title: str,
    name: str = FOUND,
    initial: Task | None = None,
    last: np.ndarray | None = None,
    without: Sequence[int] = (),
    trajectory: Any = None,
) -> Replay:
    """The motion of the present parameters of a task, several environments side by side.

    Args:
        name: of its take. initial: the same task where learning began; last: flat point (n,) where it ended; each a ghost behind.
        without: environments that are left out. trajectory: of the task's scene, in place of that motion.
    Raises: DivergenceError, ContactOverflowError where the present parameters cannot be simulated.
    """
    setting = task.setting
    trajectory, left = _trajectory(task, without) if trajectory is None else trajectory, task.left(without)
    time = trajectory.time.detach().cpu().double().numpy()
    frames, main = frames_of(time), alone(trajectory)
    made = Replay(title, time[frames], bodies_of(setting.scene.entities), [take_of(main, name, frames)])
    entity, frame = body_of(task)
    made.polylines.append(path_of(main, entity, frame, frames, f"path of {frame}", (*BLUE, 1.0)))
    if initial is not None:
        _add_ghost(made, initial, FIRST, GREY, frames, without, body_of(initial))
    here = point(groups_of(task))
    if last is not None and last.shape == here.shape:
        move(groups_of(task), last)
        _add_ghost(made, task, LAST, ORANGE, frames, without, None)
        move(groups_of(task), here)
    _add_aim(made, task, left[0])
    _add_constraints(made, task)
    add_forces(made, main, frames)
    if plain(trajectory.qpos).ndim == 3:
        shown = left[:ENVIRONMENTS]
        if len(shown) < len(left):
            made.title += f", {len(shown)} of {len(left)} environments"
        add_environments(made, [(f"environment {env}", alone(trajectory, k)) for k, env in enumerate(shown)][1:], frames)
    return made


def body_of(task: Task) -> tuple[Any, str]:
    """Entity and frame whose way is drawn: what the goal is about, else the robot's tool or first link."""
    aim = task.goal.aim()
    if aim is not None and aim.body is not None:
        return aim.body
    return task.setting.robot, task.setting.frame("robot.tool", None)


def _trajectory(task: Task, without: Sequence[int]) -> Any:
    with torch.no_grad():
        view, _ = task.simulate(without)
    return view.trajectory


def _add_ghost(
    replay: Replay,
    task: Task,
    name: str,
    tint: tuple[float, float, float],
    frames: np.ndarray,
    without: Sequence[int],
    body: tuple[Any, str] | None,
) -> None:
    """The motion of the present parameters of a task behind the others, unless it is one of them, or cannot be simulated."""
    try:
        one = alone(_trajectory(task, without))
    except SIMULATION_FAILURES:  # the run has told of it
        return
    made = take_of(one, name, frames, ghost=True, tint=tint)
    if any(np.allclose(made.pos, other.pos, atol=SAME) for other in replay.takes):
        return
    hide_where_same(made, replay.takes[0])
    replay.takes.append(made)
    if body is not None:
        path = path_of(one, *body, frames, f"path of {body[1]}, {name}", (*tint, 0.6))
        path.take = name
        replay.polylines.append(path)


def hide_where_same(ghost: Take, main: Take) -> None:
    """Do not draw bodies of a ghost in the instants in which they stand in those of the main take: two surfaces in one place flicker."""
    same = (np.abs(ghost.pos - main.pos).max(-1) < COVERED) & (np.abs((ghost.quat * main.quat).sum(-1)) > 1.0 - COVERED**2 / 8.0)
    ghost.pos[same] = math.nan


def _add_aim(replay: Replay, task: Task, env: int) -> None:
    """Point, pose, path or configuration that the goal wants to see; env: the environment of the main take."""
    aim = task.goal.aim()
    if aim is None:
        return
    low, high = replay.box()
    radius = float(np.clip(0.009 * np.linalg.norm(high - low), 2e-3, 0.05))
    if aim.pos is not None:
        where = aim.pos.detach().cpu().double().numpy()
        if where.ndim == 2:
            replay.polylines.append(Polyline("target path", where, (*ORANGE, 1.0)))
        else:
            replay.landmarks.append(Landmark(TARGET, "sphere", (radius,), where, rgba=(*ORANGE, 0.75), label=TARGET))
            if aim.quat is not None:
                quat = aim.quat.detach().cpu().double().numpy()
                replay.landmarks.append(Landmark("target axes", "frame", (5.0 * radius,), where, quat))
    if aim.qpos is not None:
        replay.takes.append(_posed(replay, task, aim, env))


def _add_constraints(replay: Replay, task: Task) -> None:
    """Where constraints want something to be, or not to be, as far as it can be drawn."""
    low, high = replay.box()
    size = float(np.linalg.norm(high - low))
    radius = float(np.clip(0.009 * size, 2e-3, 0.05))
    for name, one in task.constraints.all.items():
        for region in one.constraint.regions():
            pos = region.pos.detach().cpu().double().numpy()
            quat = np.array([1.0, 0.0, 0.0, 0.0]) if region.quat is None else region.quat.detach().cpu().double().numpy()
            kind, extent, label = region.kind, region.size, name
            if kind == "point":
                kind, extent = "sphere", (radius,)
            elif kind == "frame":
                extent, label = (5.0 * radius,), ""
            elif kind == "plane":  # as large as what is seen, and in the middle of it
                normal = rotate(quat, np.array([0.0, 0.0, 1.0]))
                middle = 0.5 * (low + high)
                pos = middle + normal * float(normal @ (pos - middle))
                kind, extent = "box", (0.3 * size, 0.3 * size, PLATE * size)
            replay.landmarks.append(
                Landmark(f"constraint {name}", kind, extent, pos, quat, (*(ORANGE if region.forbidden else GREEN), SHEER), label)
            )


def _posed(replay: Replay, task: Task, aim: Aim, env: int) -> Take:
    """The robot in a configuration, standing still."""
    assert aim.qpos is not None
    solver = task.setting.scene.rigid_solver
    theta, qpos = solver.theta(), aim.qpos.detach()
    pos, quat = poses_of(
        solver.physics, theta if theta.dim() == 1 else theta[env], qpos[env : env + 1] if qpos.ndim == 2 else qpos[None]
    )
    others = [l for l, body in enumerate(replay.bodies) if body.entity != task.setting.robot.name]
    pos[:, others] = math.nan
    count = len(replay)
    return Take(TARGET, np.repeat(pos, count, 0), np.repeat(quat, count, 0), ghost=True, tint=GREEN)


def add_environments(replay: Replay, others: Sequence[tuple[str, Any]], frames: np.ndarray) -> None:
    """Motions of other environments, (name, trajectory of one), on a grid beside the first."""
    low, high = replay.box()
    spacing = APART * np.maximum(high - low, 0.25 * float((high - low).max()))[:2]
    across = max(1, round(math.sqrt((len(others) + 1) * spacing[1] / spacing[0])))
    for k, (name, trajectory) in enumerate(others, 1):
        offset = (float(spacing[0] * (k % across)), float(spacing[1] * (k // across)), 0.0)
        replay.takes.append(take_of(trajectory, name, frames, offset=offset))
