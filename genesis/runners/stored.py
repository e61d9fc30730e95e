"""A run as it is stored: its solution as numpy data with names and units, read without the engine."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genesis.description.kinds import KINDS, JointKind
from genesis.errors import InputError, unknown_name
from genesis.runners.files import read_npz
from genesis.runners.names import (
    CONFIG,
    CONTROL_KIND,
    FEEDBACK,
    JOINT_KINDS,
    JOINT_NAMES,
    LEAF,
    POLICY,
    RESULT,
    SOLUTION,
    TRAJECTORY,
    VALUE,
)

if TYPE_CHECKING:
    from genesis.runners.actor_module import ActorModule
    from genesis.runners.policy_module import PolicyModule

Arrays = dict[str, np.ndarray]
#: Files of a run folder that hold a motion, the first that is there counts.
FILES = (SOLUTION, TRAJECTORY)
MOTION = ("time", "qpos", "qvel", "controls")
MEANING = (JOINT_NAMES, JOINT_KINDS, CONTROL_KIND)


@dataclass(frozen=True)
class FeedbackLaw:
    """u = dof_ctrl + gains · (x ⊖ (qpos, qvel)) holds the motion (qpos, qvel) where controls alone do not reproduce it.

    qpos (T+1, nq) and qvel (T+1, nv): the motion [rad | m, rad/s | m/s]. dof_ctrl (T, nv): what the joint controllers are given along it
    [Nm | N], a target times its gain. gains (T, n, 2 nv): [Nm | N] of the degrees of freedom `dofs` (n,) for each unit of the state's
    difference, positions first. ⊖ is the difference in the tangent space: plain, for quaternions the rotation vector in the joint's frame.
    feedforward (T, n), of motions that ddp has found: what, added to dof_ctrl, would lower the cost further; zero at a minimum.
    """

    qpos: np.ndarray
    qvel: np.ndarray
    dof_ctrl: np.ndarray
    gains: np.ndarray
    dofs: np.ndarray
    feedforward: np.ndarray | None = None


@dataclass(frozen=True)
class Solution:
    """What a run found. Shapes have an axis of environments (B) where its task has several.

    folder: of the run. time (T+1,) [s]. qpos (T+1, [B,] nq) [rad | m], quaternions wxyz. qvel (T+1, [B,] nv) [rad/s | m/s].
    controls (T, [B,] nv): forces [Nm | N], or targets of positions or velocities, as `control_kind` says; each is held for `dt`.
    parameters: name -> value in its own units, of a policy all its weights. joint_names, joint_kinds: in the order of qpos and qvel.
    status, objective, metrics: of result.json, of the best point. feedback: None where the controls alone make the motion.
    arrays: all of the file, by name.
    """

    folder: Path
    time: np.ndarray
    qpos: np.ndarray
    qvel: np.ndarray
    controls: np.ndarray
    parameters: Arrays
    joint_names: tuple[str, ...]
    joint_kinds: tuple[JointKind, ...]
    control_kind: str
    status: str
    objective: float | None
    metrics: dict[str, float]
    feedback: FeedbackLaw | None = None
    arrays: Arrays = field(default_factory=dict, repr=False)

    @property
    def dt(self) -> float:
        """How long each control is held [s]."""
        return float(self.time[-1] - self.time[0]) / (len(self.time) - 1)

    @property
    def envs(self) -> int | None:
        """Number of environments B; None where the arrays have no axis for them."""
        return self.qpos.shape[1] if self.qpos.ndim == 3 else None

    @property
    def qpos_names(self) -> list[str]:
        """A name for each of the nq coordinates: the joint's, "joint.k" where it has several."""
        return [kind.label(name, k) for name, kind in self._joints() for k in range(kind.nq)]

    @property
    def qpos_units(self) -> list[str]:
        """SI unit of each coordinate; "1" of the numbers of quaternions."""
        plain = [
            [unit.position for unit in kind.dofs[: kind.plain]] + ["1"] * (kind.nq - kind.plain) for kind in self.joint_kinds
        ]
        return [unit for units in plain for unit in units]

    @property
    def qvel_names(self) -> list[str]:
        """A name for each of the nv degrees of freedom."""
        return [kind.label(name, k) for name, kind in self._joints() for k in range(kind.nv)]

    @property
    def qvel_units(self) -> list[str]:
        """SI unit of each velocity."""
        return [unit.velocity for kind in self.joint_kinds for unit in kind.dofs]

    @property
    def control_units(self) -> list[str]:
        """SI unit of each control: of a force, a position or a velocity."""
        return [getattr(unit, self.control_kind) for kind in self.joint_kinds for unit in kind.dofs]

    @property
    def policies(self) -> list[str]:
        """Names of the parameters that are policies."""
        return sorted({name.split("/")[1] for name in self.arrays if name.startswith(POLICY)})

    def policy(self, name: str | None = None) -> "PolicyModule | ActorModule":
        """The policy as a torch module, observation (N, n) -> action (N, m) with its bounds; it says the order, names and units of both.

        A policy of episodes gives (action in [-1, 1], control), each (N, m).

        Args:
            name: of the parameter, where there are several.

        Raises: InputError where the run has none, or several and no name is given.
        """
        from genesis.runners.actor_module import ActorModule
        from genesis.runners.policy_module import module_of

        if not self.policies:
            raise InputError(f"{self.folder}: learned no policy; it has {', '.join(self.parameters) or 'no parameter'}.")
        if name is None and len(self.policies) > 1:
            raise InputError(f"{self.folder}: has several policies; give one of {', '.join(self.policies)}.")
        chosen = name or self.policies[0]
        if chosen not in self.policies:
            raise unknown_name(str(self.folder), "policy", chosen, self.policies)
        of_episodes = "specification" in self.policy_arrays(chosen)
        return ActorModule(self.policy_arrays(chosen)) if of_episodes else module_of(self, chosen)

    def policy_arrays(self, name: str) -> Arrays:
        """What `Policy.constants` gave, and the weights as "0", "1", …"""
        return {
            key.removeprefix(f"{head}{name}/"): value
            for head in (POLICY, LEAF)
            for key, value in self.arrays.items()
            if key.startswith(f"{head}{name}/")
        }

    def _joints(self) -> list[tuple[str, JointKind]]:
        return list(zip(self.joint_names, self.joint_kinds, strict=True))


