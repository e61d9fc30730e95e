"""Jacobians of one time step at many states: what forward sensitivities of a trajectory are made of.

    x' = f(x, u, theta), x = (qpos, qvel):    df/dx (nx, nx), df/dtheta, df/du, and the same of the acceleration qacc

A row of a Jacobian is the adjoint of one unit vector. Each launch takes the same unit vector at hundreds of states at once, so the
whole costs nx (and nv more with accelerations) adjoints of one step for each state, however many parameters there are; one Euler step
needs only nv where positions are plain numbers, q' = q + dt v', whose rows follow from those of v'. The rows are exact, as every adjoint
here; on quaternions they are those of the normalised coordinates.
Source: Griewank, Walther, Evaluating Derivatives (2008), §3.2 (vector-Jacobian products); sensitivities by recursion: Hairer, Norsett,
Wanner, Solving Ordinary Differential Equations I (1993), §I.14.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from genesis.grad.physics import Physics
from genesis.grad.rollout_launch import Inputs, RolloutLaunch, States

# States a launch: enough to fill lanes and threads, few enough to stay in the cache; of few sizes, since each keeps memory.
CHUNK, GRAIN = 256, 64

StepAdjoints = tuple[Tensor | None, Tensor, Tensor, Tensor, Tensor | None]  # of theta, qpos, qvel, dof_ctrl, act_ctrl


@dataclass
class Jacobian:
    """Derivatives of one vector (m numbers) at N states.

    state: (N, m, nx). parameters: (N, m, F) to chosen entries of theta. dof_ctrl: (N, m, nv). act_ctrl: (N, m, nu), None without.
    """

    state: Tensor
    parameters: Tensor
    dof_ctrl: Tensor
    act_ctrl: Tensor | None


@dataclass
class StepJacobian:
    """Of the next state (m = nx) and, if asked for, of the acceleration of the step (m = nv)."""

    next: Jacobian
    acceleration: Jacobian | None


def step_jacobian(
    physics: Physics,
    theta: Tensor,
    qpos: Tensor,
    qvel: Tensor,
    dof_ctrl: Tensor,
    act_ctrl: Tensor | None,
    columns: Tensor,
    acceleration: bool = False,
) -> StepJacobian:
    """Linearise one control step.

    Args:
        theta: (P,), or (N, P): a row for each state.
        qpos (N, nq), qvel (N, nv), dof_ctrl (N, nv), act_ctrl (N, nu) or None: where.
        columns: (F,) entries of theta that derivatives are wanted to; none: an empty tensor.
        acceleration: also the Jacobian of qacc.
    """
    count, nx = qpos.shape[0], physics.nq + physics.nv
    new = qpos.new_empty
    sizes = (nx, len(columns), physics.nv, physics.nu if act_ctrl is not None else 0)
    tables = [[new(count, m, k) for k in sizes] for m in ((nx, physics.nv) if acceleration else (nx,))]
    with torch.no_grad():
        for part, pull_back in _launches(physics, theta, qpos, qvel, dof_ctrl, act_ctrl, columns):
            size = part.stop - part.start
            for table, row, kind, k in _rows(physics, tables):
                theta_bar, q_bar, v_bar, u_bar, c_bar = pull_back(kind, k)
                table[0][part, row, : physics.nq], table[0][part, row, physics.nq :] = q_bar[:size], v_bar[:size]
                if theta_bar is not None:
                    table[1][part, row] = theta_bar[:size]
                table[2][part, row] = u_bar[:size]
                if c_bar is not None:
                    table[3][part, row] = c_bar[:size]
        _integrated(physics, tables[0])
    made = [Jacobian(table[0], table[1], table[2], table[3] if act_ctrl is not None else None) for table in tables]
    return StepJacobian(made[0], made[1] if acceleration else None)


def _rows(physics: Physics, tables: list[list[Tensor]]) -> Iterator[tuple[list[Tensor], int, int, int]]:
    """(table, its row, what the row is of: 0 qpos', 1 qvel', 2 qacc, which number of that)."""
    follows = _plain(physics)
    for k in range(physics.nq):
        if k not in follows:
            yield tables[0], k, 0, k
    for k in range(physics.nv):
        yield tables[0], physics.nq + k, 1, k
    if len(tables) > 1:
        for k in range(physics.nv):
            yield tables[1], k, 2, k


def _plain(physics: Physics) -> dict[int, int]:
    """Index in qpos -> in qvel of coordinates with q' = q + dt v'; none where a control step is more than one evaluation of the dynamics."""
    if physics.stages > 1 or physics.substeps > 1:
        return {}
    made = {}
    for joint in physics.model.joints:
        if joint.mimic is None:
            made.update({joint.qpos_adr + k: joint.dof_adr + k for k in range(joint.kind.plain)})
    return made


def _integrated(physics: Physics, tables: list[Tensor]) -> None:
    """Rows of the positions that follow from those of their velocities."""
    pairs = _plain(physics)
    if not pairs:
        return
    q, v = list(pairs), [physics.nq + k for k in pairs.values()]
    for table in tables:
        table[:, q] = physics.step_dt * table[:, v]
    tables[0][:, q, q] += 1.0


def _launches(
    physics: Physics, theta: Tensor, qpos: Tensor, qvel: Tensor, dof_ctrl: Tensor, act_ctrl: Tensor | None, columns: Tensor
) -> Iterator[tuple[slice, Callable[[int, int], StepAdjoints]]]:
    """Chunks of the states, each with `_pull_back` there."""
    count = qpos.shape[0]
    for first in range(0, count, CHUNK):
        chunk = min(CHUNK, -(-(count - first) // GRAIN) * GRAIN)
        launch = physics.launches(chunk).rollout(physics, 1, theta, act_ctrl, None, False)
        part = slice(first, min(first + chunk, count))
        at = torch.arange(first, first + chunk).clamp_(max=count - 1)  # the last chunk repeats its last state
        rows = theta if theta.dim() == 1 else theta[at]
        inputs = (
            dof_ctrl[at],
            physics.nothing if act_ctrl is None else act_ctrl[at],
            physics.nothing,
            qpos[at].contiguous(),
            qvel[at].contiguous(),
        )
        new, many = qpos.new_empty, physics.substeps
        states = (new(many, chunk, physics.nq), new(many, chunk, physics.nv), new(many * physics.stages, chunk, physics.nv))
        touched = launch.forward(rows, inputs, states)
        yield part, partial(_pull_back, launch, rows, inputs, states, touched, columns)


def _pull_back(
    launch: RolloutLaunch,
    theta: Tensor,
    inputs: Inputs,
    states: States,
    touched: Tensor | None,
    columns: Tensor,
    kind: int,
    k: int,
) -> StepAdjoints:
    """Adjoints of (theta, qpos, qvel, dof_ctrl, act_ctrl) of number k of qpos' (kind 0), qvel' (1) or qacc (2), at every state."""
    bars = [states[i].new_zeros(states[i].shape[-2:]) for i in range(3)]
    bars[kind][:, k] = 1.0
    given = (bars[0], bars[1], bars[2] if kind == 2 else None)
    return launch.adjoint(len(columns) > 0, theta, inputs, states, given, touched, columns=columns)[:-1]
