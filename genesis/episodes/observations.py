"""What a policy observes, one kind a class; each gives (…, width) of instants, differentiable to the state."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from genesis.channels.frames import frames
from genesis.episodes.instants import Body, Instants
from genesis.errors import InputError, unknown_name
from genesis.grad.rotation import rotate_inverse
from genesis.selection import chosen_joints, coordinates, dofs, indices, match
from genesis.setting import Setting


class Observation(Protocol):
    """labels: of each number; units: SI, likewise."""

    labels: list[str]
    units: list[str]

    def __call__(self, now: Instants) -> Tensor:
        """(…, B, width)"""
        ...


class _Vector:
    """Base of three numbers in the axes of a body, or of fewer of them."""

    unit = ""

    def __init__(
        self, setting: Setting, where: str, *, entity: str | None = None, link: str | None = None, axes: str = "xyz"
    ) -> None:
        self.body = Body(setting, where, entity, link)
        if not axes or any(axis not in "xyz" for axis in axes) or len(set(axes)) != len(axes):
            raise InputError(f'{where}.axes: "{axes}"; allowed: letters of xyz, each once.')
        self.columns = indices(["xyz".index(axis) for axis in axes])
        self.labels, self.units = [f"{self.body.name}.{axis}" for axis in axes], [self.unit] * len(axes)

    def _all(self, now: Instants) -> Tensor:
        raise NotImplementedError

    def __call__(self, now: Instants) -> Tensor:
        found = self._all(now)
        return found if len(self.columns) == 3 else found.index_select(-1, self.columns)


class Up(_Vector):
    """Upward direction of the world in the axes of a body: what an accelerometer at rest shows, without its length."""

    unit = "1"

    def _all(self, now: Instants) -> Tensor:
        return self.body.up(now)


class Ahead(_Vector):
    """The body's x axis in the world."""

    unit = "1"

    def _all(self, now: Instants) -> Tensor:
        return self.body.ahead(now)


class LinearVelocity(_Vector):
    """Velocity of a body in its own axes [m/s]."""

    unit = "m/s"

    def _all(self, now: Instants) -> Tensor:
        return self.body.velocity_in_body(now)


class AngularVelocity(_Vector):
    """Angular velocity of a body in its own axes, as a gyroscope measures it [rad/s]."""

    unit = "rad/s"

    def _all(self, now: Instants) -> Tensor:
        return self.body.angular_in_body(now)


class Height:
    """z of a body in the world [m]."""

    def __init__(self, setting: Setting, where: str, *, entity: str | None = None, link: str | None = None) -> None:
        self.body = Body(setting, where, entity, link)
        self.labels, self.units = [f"{self.body.name}.z"], ["m"]

    def __call__(self, now: Instants) -> Tensor:
        return self.body.position(now)[..., 2:]


class JointPosition:
    """Coordinates of joints of one coordinate [rad | m]; of `periodic` ones sine and cosine."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        joints: Any = ("*",),
        periodic: Any = (),
        entity: str | None = None,
    ) -> None:
        chosen = [joint for joint in chosen_joints(where, setting.entity(where, entity), joints) if joint.is_scalar]
        if not chosen:
            raise InputError(f"{where}.joints: {joints!r} means joints of one coordinate, and there is none.")
        turning = set(match(f"{where}.periodic", "joint", periodic, [joint.name for joint in chosen])) if periodic else set()
        plain = [joint for k, joint in enumerate(chosen) if k not in turning]
        angles = [chosen[k] for k in sorted(turning)]
        self.plain, self.angles = indices(coordinates(plain)), indices(coordinates(angles))
        self.labels = [joint.name for joint in plain] + [f"{f} {joint.name}" for f in ("sin", "cos") for joint in angles]
        self.units = ["m" if joint.slides else "rad" for joint in plain] + ["1"] * (2 * len(angles))

    def __call__(self, now: Instants) -> Tensor:
        plain = now.qpos.index_select(-1, self.plain)
        if not len(self.angles):
            return plain
        angles = now.qpos.index_select(-1, self.angles)
        return torch.cat((plain, angles.sin(), angles.cos()), -1)


class JointVelocity:
    """Velocities of joints of one coordinate [rad/s | m/s]."""

    def __init__(self, setting: Setting, where: str, *, joints: Any = ("*",), entity: str | None = None) -> None:
        chosen = [joint for joint in chosen_joints(where, setting.entity(where, entity), joints) if joint.is_scalar]
        if not chosen:
            raise InputError(f"{where}.joints: {joints!r} means joints of one coordinate, and there is none.")
        self.dofs = indices(dofs(chosen))
        self.labels = [f"{joint.name} velocity" for joint in chosen]
        self.units = ["m/s" if joint.slides else "rad/s" for joint in chosen]

    def __call__(self, now: Instants) -> Tensor:
        return now.qvel.index_select(-1, self.dofs)


class LastAction:
    """What the policy chose last, in [-1, 1]."""

    def __init__(self, setting: Setting, where: str, *, actions: Sequence[str]) -> None:
        self.labels, self.units = [f"action {name}" for name in actions], ["1"] * len(actions)

    def __call__(self, now: Instants) -> Tensor:
        return now.action


class Commanded:
    """The numbers of a command of the task."""

    def __init__(self, setting: Setting, where: str, *, command: str, commands: dict[str, Any]) -> None:
        if command not in commands:
            raise unknown_name(f"{where}.command", "command", command, commands)
        self.command, self.labels, self.units = command, list(commands[command].labels), list(commands[command].units)

    def __call__(self, now: Instants) -> Tensor:
        return now.commands[self.command]


class ToTarget:
    """From a link or site to the point of a command (3), in the axes of the world or of a body [m]."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        command: str,
        commands: dict[str, Any],
        frame: str | None = None,
        entity: str | None = None,
        in_body: bool = False,
    ) -> None:
        if command not in commands:
            raise unknown_name(f"{where}.command", "command", command, commands)
        if len(commands[command].labels) != 3:
            raise InputError(f"{where}.command: {command} is no point; allowed: a command of kind position.")
        body = setting.entity(f"{where}.entity", entity)
        name = setting.frame(f"{where}.frame", frame, body)
        self.frames, self.command = frames(setting, where, [name], entity), command
        self.body = Body(setting, where, entity) if in_body else None
        self.labels, self.units = [f"{name} to {command}.{axis}" for axis in "xyz"], ["m"] * 3

    def __call__(self, now: Instants) -> Tensor:
        way = now.commands[self.command] - point_of(self.frames, now)
        return way if self.body is None else rotate_inverse(self.body.quat(now), way)


def point_of(frame: Any, now: Instants) -> Tensor:
    """World position (…, 3) of the one frame in `genesis.channels.frames.Frames`."""
    lead = now.qpos.shape[:-1]
    flat = tuple(x.flatten(0, -3) if x.dim() > 3 else x for x in now.kinematics)
    found: Tensor = frame.position(flat)[:, 0].reshape(*lead, 3)
    return found


#: kind -> class; built as `OBSERVATIONS[kind](setting, where, **options)`.
OBSERVATIONS: dict[str, Any] = {
    "joint_position": JointPosition,
    "joint_velocity": JointVelocity,
    "up": Up,
    "ahead": Ahead,
    "linear_velocity": LinearVelocity,
    "angular_velocity": AngularVelocity,
    "height": Height,
    "last_action": LastAction,
    "command": Commanded,
    "to_target": ToTarget,
}
