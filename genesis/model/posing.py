"""A described robot in any configuration, in numpy: where its frames are, what its joints move and carry, how far down it reaches."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from genesis.description.description import Description, Geom
from genesis.description.poses import compose, quat_to_matrix
from genesis.errors import InputError, unknown_name
from genesis.model.builder import Builder, Placed
from genesis.model.invweight import Pairs, mass_matrix, placed_axes
from genesis.model.model import JointInfo
from genesis.model.sparsity import motion_axes

GRAVITY = 9.81  # [m/s²]


class Posing:
    """Kinematics of one description that stands at the origin; qpos (nq,) as the scene has it, [rad | m]."""

    def __init__(self, description: Description) -> None:
        self.description, self.builder = description, Builder()
        self.builder.add(Placed(description, description.name))
        self.axes, self.entity = motion_axes(self.builder), self.builder.entities[0]

    @property
    def qpos0(self) -> np.ndarray:
        """(nq,) of the file's pose."""
        return np.array(self.builder.qpos0)

    @property
    def joints(self) -> list[JointInfo]:
        """The joints with coordinates of their own: without those that follow another."""
        return [joint for joint in self.builder.joints if joint.mimic is None]

    def configuration(self, home: Sequence[float] | Mapping[str, Any] | None) -> np.ndarray:
        """qpos (nq,) of a list over it, or of the file's pose with joints in place: mapping joint pattern: value or list; None: the file's.

        Raises: InputError for another length, UnknownNameError for a pattern that no joint fits.
        """
        qpos = self.qpos0
        parts = home if isinstance(home, Mapping) else {} if home is None else {None: home}
        for pattern, value in parts.items():
            fitting = [j for j in self.joints if pattern is None or fnmatchcase(j.name, pattern)]
            if not fitting and pattern is not None:
                raise unknown_name(f"{self.description.name}.home", "joint", pattern, [j.name for j in self.joints])
            places = [j.qpos_adr + k for j in fitting for k in range(j.nq)]
            values = np.asarray(value, float)
            if values.ndim and values.shape != (len(places),):
                raise InputError(f"{self.description.name}.home: has {values.size} numbers, needs {len(places)}.")
            qpos[places] = values
        return qpos

    def poses(self, qpos: np.ndarray) -> Pairs:
        """Position (3,) [m] and quaternion (4,) wxyz of every link in the world."""
        return placed_axes(self.builder, qpos)[1]

    def frame(self, name: str, qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Position (3,) [m] and quaternion (4,) of a link or site in the world. Raises: UnknownNameError."""
        poses = self.poses(qpos)
        for k, link in enumerate(self.description.links):
            if link.name == name:
                return poses[k]
        sites = [site for site in self.description.sites if site.link >= 0]
        for site in sites:
            if site.name == name:
                return compose(*poses[site.link], site.pos, site.quat)
        names = [link.name for link in self.description.links] + [site.name for site in sites]
        raise unknown_name(self.description.name, "link or site", name, names)

    def loads(self, qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Diagonal of the mass matrix (nv,) [kg | kg m²], and the forces (nv,) [N | Nm] that hold the robot against gravity."""
        columns, poses = placed_axes(self.builder, qpos)
        mass, jacobians = mass_matrix(self.builder, self.axes, self.entity, columns, poses)
        weights = [GRAVITY * link.mass * jacobians[k][2] for k, link in enumerate(self.builder.links)]
        return np.diag(mass).copy(), np.sum(weights, axis=0) if weights else np.zeros(len(mass))

    def lowest(self, qpos: np.ndarray) -> float | None:
        """Height [m] of the lowest point of its solid geoms, else of those that are only seen; None without any."""
        poses = self.poses(qpos)
        own = [geom for geom in self.description.geoms if geom.link >= 0]
        for some in ([geom for geom in own if not geom.visual], own):
            bottoms = [bottom(geom, compose(*poses[geom.link], geom.pos, geom.quat)) for geom in some]
            found = [z for z in bottoms if z is not None]
            if found:
                return min(found)
        return None


def bottom(geom: Geom, pose: tuple[np.ndarray, np.ndarray]) -> float | None:
    """Height [m] of the lowest point of a geom at a pose: z − h(−e_z), h its support function; None where it has no end (planes)."""
    up, size = quat_to_matrix(pose[1])[2], np.asarray(geom.size, float)  # the world's z in the axes of the geom
    if geom.type == "mesh":
        if geom.vertices is None or not len(geom.vertices):
            return None
        return float(pose[0][2] + (np.asarray(geom.vertices) @ up).min())
    reach = _support(geom.type, size, up)
    return None if reach is None else float(pose[0][2] - reach)


def _support(kind: str, size: np.ndarray, up: Sequence[float] | np.ndarray) -> float | None:
    """How far a shape of MuJoCo's sizes reaches along a direction (3,) of its own axes [m]."""
    up = np.asarray(up)
    if kind == "sphere":
        return float(size[0])
    if kind == "capsule":
        return float(size[0] + size[1] * abs(up[2]))
    if kind == "cylinder":
        return float(size[1] * abs(up[2]) + size[0] * np.hypot(up[0], up[1]))
    if kind == "box":
        return float(np.abs(up) @ size[:3])
    if kind == "ellipsoid":
        return float(np.linalg.norm(up * size[:3]))
    return None
