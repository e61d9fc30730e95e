"""What a policy observes, one kind a class; each gives (…, width) of instants, differentiable to the state."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from genesis.channels.frames import frames
from genesis.episodes.moments import BodyFrame, Moments
from genesis.errors import InputError, unknown_name
from genesis.grad.rotation import rotate_inverse
from genesis.selection import chosen_joints, coordinates, dofs, indices, match
from genesis.setting import Setting


class SeenTerm(Protocol):
    """labels: of each number; units: SI, likewise."""

    labels: list[str]
    units: list[str]

    def __call__(self, now: Moments) -> Tensor:
        """(…, B, width)"""
        ...


class _Vector:
    """Base of three numbers in the axes of a body, or of fewer of them."""

    unit = ""

    def __init__(
        self, setting: Setting, where: str, *, entity: str | None = None, link: str | None = None, axes: str = "xyz"
    ) -> None:
        self.body = BodyFrame(setting, where, entity, link)
        if not axes or any(axis not in "xyz" for axis in axes) or len(set(axes)) != len(axes):
            raise InputError(f'{where}.axes: "{axes}"; allowed: letters of xyz, each once.')
        self.columns = indices(["xyz".index(axis) for axis in axes])
        self.labels, self.units = [f"{self.body.name}.{axis}" for axis in axes], [self.unit] * len(axes)

    def _all(self, now: Moments) -> Tensor:
        raise NotImplementedError

    def __call__(self, now: Moments) -> Tensor:
        found = self._all(now)
        return found if len(self.columns) == 3 else found.index_select(-1, self.columns)


class UpSeen(_Vector):
    """Upward direction of the world in the axes of a body: what an accelerometer at rest shows, without its length."""

    unit = "1"

    def _all(self, now: Moments) -> Tensor:
        return self.body.up(now)


class AheadSeen(_Vector):
    """The body's x axis in the world."""

    unit = "1"

    def _all(self, now: Moments) -> Tensor:
        return self.body.ahead(now)


class VelocitySeen(_Vector):
    """Velocity of a body in its own axes [m/s]."""

    unit = "m/s"

    def _all(self, now: Moments) -> Tensor:
        return self.body.velocity_in_body(now)


class TurningSeen(_Vector):
    """Angular velocity of a body in its own axes, as a gyroscope measures it [rad/s]."""

    unit = "rad/s"

    def _all(self, now: Moments) -> Tensor:
        return self.body.angular_in_body(now)


class HeightSeen:
    """z of a body in the world [m]."""

    def __init__(self, setting: Setting, where: str, *, entity: str | None = None, link: str | None = None) -> None:
        self.body = BodyFrame(setting, where, entity, link)
        self.labels, self.units = [f"{self.body.name}.z"], ["m"]

    def __call__(self, now: Moments) -> Tensor:
        return self.body.position(now)[..., 2:]


class PositionsSeen:
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

    def __call__(self, now: Moments) -> Tensor:
        plain = now.qpos.index_select(-1, self.plain)
        if not len(self.angles):
            return plain
        angles = now.qpos.index_select(-1, self.angles)
        return torch.cat((plain, angles.sin(), angles.cos()), -1)


class RatesSeen:
    """Velocities of joints of one coordinate [rad/s | m/s]."""

    def __init__(self, setting: Setting, where: str, *, joints: Any = ("*",), entity: str | None = None) -> None:
        chosen = [joint for joint in chosen_joints(where, setting.entity(where, entity), joints) if joint.is_scalar]
        if not chosen:
            raise InputError(f"{where}.joints: {joints!r} means joints of one coordinate, and there is none.")
        self.dofs = indices(dofs(chosen))
        self.labels = [f"{joint.name} velocity" for joint in chosen]
        self.units = ["m/s" if joint.slides else "rad/s" for joint in chosen]

    def __call__(self, now: Moments) -> Tensor:
        return now.qvel.index_select(-1, self.dofs)


class LastAction:
    """What the policy chose last, in [-1, 1]."""

    def __init__(self, setting: Setting, where: str, *, actions: Sequence[str]) -> None:
        self.labels, self.units = [f"action {name}" for name in actions], ["1"] * len(actions)

    def __call__(self, now: Moments) -> Tensor:
        return now.action


class TargetSeen:
    """The numbers of a target of the task."""

    def __init__(self, setting: Setting, where: str, *, target: str, targets: dict[str, Any]) -> None:
        if target not in targets:
            raise unknown_name(f"{where}.target", "target", target, targets)
        self.target, self.labels, self.units = target, list(targets[target].labels), list(targets[target].units)

    def __call__(self, now: Moments) -> Tensor:
        return now.targets[self.target]


class ToTarget:
    """From a link or site to the point of a target (3), in the axes of the world or of a body [m]."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        target: str,
        targets: dict[str, Any],
        frame: str | None = None,
        entity: str | None = None,
        in_body: bool = False,
    ) -> None:
        if target not in targets:
            raise unknown_name(f"{where}.target", "target", target, targets)
        if len(targets[target].labels) != 3:
            raise InputError(f"{where}.target: {target} is no point; allowed: a target of kind position.")
        body = setting.entity(f"{where}.entity", entity)
        name = setting.frame(f"{where}.frame", frame, body)
        self.frames, self.target = frames(setting, where, [name], entity), target
        self.body = BodyFrame(setting, where, entity) if in_body else None
        self.labels, self.units = [f"{name} to {target}.{axis}" for axis in "xyz"], ["m"] * 3

    def __call__(self, now: Moments) -> Tensor:
        way = now.targets[self.target] - point_of(self.frames, now)
        return way if self.body is None else rotate_inverse(self.body.quat(now), way)


def point_of(frame: Any, now: Moments) -> Tensor:
    """World position (…, 3) of the one frame in `genesis.channels.frames.Frames`."""
    lead = now.qpos.shape[:-1]
    flat = tuple(x.flatten(0, -3) if x.dim() > 3 else x for x in now.kinematics)
    found: Tensor = frame.position(flat)[:, 0].reshape(*lead, 3)
    return found


#: kind -> class; built as `OBSERVATIONS[kind](setting, where, **options)`.
OBSERVATIONS: dict[str, Any] = {
    "joint_position": PositionsSeen,
    "joint_velocity": RatesSeen,
    "up": UpSeen,
    "ahead": AheadSeen,
    "linear_velocity": VelocitySeen,
    "angular_velocity": TurningSeen,
    "height": HeightSeen,
    "last_action": LastAction,
    "target": TargetSeen,
    "to_target": ToTarget,
}
