"""What ends an episode before its time, one kind a class; each gives (…, B) bool."""

import math
from typing import Any, Protocol

import torch
from torch import Tensor

from genesis.episodes.moments import BodyFrame, Moments
from genesis.errors import InputError
from genesis.losses.user import load
from genesis.selection import chosen_joints, coordinates, dofs, indices, vector
from genesis.setting import Setting


class EndCondition(Protocol):
    """What ends an episode before its time."""

    def __call__(self, now: Moments) -> Tensor:
        """(…, B) bool"""
        ...


class HeightRange:
    """A body leaves a range of heights [m]."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        least: float | None = None,
        most: float | None = None,
        entity: str | None = None,
        link: str | None = None,
    ) -> None:
        if least is None and most is None:
            raise InputError(f"{where}: give least or most, a height [m].")
        self.body = BodyFrame(setting, where, entity, link)
        self.least, self.most = -math.inf if least is None else least, math.inf if most is None else most

    def __call__(self, now: Moments) -> Tensor:
        z = self.body.position(now)[..., 2]
        return (z < self.least) | (z > self.most)


class TooTilted:
    """The angle between a body's z axis and the vertical is more than `most` [deg]."""

    def __init__(self, setting: Setting, where: str, *, most: float, entity: str | None = None, link: str | None = None) -> None:
        self.body, self.least = BodyFrame(setting, where, entity, link), math.cos(math.radians(most))

    def __call__(self, now: Moments) -> Tensor:
        return self.body.up(now)[..., 2] < self.least


class JointRange:
    """A joint leaves a range [rad | m]."""

    def __init__(
        self, setting: Setting, where: str, *, joints: Any, low: Any = None, high: Any = None, entity: str | None = None
    ) -> None:
        chosen = [joint for joint in chosen_joints(where, setting.entity(where, entity), joints) if joint.is_scalar]
        self.places = indices(coordinates(chosen))
        if low is None and high is None:
            raise InputError(f"{where}: give low or high, of each joint or of all [rad | m].")
        far = torch.full((len(chosen),), math.inf, dtype=setting.start_qpos.dtype)
        self.low = -far if low is None else vector(f"{where}.low", low, len(chosen))
        self.high = far if high is None else vector(f"{where}.high", high, len(chosen))

    def __call__(self, now: Moments) -> Tensor:
        q = now.qpos.index_select(-1, self.places)
        return ((q < self.low) | (q > self.high)).any(-1)


class JointTooFast:
    """A joint is faster than `most` [rad/s | m/s]."""

    def __init__(self, setting: Setting, where: str, *, most: float, joints: Any = ("*",), entity: str | None = None) -> None:
        self.dofs = indices(dofs(chosen_joints(where, setting.entity(where, entity), joints)))
        self.most = most

    def __call__(self, now: Moments) -> Tensor:
        return (now.qvel.index_select(-1, self.dofs).abs() > self.most).any(-1)


class UserEnding:
    """What a function of the user says of instants, (…, B) bool."""

    def __init__(self, setting: Setting, where: str, *, function: str, options: dict[str, Any] | None = None) -> None:
        self.function, self.options, self.where = load(where, function), dict(options or {}), where

    def __call__(self, now: Moments) -> Tensor:
        found: Tensor = self.function(now, **self.options)
        if found.shape != now.qpos.shape[:-1] or found.dtype is not torch.bool:
            raise InputError(
                f"{self.where}.function: gave {tuple(found.shape)} {found.dtype}; allowed: {tuple(now.qpos.shape[:-1])} bool."
            )
        return found


#: kind -> class; built as `ENDINGS[kind](setting, where, **options)`.
ENDINGS: dict[str, Any] = {
    "height": HeightRange,
    "tilt": TooTilted,
    "joint_range": JointRange,
    "joint_speed": JointTooFast,
    "user": UserEnding,
}
