"""Paths of states to begin with, where a task says in which state it should end."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from genesis.constraints.states import TerminalStateEquality
from genesis.grad.tangent import minus, plus
from genesis.grad.tensor import plain
from genesis.losses.terminal_state import TerminalState
from genesis.tasks.task import Task

RAMPS = (2.0, 1.0, 4.0)  # in which a guess is there, in units of the least time that it could take


def goal_state(task: Task) -> tuple[Tensor, Tensor] | None:
    """State (nq), (nv) at the end that a hard constraint, else a loss, of kind terminal_state asks for, the nearest of those that are whole
    turns apart; at rest where no velocity is asked for."""
    constraints = [one.constraint for one in task.constraints.all.values() if one.hard]
    losses = [loss for weight, loss in task.losses.values() if weight > 0.0]
    for asked in (*constraints, *losses):
        if isinstance(asked, (TerminalState, TerminalStateEquality)) and asked.qpos is not None:
            start, rest = task.setting.one_start()
            qpos, qvel = asked.qpos.clone() if asked.qpos.dim() == 1 else asked.qpos[0].clone(), torch.zeros_like(rest)
            qvel[asked.dofs] = 0.0 if asked.qvel is None else asked.qvel
            for joint in asked.joints if asked.periodic else []:
                if joint.is_periodic:
                    (k,) = joint.qs
                    qpos[k] += 2.0 * math.pi * torch.round((start[k] - qpos[k]) / (2.0 * math.pi))
            return qpos, qvel
    return None


def paths(task: Task, dofs: Sequence[int], most: Tensor | None) -> Iterator[tuple[Tensor, Tensor]]:
    """States qpos (T+1, nq), qvel (T+1, nv) from the start straight to the goal, sooner or later, and at rest there; nothing without a goal.

    dofs: m degrees of freedom that are driven, by forces of at most ``most`` (m,); None: that is not known.
    """
    goal = goal_state(task)
    if goal is None:
        return
    setting, model = task.setting, task.setting.scene.rigid_solver.model
    qpos, qvel = setting.one_start()
    way = minus(model, goal[0], qpos)
    least = least_time(task, way, dofs, most)
    for ramp in RAMPS:
        steps = setting.horizon if least is None else min(max(ramp * least / setting.dt, 1.0), float(setting.horizon))
        share = (torch.arange(setting.horizon + 1).to(qpos) / steps).clamp(max=1.0)[:, None]
        there = plus(model, qpos.expand(len(share), -1), share * way)
        speed = torch.where(share < 1.0, way / (steps * setting.dt), goal[1])
        speed[0] = qvel
        yield there, speed
        if least is None or steps == setting.horizon:
            return


def least_time(task: Task, way: Tensor, dofs: Sequence[int], most: Tensor | None) -> float | None:
    """Time [s] that the driven joints need with all that they can give, half of the way faster, half slower; None where that is no end."""
    if most is None or not bool((torch.isfinite(most) & (most > 0.0)).all()):
        return None
    mass = plain(task.setting.scene.mass_matrix(task.setting.start_qpos)).detach()
    needed = (mass @ way)[list(dofs)].abs() / most.to(way)
    return 2.0 * float(needed.max().sqrt()) or None
