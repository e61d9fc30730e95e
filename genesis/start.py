"""The state at the start of every rollout."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.selection import SceneJoint, coordinates, dofs, joints_of, match, tensor, vector


def start_state(
    scene: Any,
    robot: Any,
    homes: Mapping[Any, Any],
    *,
    qpos: Any = None,
    qvel: Any = None,
    envs: int = 0,
    spread_qpos: Any = 0.0,
    spread_qvel: Any = 0.0,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """qpos ([B,]nq), qvel ([B,]nv) of the scene [rad | m, rad/s | m/s].

    Args:
        homes: entity -> its configuration (list, mapping joint: value, or None for the file's).
        qpos: the robot's configuration over its home: a list replaces it, a mapping the joints that it names.
        qvel: the robot's velocity.
        envs: B; 0 for one environment without that axis.
        spread_qpos, spread_qvel: half widths of a uniform spread, one number for each degree of freedom of the robot.
    """
    full = current_configuration(scene, list(homes))
    for entity, home in homes.items():
        full = with_configuration(f"{entity.name}.home", full, entity, home)
    full = with_configuration("task.start_qpos", full, robot, qpos)
    velocity = torch.zeros(scene.rigid_solver.n_dofs, dtype=full.dtype, device=full.device)
    joints = joints_of(robot)
    if qvel is not None:
        velocity[dofs(joints)] = vector("task.start_qvel", qvel, len(dofs(joints)))
    if envs == 0:
        if any(bool((vector("task.spread", s, len(dofs(joints))) != 0).any()) for s in (spread_qpos, spread_qvel)):
            raise InputError("task.spread_qpos, task.spread_qvel: a spread needs several environments; give task.envs.")
        return full, velocity
    spread = Spread(joints, spread_qpos, spread_qvel)
    return spread.draw(full.expand(envs, -1).clone(), velocity.expand(envs, -1).clone(), generator)


class Spread:
    """Uniform spread of states around one; qpos, qvel: half widths, one number for each degree of freedom of the joints, or one for all."""

    def __init__(self, joints: list[SceneJoint], qpos: Any, qvel: Any) -> None:
        self.joints, self.dofs = joints, dofs(joints)
        self.qpos = vector("task.spread_qpos", qpos, len(self.dofs))
        self.qvel = vector("task.spread_qvel", qvel, len(self.dofs))

    def draw(self, qpos: Tensor, qvel: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Add it in place to qpos (n, nq), qvel (n, nv). Raises: InputError where coordinates are no plain numbers."""
        _spread_positions(qpos, self.joints, self.qpos, generator)
        qvel[:, self.dofs] += self.qvel * _uniform(len(qvel), len(self.dofs), generator)
        return qpos, qvel


def current_configuration(scene: Any, entities: list[Any]) -> Tensor:
    """qpos (nq) of the scene as built."""
    full = tensor([0.0] * scene.rigid_solver.n_qs)
    for entity in entities:
        if entity.n_qs:
            value = entity.get_qpos().detach()
            full[entity.q_start : entity.q_start + entity.n_qs] = tensor(value if value.ndim == 1 else value[0])
    return full


def with_configuration(where: str, full: Tensor, entity: Any, value: Any) -> Tensor:
    """The scene's qpos with an entity's part replaced: list over its qpos, or mapping joint: value; None: unchanged."""
    if value is None:
        return full
    joints = joints_of(entity)
    full = full.clone()
    if isinstance(value, Mapping):
        for name, entry in value.items():
            picked = [joints[i] for i in match(where, "joint", [name], [joint.name for joint in joints])]
            index = coordinates(picked)
            full[index] = vector(f"{where}.{name}", entry, len(index))
        return full
    index = coordinates(joints)
    full[index] = vector(where, value, len(index))
    return full


def _spread_positions(full: Tensor, joints: list[SceneJoint], half: Tensor, generator: torch.Generator) -> None:
    """Add the spread in place; only coordinates that are plain numbers can be spread."""
    first = 0
    for joint in joints:
        widths = half[first : first + len(joint.dofs)]
        first += len(joint.dofs)
        linear = joint.kind.plain
        if bool((widths[linear:] != 0).any()):
            raise InputError(
                f"task.spread_qpos: joint {joint.name} turns by a quaternion, which cannot be spread; give zero there."
            )
        if linear:
            full[:, list(joint.qs[:linear])] += widths[:linear] * _uniform(len(full), linear, generator)


def _uniform(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Uniform in [-1, 1)."""
    return tensor(torch.rand(rows, columns, generator=generator, dtype=torch.float64) * 2.0 - 1.0)
