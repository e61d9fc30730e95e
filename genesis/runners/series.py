"""What a motion is judged by over time, and what its columns are, beside the motion itself in the run folder: for reports and exports."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from genesis.constraints import worst_over_time
from genesis.errors import SIMULATION_FAILURES
from genesis.parameters.open_loop import OpenLoop
from genesis.parameters.policy import Policy
from genesis.runners.names import CONSTRAINT, FORCE, LIMITED, LIMITS, LINES, MEANING, SERIES
from genesis.selection import SceneJoint, joints_of, limits
from genesis.setting import Setting
from genesis.tasks import Task
from genesis.view import View


def dof_arrays(task: Task) -> dict[str, np.ndarray]:
    """What the columns of qvel and controls are.

    dof_names (nv,): "joint", "joint.k" of several, "entity/joint" where several entities move. dof_kinds (nv,): angle or length.
    dof_coordinates (nv,): the place in qpos of those that add like numbers, -1 of the others. controlled (nv,): by a parameter.
    limits/position, velocity, force (nv, 2): of the robot's files, infinite where there is none; limits/controls: bounds of what is learned.
    """
    setting = task.setting
    nv = setting.start_qvel.shape[-1]
    names, lengths = [""] * nv, np.zeros(nv, bool)
    coordinates = np.full(nv, -1)
    bounds = {kind: np.tile([-np.inf, np.inf], (nv, 1)) for kind in LIMITED}
    moving = {entity.name: (entity, joints_of(entity)) for entity in setting.scene.entities}
    moving = {name: found for name, found in moving.items() if found[1]}
    for name, (entity, joints) in moving.items():
        for joint in joints:
            for k, dof in enumerate(joint.dofs):
                names[dof] = joint.kind.label(joint.name if len(moving) == 1 else f"{name}/{joint.name}", k)
                lengths[dof] = joint.kind.dofs[k].position == "m"
                if k < joint.kind.plain:
                    coordinates[dof] = joint.qs[k]
        for kind in LIMITED:
            _put_limits(bounds[kind], entity, joints, kind)
    controlled = np.zeros(nv, bool)
    controlled[[dof for parameter in task.parameters.values() for dof in parameter.changes.controls]] = True
    return {
        "dof_names": np.array(names),
        "dof_kinds": np.where(lengths, "length", "angle"),
        "dof_coordinates": coordinates,
        "controlled": controlled,
        **{LIMITS + kind: value for kind, value in bounds.items()},
        f"{LIMITS}controls": _control_bounds(task, setting, nv),
    }


def _put_limits(table: np.ndarray, entity: Any, joints: list[SceneJoint], kind: str) -> None:
    """Of the joints into their rows (nv, 2), in place."""
    if not joints:
        return
    low, high = limits(entity, joints, kind)
    rows = [dof for joint in joints for dof in joint.dofs]
    table[rows, 0], table[rows, 1] = (x.detach().cpu().double().numpy() for x in (low, high))


def _control_bounds(task: Task, setting: Setting, nv: int) -> np.ndarray:
    """(nv, 2); of bounds that change over time the widest."""
    table = np.tile([-np.inf, np.inf], (nv, 1))
    for parameter in task.parameters.values():
        if isinstance(parameter, (OpenLoop, Policy)) and parameter.limits is not None:
            for side, reduce in ((0, np.min), (1, np.max)):
                values = (parameter.limits.low if side == 0 else parameter.limits.high).detach().cpu().double().numpy()
                table[parameter.dofs, side] = reduce(values, 0) if values.ndim > 1 else values
    return table


def series_arrays(task: Task, trajectory: View, without: Sequence[int] = ()) -> dict[str, np.ndarray]:
    """series/METRIC (T+1,[B]): the metrics that every state has; series/force (T,[B,]nv) [N | Nm]: what the joint controllers ask for, where
    controls are none; constraint/METRIC (T+1,[B]): the worst number of a constraint, with constraint_lines/METRIC (2,) and
    constraint_meaning/METRIC (words, unit). NaN for the environments left out."""
    with torch.no_grad():
        found = {SERIES + name: value for name, value in task.goal.over_time(trajectory).items()}
        if task.setting.control != "force":
            found[FORCE] = trajectory.controller_force
        drawn = worst_over_time(task.constraints, trajectory, task.setting.horizon + 1)
        found |= {CONSTRAINT + name: one.values for name, one in drawn.items()}
    arrays = {name: value.detach().cpu().numpy() for name, value in found.items()}
    if without:
        arrays = {name: spread(values, task.setting.batch[0], without) for name, values in arrays.items()}
    arrays |= {LINES + name: np.array([one.low, one.high]) for name, one in drawn.items()}
    return arrays | {MEANING + name: np.array([one.words, one.unit]) for name, one in drawn.items()}


def soft_violations(task: Task, without: Sequence[int] = ()) -> dict[str, Any]:
    """For result.json, where there are soft constraints alone: how far the present motion violates them. Of hard ones their rounds tell."""
    if not task.constraints or task.constraints.hard:
        return {}
    try:
        with torch.no_grad():
            view, _ = task.simulate(without)
    except SIMULATION_FAILURES:
        return {}
    left = torch.tensor(task.left(without)) if without else None
    return {"constraints": task.constraints.content(view, task.setting.dt, left)}


def spread(values: np.ndarray, envs: int, without: Sequence[int]) -> np.ndarray:
    """(T, B, …) of all environments from those that are there; NaN for the others."""
    whole = np.full((len(values), envs, *values.shape[2:]), np.nan)
    whole[:, [env for env in range(envs) if env not in without]] = values
    return whole
