"""Learned parameters as arrays: written to solution.npz, read back into a task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genesis.description.kinds import JointKind
from genesis.errors import InputError
from genesis.parameters.policy import Policy
from genesis.runners.files import read_npz
from genesis.runners.names import CONTROL_KIND, JOINT_KINDS, JOINT_NAMES, LEAF, POLICY, SOLUTION, VALUE
from genesis.runners.series import series_arrays, spread
from genesis.selection import joints_of, tensor
from genesis.tasks import Task


def trajectory_arrays(task: Task, without: Sequence[int] = ()) -> dict[str, np.ndarray]:
    """time (T+1) [s], qpos (T+1,[B,]nq), qvel, controls (T,[B,]nv) of the present parameters, and `series_arrays`; NaN for the environments
    left out."""
    with torch.no_grad():
        trajectory, _ = task.simulate(without) if without else task.simulate()
    series = {name: getattr(trajectory, name).detach().cpu().numpy() for name in ("qpos", "qvel", "controls")}
    if without:
        series = {name: spread(values, task.setting.batch[0], without) for name, values in series.items()}
    return {"time": times(task), **series, **series_arrays(task, trajectory, without)}


def times(task: Task) -> np.ndarray:
    """(T+1) [s]"""
    steps: np.ndarray = np.arange(task.setting.horizon + 1) * task.setting.dt
    return steps


def parameter_arrays(task: Task) -> dict[str, np.ndarray]:
    """The present parameters."""
    arrays = {}
    for name, parameter in task.parameters.items():
        arrays[VALUE + name] = parameter.value().detach().cpu().numpy()
        for i, leaf in enumerate(parameter.leaves()):
            arrays[f"{LEAF}{name}/{i}"] = leaf.detach().cpu().numpy()
    return arrays


def meaning_arrays(task: Task) -> dict[str, np.ndarray]:
    """What the other arrays mean: joint_names and joint_kinds (`genesis.description.kinds`) in the order of qpos and qvel, control_kind
    (force, position or velocity), and of each policy what it is made of beside its weights (`Policy.constants`)."""
    joints = named_joints(task.setting.entities)
    arrays = {
        JOINT_NAMES: np.array([name for name, _ in joints]),
        JOINT_KINDS: np.array([kind.name for _, kind in joints]),
        CONTROL_KIND: np.array(task.setting.control),
    }
    for name, parameter in task.parameters.items():
        if isinstance(parameter, Policy):
            arrays |= {f"{POLICY}{name}/{what}": value for what, value in parameter.constants().items()}
    return arrays


def named_joints(entities: Mapping[str, Any]) -> list[tuple[str, JointKind]]:
    """Name and kind of every movable joint of the entities of a scene, in the order of qpos; "entity/joint" where several have joints."""
    movable = [(name, joints_of(entity)) for name, entity in entities.items()]
    movable = sorted(((name, joints) for name, joints in movable if joints), key=lambda one: one[1][0].qs)
    several = len(movable) > 1
    return [(f"{name}/{j.name}" if several else j.name, j.kind) for name, joints in movable for j in joints]


def load_parameters(task: Task, path: Path) -> list[str]:
    """Put the parameters of a solution.npz into a task; returns the names found.

    Raises: InputError for a missing or foreign file, or other shapes.
    """
    file = path / SOLUTION if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path}: no solution.npz there.")
    arrays = read_npz(file)
    found = []
    for name, parameter in task.parameters.items():
        if f"{LEAF}{name}/0" not in arrays:
            continue
        for i, leaf in enumerate(parameter.leaves()):
            value = arrays.get(f"{LEAF}{name}/{i}")
            if value is None or value.shape != tuple(leaf.shape):
                shape = None if value is None else value.shape
                raise InputError(
                    f"{file}: parameter {name} has shape {shape}, here {tuple(leaf.shape)}; use that run's config (--rerun)."
                )
            with torch.no_grad():
                leaf.copy_(tensor(value))
        found.append(name)
    if not found:
        raise InputError(f"{file}: holds none of this task's parameters ({', '.join(task.parameters)}).")
    return found
