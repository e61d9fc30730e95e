"""Moments of many environments, as observations, rewards and endings look at them."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from genesis.channels.sample import Kinematics
from genesis.errors import InputError
from genesis.grad.rotation import rotate_inverse
from genesis.selection import joints_of
from genesis.setting import Setting


@dataclass
class Moments:
    """Of B environments: one instant of each, arrays (B, ·), or those of a window, (h, B, ·).

    physics: `genesis.grad.physics.Physics`; theta: packed parameters, (P,) or (B, P). qpos (…, B, nq), qvel (…, B, nv): the states.
    action (…, B, n): what the policy has chosen last, in [-1, 1]; before: the one before that. targets: by name, (…, B, ·).
    """

    physics: Any
    theta: Tensor
    qpos: Tensor
    qvel: Tensor
    action: Tensor
    before: Tensor
    targets: dict[str, Tensor] = field(default_factory=dict)

    @cached_property
    def kinematics(self) -> Kinematics:
        """xpos (…, B, nlink, 3), xquat (…, B, nlink, 4), xvel (…, B, nlink, 3), xang (…, B, nlink, 3) of the links, world frame."""
        made: Kinematics = self.physics.kinematics(self.theta, self.qpos, self.qvel)
        return made


class BodyFrame:
    """The body that an entity is seen from: the link of its free joint, read from the state itself, else a link by name or its first.

    Raises: UnknownNameError for a link that it does not have.
    """

    def __init__(self, setting: Setting, where: str, entity: str | None, link: str | None = None) -> None:
        self.entity = setting.entity(f"{where}.entity", entity)
        links = [str(one.name) for one in self.entity.links]
        free = next((joint for joint in joints_of(self.entity) if joint.is_free), None)
        if link is not None and link not in links:
            setting.frame(f"{where}.link", link, self.entity)
            raise InputError(f"{where}.link: {link} is a site; allowed: a link, {', '.join(links[:8])}.")
        self.name = links[0] if link is None else link
        self.link = int(self.entity.links[links.index(self.name)].idx)
        whole = free if free is not None and self.name == links[0] else None
        self.q: int | None = None if whole is None else whole.qs[0]
        self.v: int | None = None if whole is None else whole.dofs[0]

    def position(self, now: Moments) -> Tensor:
        """(…, 3) in the world [m]."""
        return now.kinematics[0][..., self.link, :] if self.q is None else now.qpos[..., self.q : self.q + 3]

    def quat(self, now: Moments) -> Tensor:
        """(…, 4), wxyz."""
        return now.kinematics[1][..., self.link, :] if self.q is None else now.qpos[..., self.q + 3 : self.q + 7]

    def velocity(self, now: Moments) -> Tensor:
        """Of the origin (…, 3) in world axes [m/s]."""
        return now.kinematics[2][..., self.link, :] if self.v is None else now.qvel[..., self.v : self.v + 3]

    def velocity_in_body(self, now: Moments) -> Tensor:
        """Of the origin (…, 3) in the axes of the body [m/s]."""
        return rotate_inverse(self.quat(now), self.velocity(now))

    def angular_in_body(self, now: Moments) -> Tensor:
        """(…, 3) in the axes of the body [rad/s]."""
        if self.v is not None:
            return now.qvel[..., self.v + 3 : self.v + 6]
        return rotate_inverse(self.quat(now), now.kinematics[3][..., self.link, :])

    def up(self, now: Moments) -> Tensor:
        """The world's upward direction (…, 3) in the axes of the body."""
        w, x, y, z = self.quat(now).unbind(-1)
        return torch.stack((2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)), -1)

    def ahead(self, now: Moments) -> Tensor:
        """The body's x axis (…, 3) in the world."""
        w, x, y, z = self.quat(now).unbind(-1)
        return torch.stack((1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y)), -1)
