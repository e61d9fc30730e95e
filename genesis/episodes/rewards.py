"""What a policy is rewarded for, one kind a class; each gives one number per instant and environment, and a weight says what it counts."""

from typing import Any, Protocol

import torch
from torch import Tensor

from genesis.channels.frames import frames
from genesis.episodes.moments import BodyFrame, Moments
from genesis.episodes.observations import point_of
from genesis.errors import InputError, unknown_name
from genesis.losses.user import load
from genesis.selection import chosen_joints, coordinates, dofs, indices, vector
from genesis.setting import Setting


class Reward(Protocol):
    """unit: of its number."""

    unit: str

    def __call__(self, now: Moments) -> Tensor:
        """(…, B)"""
        ...


class Alive:
    """1 at every step."""

    unit = "1"

    def __init__(self, setting: Setting, where: str) -> None:
        pass

    def __call__(self, now: Moments) -> Tensor:
        return torch.ones_like(now.qpos[..., 0])


class Speed:
    """Velocity of a body along a direction of the world [m/s], at most `most`."""

    unit = "m/s"

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        direction: Any = (1.0, 0.0, 0.0),
        most: float | None = None,
        entity: str | None = None,
        link: str | None = None,
    ) -> None:
        self.body, self.most = BodyFrame(setting, where, entity, link), most
        along = vector(f"{where}.direction", direction, 3)
        if float(along.norm()) == 0.0:
            raise InputError(f"{where}.direction: has no length.")
        self.along = along / along.norm()

    def __call__(self, now: Moments) -> Tensor:
        speed = self.body.velocity(now) @ self.along
        return speed if self.most is None else speed.clamp(max=self.most)


class HeightReward:
    """z of a body above `least` [m]; below, −`steep` times the square of what lacks."""

    unit = "m"

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        least: float = 0.0,
        steep: float = 0.0,
        most: float | None = None,
        entity: str | None = None,
        link: str | None = None,
    ) -> None:
        self.body, self.least, self.steep, self.most = BodyFrame(setting, where, entity, link), least, steep, most

    def __call__(self, now: Moments) -> Tensor:
        above = self.body.position(now)[..., 2] - self.least
        if self.most is not None:
            above = above.clamp(max=self.most - self.least)
        return above if self.steep == 0.0 else torch.where(above < 0.0, -self.steep * above * above, above)


class Upright:
    """Cosine of the angle between a body's z axis and the vertical."""

    unit = "1"

    def __init__(self, setting: Setting, where: str, *, entity: str | None = None, link: str | None = None) -> None:
        self.body = BodyFrame(setting, where, entity, link)

    def __call__(self, now: Moments) -> Tensor:
        return self.body.up(now)[..., 2]


class Heading:
    """Cosine between a body's x axis and that of the world."""

    unit = "1"

    def __init__(self, setting: Setting, where: str, *, entity: str | None = None, link: str | None = None) -> None:
        self.body = BodyFrame(setting, where, entity, link)

    def __call__(self, now: Moments) -> Tensor:
        return self.body.ahead(now)[..., 0]


class VelocityTracking:
    """exp(−|v − v*|² / width²) of a wanted velocity: x, y of the body's axes [m/s] or, with `turn`, the rate about z [rad/s]."""

    unit = "1"

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        target: str,
        targets: dict[str, Any],
        turn: bool = False,
        width: float = 0.5,
        entity: str | None = None,
    ) -> None:
        if target not in targets:
            raise unknown_name(f"{where}.target", "target", target, targets)
        self.body, self.target, self.turn, self.width = BodyFrame(setting, where, entity), target, turn, width

    def __call__(self, now: Moments) -> Tensor:
        asked = now.targets[self.target]
        if self.turn:
            off = self.body.angular_in_body(now)[..., 2:] - asked[..., 2:3]
        else:
            off = self.body.velocity_in_body(now)[..., :2] - asked[..., :2]
        return (-(off * off).sum(-1) / self.width**2).exp()


class ActionSize:
    """Sum of the squares of the actions."""

    unit = "1"

    def __init__(self, setting: Setting, where: str) -> None:
        pass

    def __call__(self, now: Moments) -> Tensor:
        return (now.action * now.action).sum(-1)


