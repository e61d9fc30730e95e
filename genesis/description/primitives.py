"""Descriptions of single bodies: box, sphere, capsule, cylinder, plane, mesh.

The link frame of a shape is at its centre (of a mesh: the frame of the file). Masses follow from the density.
"""

import numbers
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genesis.description.description import Description, Geom, Joint, Link
from genesis.description.inertia import (
    box_inertia,
    capsule_inertia,
    capsule_volume,
    cylinder_inertia,
    is_closed,
    mesh_properties,
    sphere_inertia,
)
from genesis.description.kinds import FREE
from genesis.description.meshes import MeshFile, read_mesh
from genesis.description.poses import IDENTITY_QUAT, quat_between
from genesis.errors import InputError, ModelError

DEFAULT_RHO = 200.0  # [kg/m³], that of Genesis' rigid material


def box(size: Sequence[float], *, rho: float | None = None, fixed: bool = False, name: str = "box") -> Description:
    """A solid box; size (3,): full edge lengths [m], rho: density [kg/m³] (200 if None), fixed: welded to the world."""
    edges = np.array([_positive("box size", length) for length in _vector("box size", size)])
    mass = _density(rho) * float(np.prod(edges))
    return _body(name, "box", edges / 2, mass, np.zeros(3), box_inertia(mass, edges), fixed)


def sphere(radius: float, *, rho: float | None = None, fixed: bool = False, name: str = "sphere") -> Description:
    """A solid ball of ``radius`` [m]."""
    radius = _positive("sphere radius", radius)
    mass = _density(rho) * 4.0 / 3.0 * np.pi * radius**3
    return _body(name, "sphere", np.array([radius, 0.0, 0.0]), mass, np.zeros(3), sphere_inertia(mass, radius), fixed)


def capsule(radius: float, height: float, *, rho: float | None = None, fixed: bool = False, name: str = "capsule") -> Description:
    """A solid capsule along z; height: of the cylinder between the two half balls [m], as in MuJoCo and URDF."""
    radius, height = _positive("capsule radius", radius), _positive("capsule height", height)
    mass = _density(rho) * capsule_volume(radius, height)
    size = np.array([radius, height / 2, 0.0])
    return _body(name, "capsule", size, mass, np.zeros(3), capsule_inertia(mass, radius, height), fixed)


def cylinder(
    radius: float, height: float, *, rho: float | None = None, fixed: bool = False, name: str = "cylinder"
) -> Description:
    """A solid cylinder along z of ``radius`` and full ``height`` [m]."""
    radius, height = _positive("cylinder radius", radius), _positive("cylinder height", height)
    mass = _density(rho) * np.pi * radius**2 * height
    size = np.array([radius, height / 2, 0.0])
    return _body(name, "cylinder", size, mass, np.zeros(3), cylinder_inertia(mass, radius, height), fixed)


def plane(normal: Sequence[float] = (0.0, 0.0, 1.0), *, size: Sequence[float] = (0.0, 0.0), name: str = "plane") -> Description:
    """A plane through the origin of its link, welded to the world and without mass.

    Args: normal (3,), of any length; size (2,): full edge lengths [m] of what is drawn, 0 for endless.
    """
    direction = np.array(_vector("plane normal", normal))
    length = np.linalg.norm(direction)
    if length == 0.0:
        raise InputError("plane normal is zero, expected a direction.")
    x, y = _vector("plane size", size, 2)
    turn = quat_between(np.array([0.0, 0.0, 1.0]), direction / length)
    geom = Geom(name, 0, "plane", np.array([x / 2, y / 2, 1.0]), np.zeros(3), turn)
    return Description(name, links=[Link(name, -1)], geoms=[geom])


def mesh(
    file: str | os.PathLike,
    scale: float | Sequence[float] = 1.0,
    *,
    rho: float | None = None,
    fixed: bool = False,
    name: str = "mesh",
) -> Description:
    """A solid body bounded by a closed mesh; scale: one number or one for each axis.

    Raises: ModelError if the file cannot be read, or if the mesh is not closed (no volume, so no mass) and not ``fixed``.
    """
    vertices, faces = read_mesh(file)
    factors = np.array(_vector("mesh scale", [scale] * 3 if isinstance(scale, int | float) else scale))
    if not factors.all():
        raise InputError(f"mesh scale is {scale!r}, expected numbers other than zero.")
    vertices = vertices * factors
    density = _density(rho)
    volume, com, inertia = mesh_properties(vertices, faces)
    if volume < 0.0:  # faces look inwards, as after a mirroring scale
        volume, inertia, faces = -volume, -inertia, faces[:, ::-1]
    if volume == 0.0 or not is_closed(faces):
        if not fixed:
            raise ModelError(f"{file}: the mesh is not closed, so it has no mass; repair it or use fixed=True.")
        volume, com, inertia = 0.0, np.zeros(3), np.zeros((3, 3))
    description = _body(name, "mesh", np.zeros(3), density * volume, com, density * inertia, fixed)
    geom = description.geoms[0]
    geom.vertices, geom.faces, geom.file = vertices, faces, str(file)
    geom.mesh_file = MeshFile(Path(file), factors, str(file))
    description.file = str(file)
    return description


def _body(name: str, kind: str, size: np.ndarray, mass: float, com: np.ndarray, inertia: np.ndarray, fixed: bool) -> Description:
    joints = [] if fixed else [Joint("root_joint", FREE.name)]
    link = Link(name, -1, mass=float(mass), com=com, inertia=inertia, joints=joints)
    return Description(name, links=[link], geoms=[Geom(name, 0, kind, size, np.zeros(3), IDENTITY_QUAT.copy())])


def _density(rho: float | None) -> float:
    return DEFAULT_RHO if rho is None else _positive("rho", rho)


def _positive(what: str, value: float) -> float:
    if not (isinstance(value, numbers.Real) and 0.0 < value < np.inf):
        raise InputError(f"{what} is {value!r}, expected a positive number.")
    return float(value)


def _vector(what: str, values: Sequence[float], count: int = 3) -> list[float]:
    array = np.asarray(values, float)
    if array.shape != (count,) or not np.isfinite(array).all():
        raise InputError(f"{what} is {values!r}, expected {count} numbers.")
    return array.tolist()
