"""Checkpoints: state, time, properties and controls of a scene in one file (torch.save, plain tensors only)."""

import pickle
from os import PathLike
from typing import Any

import numpy as np
import torch

from genesis.errors import InputError
from genesis.scene.inputs import Indexer
from genesis.scene.solver import RigidSolver

VERSION = 2
CONTROLS = ("force", "position", "velocity", "act_ctrl")


def save(solver: RigidSolver, path: str | PathLike) -> None:
    """Write a checkpoint; gradients are not kept."""
    p, c = solver.parameters, solver.controls
    torch.save(
        {
            "version": VERSION,
            "scene": _signature(solver),
            "steps": solver.steps,
            "state": {name: _own(getattr(solver, name)) for name in ("qpos", "qvel", "qacc")},
            "parameters": {name: _own(p.value(name)) for name in p.names},
            "controls": {name: None if getattr(c, name) is None else _own(getattr(c, name)) for name in CONTROLS},
            "loops": {name: torch.from_numpy(np.ascontiguousarray(flags)) for name, flags in c.flags().items()},
        },
        path,
    )


def load(solver: RigidSolver, path: str | PathLike) -> None:
    """Read a checkpoint of the same scene. Raises: InputError."""
    try:
        kept: dict[str, Any] = torch.load(path, map_location=solver.inputs.device, weights_only=True)
        version, signature = kept["version"], kept["scene"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise InputError(f"scene.load_checkpoint: {path} cannot be read as a checkpoint ({error}).") from error
    if version != VERSION:
        raise InputError(f"scene.load_checkpoint: {path} has version {version}; allowed: {VERSION}.")
    for name, mine in _signature(solver).items():
        if signature.get(name) != mine:
            raise InputError(f"scene.load_checkpoint: {path} is of another scene: {name} is {signature.get(name)}, here {mine}.")
    dtype = solver.inputs.dtype
    for name in solver.parameters.names:
        value = kept["parameters"][name].to(dtype)
        if not torch.equal(
            value.expand_as(solver.parameters.value(name)) if value.shape[0] == 1 else value, solver.parameters.value(name)
        ):
            solver.parameters.set(name, value, Indexer(name, value.shape[1], 0, value.device).all, None, "scene.load_checkpoint")
    controls = {name: None if value is None else value.to(dtype) for name, value in kept["controls"].items()}
    solver.controls.restore(controls, {name: flags.cpu().numpy() for name, flags in kept["loops"].items()})
    solver.put_state(*(kept["state"][name].to(dtype) for name in ("qpos", "qvel", "qacc")))
    solver.steps = kept["steps"]


def _own(x: torch.Tensor) -> torch.Tensor:
    """A copy: a view would be stored with all that it is a view of."""
    return x.detach().clone().cpu()


def _signature(solver: RigidSolver) -> dict[str, object]:
    return {
        "n_envs": solver.n_envs,
        "entities": [entity.name for entity in solver.entities],
        "joints": [joint.name for joint in solver.joints],
        "links": [link.name for link in solver.links],
    }
