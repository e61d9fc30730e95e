"""A robot without shapes as its bones: what its file says of it, where its joints are, what its links weigh, made to be seen.

Limbs lead from the joint of a link to those of its children; a cylinder along the axis stands for a hinge, a block for a slide, a ball for
joints of more axes; a link at the end of a chain shows where its mass is, by the ellipsoid of its inertia.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genesis.description.description import Description, Joint, Link
from genesis.description.poses import quat_between, quat_to_matrix, rotate
from genesis.replay import solids
from genesis.replay.mesh_parts import MeshPart
from genesis.replay.palette import ACCENT, BONE
from genesis.replay.replay import Colour

THIN, THICK = 0.010, 0.035  # radius of a limb, of the size of the robot
DENSITY = 1500.0  # of a limb that is as thick as its mass says [kg/m³]
SLENDER = 0.22  # radius of a limb, of its length, at most
LIGHT = 1e-6  # of the mass of the robot, below which a link is a frame alone
LONG = 0.06  # of the size of the robot, from which on a bone is drawn among links with shapes
TAPER = 0.75  # radius at its end, of that at its start
DETAIL = 20
Z = np.array([0.0, 0.0, 1.0])
Box = tuple[np.ndarray, np.ndarray]  # least and largest corner (3,) [m]


def skeletons(description: Description, boxes: Mapping[int, Box | None]) -> list[tuple[int, list[MeshPart]]]:
    """Bones, in the frames of their links, of all links without shape that weigh something, move, or lead to what moves; by link.

    boxes: around the shapes of the links that have some, None where these are hidden. Where others have none, a link with a shape that is
    away from its joint (a foot) gets the limb between them. Where most have some, only gaps are filled: short bones (of a hip whose three axes
    are three links) are left out.
    """
    links, size = description.links, _size(description)
    heavy = LIGHT * sum(link.mass for link in links)
    bodies = [bool(link.joints) or link.mass > heavy for link in links]
    if size == 0.0 or not any(body and k not in boxes for k, body in enumerate(bodies)):
        return []
    dressed = 2 * sum(body and k in boxes for k, body in enumerate(bodies)) > sum(bodies)
    leads = list(bodies)
    for k in reversed(range(len(links))):
        if links[k].parent >= 0:
            leads[links[k].parent] |= leads[k]
    made = []
    for k, link in enumerate(links):
        if k in boxes:
            found = _to_shape(link, boxes[k], size)
        else:
            children = [child for c, child in enumerate(links) if child.parent == k and leads[c]]
            bone = _Bone(link, children, size, bodies[k])
            found = [] if dressed and bone.length < LONG * size else bone.parts()
        if found:
            made.append((k, found))
    return made


def _to_shape(link: Link, box: Box | None, size: float) -> list[MeshPart]:
    """The joints of a link and a limb from the last to its shape; nothing if that is where the joint is."""
    moving = [joint for joint in link.joints if not joint.kind.floats]
    if box is None or not moving:
        return []
    low, high = box
    start, end = moving[-1].pos, 0.5 * (low + high)
    if np.linalg.norm(np.maximum(0.0, np.maximum(low - start, start - high))) < 0.05 * size:
        return []
    radius = _radius(link, [float(np.linalg.norm(end - start))], size)
    return [_limb(start, end, radius, radius * TAPER, BONE), *(_joint(joint, radius) for joint in moving)]


def anchor(joint: Joint, link: Link) -> np.ndarray:
    """Where a joint of a child link lies in the frame of its parent at the described pose (3,) [m]."""
    return link.pos + rotate(link.quat, joint.pos)


def _size(description: Description) -> float:
    """The longest way from a root to the end of a chain, over joints and centres of mass [m]."""
    longest, reach = 0.0, [0.0] * len(description.links)
    for k, link in enumerate(description.links):
        if link.parent >= 0:
            reach[k] = reach[link.parent] + float(np.linalg.norm(link.pos))
        longest = max(longest, reach[k] + float(np.linalg.norm(link.com)) * (link.mass > 0.0))
    return longest


@dataclass
class _Bone:
    """The parts of one link. children: those that lead to something, size: of the robot [m], body: whether it weighs something or moves."""

    link: Link
    children: list[Link]
    size: float
    body: bool

    def __post_init__(self) -> None:
        link = self.link
        self.moving = [joint for joint in link.joints if not joint.kind.floats]
        self.start = self.moving[-1].pos if self.moving else np.zeros(3)
        self.tip = link.com if not self.children and self.body and link.mass > 0.0 else None
        ends = [anchor(child.joints[0], child) if child.joints else child.pos for child in self.children]
        ends += [] if self.tip is None else [self.tip]
        self.limbs = [end for end in ends if np.linalg.norm(end - self.start) > 0.005 * self.size]

    @property
    def length(self) -> float:
        """Of the longest limb [m]."""
        return max((float(np.linalg.norm(end - self.start)) for end in self.limbs), default=0.0)

    def parts(self) -> list[MeshPart]:
        """Limbs, joints, and what is at the end."""
        radius = _radius(self.link, [float(np.linalg.norm(end - self.start)) for end in self.limbs], self.size)
        found = [_limb(self.start, end, radius, radius * TAPER, BONE) for end in self.limbs]
        if self.tip is not None:
            found.append(self._ellipsoid(radius))
        elif not self.limbs and self.body:
            found.append(_placed(solids.ellipsoid(np.full(3, 1.15 * radius), DETAIL), self.start, None, BONE))
        return found + [_joint(joint, radius) for joint in self.moving]

    def _ellipsoid(self, radius: float) -> MeshPart:
        """Solid, of the inertia of the link, about its centre of mass; not smaller than a limb is thick, nor larger than is seen well."""
        moments, axes = np.linalg.eigh(self.link.inertia)
        squares = 2.5 * (moments.sum() - 2.0 * moments) / self.link.mass
        semi = np.clip(np.sqrt(np.maximum(squares, 0.0)), 1.3 * radius, 3.0 * radius)
        if np.linalg.det(axes) < 0.0:
            axes[:, 0] *= -1.0
        vertices, faces = solids.ellipsoid(semi, DETAIL)
        return MeshPart(vertices @ axes.T + self.link.com, faces, BONE)


def _radius(link: Link, lengths: list[float], size: float) -> float:
    """As thick as a rod of the mass and the length of the limbs, within what looks well."""
    low, high = THIN * size, THICK * size
    if not lengths:
        return 0.5 * (low + high)
    rod = math.sqrt(link.mass / (DENSITY * math.pi * sum(lengths)))
    return max(min(max(rod, low), high, SLENDER * max(lengths)), 0.6 * low)


def _joint(joint: Joint, radius: float) -> MeshPart:
    kind = joint.kind
    if kind.scalar and kind.turns:
        return _placed(solids.cylinder(1.3 * radius, 1.5 * radius, DETAIL), joint.pos, joint.axis, ACCENT)
    if kind.scalar:
        return _placed(solids.box(radius * np.array([1.4, 1.4, 2.2])), joint.pos, joint.axis, ACCENT)
    return _placed(solids.ellipsoid(np.full(3, 1.6 * radius), DETAIL), joint.pos, None, ACCENT)


def _limb(start: np.ndarray, end: np.ndarray, first: float, last: float, rgba: Colour) -> MeshPart:
    length = float(np.linalg.norm(end - start))
    return _placed(solids.tapered(first, last, 0.0, length, DETAIL), start, (end - start) / length, rgba)


def _placed(mesh: tuple[np.ndarray, np.ndarray], pos: np.ndarray, axis: np.ndarray | None, rgba: Colour) -> MeshPart:
    """With its z along an axis."""
    turn = np.eye(3) if axis is None else quat_to_matrix(quat_between(Z, np.asarray(axis, float)))
    return MeshPart(mesh[0] @ turn.T + pos, mesh[1], rgba)