def read_solution(folder: Path, meaning: Callable[[], Arrays] | None = None) -> Solution:
    """The solution that lies in a run folder.

    Args:
        meaning: gives the arrays of `solution.meaning_arrays`, asked where the file lacks them, as those of earlier versions do.

    Raises: InputError for a folder that is no run, holds no motion, or a file that cannot be read.
    """
    if not (folder / CONFIG).is_file():
        raise InputError(f"{folder}: no stored run there ({CONFIG} is missing); give a run folder such as outputs/DATE/TIME.")
    file = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if file is None:
        raise InputError(f"{folder}: the run has no {' and no '.join(FILES)}; it has not finished, or finds no motion.")
    arrays = read_npz(file)
    missing = [name for name in MOTION if name not in arrays]
    if missing:
        raise InputError(f"{file}: holds no trajectory ({', '.join(missing)} missing); runs of optimize and simulate have one.")
    if any(name not in arrays for name in MEANING):
        if meaning is None:
            raise InputError(f"{file}: is of an earlier version, without names of joints; simulate the run anew.")
        arrays |= meaning()
    result = _result(folder)
    objective = result.get("objective_best", result.get("objective"))
    back = {name.removeprefix(FEEDBACK): value for name, value in arrays.items() if name.startswith(FEEDBACK)}
    return Solution(
        folder=folder,
        **{name: arrays[name] for name in MOTION},
        parameters={name.removeprefix(VALUE): value for name, value in arrays.items() if name.startswith(VALUE)},
        joint_names=tuple(map(str, arrays[JOINT_NAMES])),
        joint_kinds=tuple(KINDS[str(kind)] for kind in arrays[JOINT_KINDS]),
        control_kind=str(arrays[CONTROL_KIND]),
        status=str(result.get("status", "unknown")),
        objective=None if objective is None else float(objective),
        metrics=dict(result.get("metrics") or {}),
        feedback=FeedbackLaw(**back) if back else None,
        arrays=arrays,
    )


def _result(folder: Path) -> dict[str, Any]:
    """result.json; empty where there is none, as after an interruption. Raises: InputError for one that cannot be read."""
    file = folder / RESULT
    if not file.is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read: {error}.") from error
    return content
