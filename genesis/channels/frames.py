"""Links and sites that a channel measures: where they lie in their link, and how they move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.channels.sample import Kinematics
from genesis.errors import InputError, unknown_name
from genesis.grad.rotation import multiply, rotate, unit
from genesis.selection import tensor, vector
from genesis.setting import Setting


@dataclass
class Frames:
    """K frames: links (K,) numbers in the scene, pos (K, 3) [m] and quat (K, 4) in the axes of their links."""

    links: list[int]
    pos: Tensor
    quat: Tensor

    def orientation(self, kinematics: Kinematics) -> Tensor:
        """(N, K, 4) in the world."""
        return multiply(kinematics[1][:, self.links], self.quat)

    def arm(self, kinematics: Kinematics) -> Tensor:
        """From the origin of the link (N, K, 3) in world axes."""
        return rotate(kinematics[1][:, self.links], self.pos)

    def position(self, kinematics: Kinematics) -> Tensor:
        """(N, K, 3) in the world [m]."""
        return kinematics[0][:, self.links] + self.arm(kinematics)

    def angular(self, kinematics: Kinematics) -> Tensor:
        """(N, K, 3) in world axes [rad/s]."""
        return kinematics[3][:, self.links]

    def velocity(self, kinematics: Kinematics) -> Tensor:
        """Of the origins of the frames (N, K, 3) in world axes [m/s]."""
        return kinematics[2][:, self.links] + torch.linalg.cross(self.angular(kinematics), self.arm(kinematics))


def frames(
    setting: Setting,
    where: str,
    names: Sequence[str],
    entity: str | None,
    local_pos: Any = None,
    local_quat: Any = None,
    held_by: Mapping[str, str] | None = None,
) -> Frames:
    """Links or sites by name, and a pose in their axes that all of them share, or one each as a mapping by name; None: their own.

    held_by: name -> the link or site that it stands for, where the name is not one.
    Raises: UnknownNameError with the nearest names.
    """
    body: Any = setting.entity(f"{where}.entity", entity)
    aliases = held_by or {}
    for name in aliases:
        if name not in names:
            raise unknown_name(f"{where}.frames", "name", name, names)
    places = [frame(body, f"{where}.{'frames' if name in aliases else 'columns'}", aliases.get(name, name)) for name in names]
    shift = torch.stack([_own(f"{where}.local_pos", local_pos, name, (0.0, 0.0, 0.0)) for name in names])
    turn = torch.stack([_own(f"{where}.local_quat", local_quat, name, (1.0, 0.0, 0.0, 0.0)) for name in names])
    pos, quat = torch.stack([place[1] for place in places]), torch.stack([place[2] for place in places])
    turn = unit(turn, f"{where}.local_quat")
    return Frames([place[0] for place in places], pos + rotate(quat, shift), multiply(quat, turn))


def frame(body: Any, where: str, name: str) -> tuple[int, Tensor, Tensor]:
    """(link of the scene, position, orientation in it) of a link or site. Raises: UnknownNameError."""
    for link in body.links:
        if link.name == name:
            return int(link.idx), tensor([0.0, 0.0, 0.0]), tensor([1.0, 0.0, 0.0, 0.0])
    sites = [site for site in body.sites if site.link >= 0]
    for site in sites:
        if site.name == name:
            return int(body.link_start) + int(site.link), tensor(site.pos), tensor(site.quat)
    raise unknown_name(where, "link or site", name, [str(part.name) for part in (*body.links, *sites)])


def in_frame(where: str, axes: str) -> bool:
    """Whether numbers are in the axes of the frame, not in those of the world."""
    if axes not in ("world", "frame"):
        raise unknown_name(f"{where}.axes", "axes", axes, ("world", "frame"))
    return axes == "frame"


def _own(where: str, given: Any, name: str, usual: tuple[float, ...]) -> Tensor:
    """The vector of one frame; usual: where nothing is given."""
    if given is None:
        return tensor(usual)
    value = given.get(name) if isinstance(given, Mapping) else given
    if value is None:
        raise InputError(f'{where}: nothing is given for "{name}"; given: {", ".join(given)}.')
    if not isinstance(value, (list, tuple)):
        raise InputError(f"{where}: {value!r}; allowed: a list of {len(usual)} numbers, or a mapping name: list.")
    return vector(where, list(value), len(usual))
