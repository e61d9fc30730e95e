"""What an experiment measures: channels of a trajectory, each with its noise, at the times of the samples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.description.kinds import SCALARS
from genesis.errors import InputError, unknown_name
from genesis.selection import Joint, chosen_joints, coordinates, dofs, vector
from genesis.setting import Setting
from genesis.tasks.unknowns import options_of

KEYS = ("kind", "joints", "sigma")


@dataclass(frozen=True)
class Motion:
    """States and controllers' forces of a motion: qpos (T+1,...,nq), qvel (T+1,...,nv), force (T,...,nv)."""

    qpos: Tensor
    qvel: Tensor
    force: Tensor


@dataclass(frozen=True)
class Channel:
    """joints measured together. read: (motion, every) -> (samples,...,n); sigma: (n,) standard deviation of the noise of a sample."""

    name: str
    kind: str
    labels: list[str]
    read: Callable[[Motion, int], Tensor]
    sigma: Tensor


def read_channels(setting: Setting, specs: Mapping[str, Any]) -> list[Channel]:
    """Channels from the config node `task.channels`. Raises: InputError, UnknownNameError naming the key."""
    made = [_channel(f"task.channels.{name}", name, setting, node) for name, node in specs.items() if node is not None]
    if not made:
        raise InputError(
            "task.channels: nothing is measured; name a channel, e.g. {angle: {kind: joint_position, sigma: 0.001}}."
        )
    return made


def stride(setting: Setting, rate: float | None) -> int:
    """Steps from one sample to the next; rate in Hz, None: every step.

    Raises: InputError for a rate that has no whole number of steps.
    """
    if rate is None:
        return 1
    steps = 1.0 / (rate * setting.dt)
    every = max(1, round(steps))
    if abs(steps - every) > 1e-6 * every or every > setting.horizon:
        nearest = 1.0 / (every * setting.dt)
        raise InputError(
            f"task.rate: {rate:g} Hz is no whole number of steps of {setting.dt:g} s between samples; nearest: {nearest:g} Hz."
        )
    return every


def whitened(channels: list[Channel], motion: Motion, every: int) -> Tensor:
    """All measurements in units of their noise, (N,) or (B, N)."""
    parts = []
    for channel in channels:
        values = channel.read(motion, every) / channel.sigma
        parts.append(values.flatten() if values.ndim == 2 else values.transpose(0, 1).flatten(1))
    return torch.cat(parts, -1)


def _channel(where: str, name: str, setting: Setting, node: Any) -> Channel:
    options = options_of(where, node, KEYS)
    kind, sigma = options.get("kind"), options.get("sigma")
    if kind not in CHANNELS:
        raise unknown_name(f"{where}", "kind", str(kind), CHANNELS)
    if sigma is None:
        raise InputError(f"{where}.sigma: must be given: the standard deviation of the noise of one sample [SI].")
    joints = chosen_joints(f"{where}.joints", setting.robot, options.get("joints", ("*",)))
    noise = vector(f"{where}.sigma", sigma, len(dofs(joints)))
    if bool((noise <= 0).any()):
        raise InputError(f"{where}.sigma: {sigma} must be positive.")
    read = CHANNELS[kind](where, setting, joints)
    return Channel(name, str(kind), [joint.name for joint in joints for _ in joint.dofs], read, noise)


def _positions(where: str, setting: Setting, joints: list[Joint]) -> Callable[[Motion, int], Tensor]:
    for joint in joints:
        if not joint.is_scalar:
            raise InputError(f"{where}: joint {joint.name} turns by a quaternion; positions are measured of {SCALARS}.")
    places = coordinates(joints)
    return lambda motion, every: motion.qpos[::every][..., places]


def _velocities(where: str, setting: Setting, joints: list[Joint]) -> Callable[[Motion, int], Tensor]:
    places = dofs(joints)
    return lambda motion, every: motion.qvel[::every][..., places]


def _torques(where: str, setting: Setting, joints: list[Joint]) -> Callable[[Motion, int], Tensor]:
    """The force that the joint controllers ask for, which they apply while it is within its bounds."""
    if setting.control == "force":
        raise InputError(f"{where}: with task.control force the joint forces are given, and tell nothing; measure positions.")
    places = dofs(joints)
    return lambda motion, every: motion.force[::every][..., places]


#: kind -> function(where, setting, joints) that makes `Channel.read`.
CHANNELS: dict[str, Callable[[str, Setting, list[Joint]], Callable[[Motion, int], Tensor]]] = {
    "joint_position": _positions,
    "joint_velocity": _velocities,
    "joint_torque": _torques,
}