class ActionChange:
    """Sum of the squares of the change of the actions from one step to the next."""

    unit = "1"

    def __init__(self, setting: Setting, where: str) -> None:
        pass

    def __call__(self, now: Moments) -> Tensor:
        return ((now.action - now.before) ** 2).sum(-1)


class JointDistance:
    """Sum over joints of (q − target)², or of 2 (1 − cos(q − target)) of `turning` ones [rad² | m²]."""

    unit = "rad² | m²"

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        joints: Any = ("*",),
        target: Any = None,
        turning: bool = False,
        entity: str | None = None,
    ) -> None:
        chosen = [joint for joint in chosen_joints(where, setting.entity(where, entity), joints) if joint.is_scalar]
        self.places, self.turning = indices(coordinates(chosen)), turning
        home = setting.one_start()[0][self.places]
        self.target = home if target is None else vector(f"{where}.target", target, len(chosen))

    def __call__(self, now: Moments) -> Tensor:
        off = now.qpos.index_select(-1, self.places) - self.target
        return (2.0 * (1.0 - off.cos())).sum(-1) if self.turning else (off * off).sum(-1)


class JointSpeedReward:
    """Sum over joints of q̇² [rad²/s² | m²/s²]."""

    unit = "rad²/s² | m²/s²"

    def __init__(self, setting: Setting, where: str, *, joints: Any = ("*",), entity: str | None = None) -> None:
        self.dofs = indices(dofs([j for j in chosen_joints(where, setting.entity(where, entity), joints) if j.is_scalar]))

    def __call__(self, now: Moments) -> Tensor:
        rates = now.qvel.index_select(-1, self.dofs)
        return (rates * rates).sum(-1)


class AngularSpeed:
    """Sum of the squares of a body's angular velocity about some of its axes [rad²/s²]."""

    unit = "rad²/s²"

    def __init__(
        self, setting: Setting, where: str, *, axes: str = "xyz", entity: str | None = None, link: str | None = None
    ) -> None:
        self.body = BodyFrame(setting, where, entity, link)
        if not axes or any(axis not in "xyz" for axis in axes):
            raise InputError(f'{where}.axes: "{axes}"; allowed: letters of xyz.')
        self.columns = indices(["xyz".index(axis) for axis in axes])

    def __call__(self, now: Moments) -> Tensor:
        rates = self.body.angular_in_body(now).index_select(-1, self.columns)
        return (rates * rates).sum(-1)


class TargetDistance:
    """Distance of a link or site from the point of a target [m]; with `width` instead 1 − exp(−d² / width²), which counts what is near."""

    unit = "m"

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        target: str,
        targets: dict[str, Any],
        frame: str | None = None,
        width: float | None = None,
        entity: str | None = None,
    ) -> None:
        if target not in targets:
            raise unknown_name(f"{where}.target", "target", target, targets)
        name = setting.frame(f"{where}.frame", frame, setting.entity(f"{where}.entity", entity))
        self.frames, self.target, self.width = frames(setting, where, [name], entity), target, width

    def __call__(self, now: Moments) -> Tensor:
        way = now.targets[self.target] - point_of(self.frames, now)
        squared = (way * way).sum(-1)
        return (squared + 1e-12).sqrt() if self.width is None else 1.0 - (-squared / self.width**2).exp()


class UserReward:
    """What a function of the user gives of instants, (…, B)."""

    unit = "1"

    def __init__(self, setting: Setting, where: str, *, function: str, options: dict[str, Any] | None = None) -> None:
        self.function, self.options, self.where = load(where, function), dict(options or {}), where

    def __call__(self, now: Moments) -> Tensor:
        found: Tensor = self.function(now, **self.options)
        if found.shape != now.qpos.shape[:-1]:
            raise InputError(f"{self.where}.function: gave {tuple(found.shape)}; allowed: {tuple(now.qpos.shape[:-1])}.")
        return found


#: kind -> class; built as `REWARDS[kind](setting, where, **options)`.
REWARDS: dict[str, Any] = {
    "alive": Alive,
    "speed": Speed,
    "height": HeightReward,
    "upright": Upright,
    "heading": Heading,
    "velocity_tracking": VelocityTracking,
    "action_size": ActionSize,
    "action_change": ActionChange,
    "joint_distance": JointDistance,
    "joint_speed": JointSpeedReward,
    "angular_speed": AngularSpeed,
    "target_distance": TargetDistance,
    "user": UserReward,
}
