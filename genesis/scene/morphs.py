"""`gs.morphs`: what an entity is (a file, a shape) and where it starts. `describe` turns a morph into a description."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from genesis.description import primitives
from genesis.description.description import Description
from genesis.description.read import read_mjcf, read_urdf
from genesis.description.urdf import MIMIC_MODES
from genesis.errors import InputError, UnsupportedError, unknown_name
from genesis.grad.rotation import euler_degrees
from genesis.scene.materials import Rigid
from genesis.scene.settings import settings

_SHAPE = {
    "is_free": True, "batch_fixed_verts": False, "requires_jac_and_IK": True,
    "enable_custom_vverts": False,
}  # fmt: skip
_MESHES = {
    "convexify": None, "decimate": None, "decimate_face_num": 500, "decimate_aggressiveness": 2, "file_meshes_are_zup": None,
    "recompute_inertia": False, "coacd_options": None, "decompose_nonconvex": None, "decompose_object_error_threshold": 0.15,
    "decompose_robot_error_threshold": float("inf"),
}  # fmt: skip
_NO_VIEW = "everything is seen as its file says, and meshes touch with their convex hulls in this version"


@dataclass(kw_only=True)
class Morph:
    """What every morph has.

    pos: (3,) [m]; quat: (4,) wxyz; euler: (3,) [deg], turns about the fixed axes x, y, z in this order. One of quat and euler
    at most.
    collision: whether its geometry touches anything; visualization: whether it would be seen.
    contype, conaffinity: bits by which geoms choose each other: two may touch if contype of one and conaffinity of the other share
    one. None: those of the file, else 1.
    """

    pos: tuple = (0.0, 0.0, 0.0)
    quat: tuple | None = None
    euler: tuple | None = None
    collision: bool = True
    visualization: bool = True
    contype: int | None = None
    conaffinity: int | None = None

    def __post_init__(self) -> None:
        where = f"morphs.{type(self).__name__}"
        self.pos = _numbers(where, "pos", self.pos, 3)
        if self.quat is not None and self.euler is not None:
            raise InputError(f"{where}: quat and euler are both given; give one.")
        if self.euler is not None:
            self.quat = euler_degrees(_numbers(where, "euler", self.euler, 3))
        quat = (1.0, 0.0, 0.0, 0.0) if self.quat is None else _numbers(where, "quat", self.quat, 4)
        length = float(np.linalg.norm(quat))
        if length == 0.0:
            raise InputError(f"{where}: quat is zero; allowed: a quaternion (w, x, y, z).")
        self.quat = tuple(x / length for x in quat)
        for name in ("contype", "conaffinity"):
            bits = getattr(self, name)
            if bits is not None and not (isinstance(bits, int) and 0 <= bits < 2**31):
                raise InputError(f"{where}: {name} is {bits!r}; allowed: bits as a number from 0 to {2**31 - 1}.")
        self._check(where)

    def _check(self, where: str) -> None:
        """Check the fields of the morph itself."""

    def describe(self, material: Rigid) -> Description:
        """The description, with density and contact parameters of the material."""
        made = self._read(material)
        if not self.collision:
            made.pairs = []
        for geom in made.geoms:
            geom.visual = geom.visual or not self.collision
            if not geom.visual:
                material.apply(geom)
                geom.contype = geom.contype if self.contype is None else self.contype
                geom.conaffinity = geom.conaffinity if self.conaffinity is None else self.conaffinity
        return made

    def _read(self, material: Rigid) -> Description:
        raise NotImplementedError


@settings("morphs.Box", _SHAPE, _NO_VIEW)
class Box(Morph):
    """A solid box. size: (3,) full edge lengths [m]; or lower, upper: (3,) corners in the world [m], then without pos."""

    size: tuple | None = None
    lower: tuple | None = None
    upper: tuple | None = None
    fixed: bool = False

    def _check(self, where: str) -> None:
        if self.lower is not None and self.upper is not None and self.size is None:
            lower = np.array(_numbers(where, "lower", self.lower, 3))
            upper = np.array(_numbers(where, "upper", self.upper, 3))
            if any(self.pos) or self.quat != (1.0, 0.0, 0.0, 0.0):
                raise InputError(f"{where}: lower and upper say where the box is; leave pos, quat and euler out.")
            self.size, self.pos = tuple((upper - lower).tolist()), tuple((0.5 * (lower + upper)).tolist())
        elif self.lower is not None or self.upper is not None or self.size is None:
            raise InputError(f"{where}: give size, or both lower and upper.")

    def _read(self, material: Rigid) -> Description:
        assert self.size is not None  # `_check` has seen to it
        return primitives.box(self.size, rho=material.density, fixed=self.fixed)


@settings("morphs.Sphere", _SHAPE, _NO_VIEW)
class Sphere(Morph):
    """A solid ball of ``radius`` [m]."""

    radius: float = 0.5
    fixed: bool = False

    def _read(self, material: Rigid) -> Description:
        return primitives.sphere(self.radius, rho=material.density, fixed=self.fixed)


@settings("morphs.Capsule", _SHAPE, _NO_VIEW)
class Capsule(Morph):
    """A solid capsule along z: a cylinder of ``radius`` and ``height`` [m] with a half ball on each end."""

    radius: float = 0.5
    height: float = 1.0
    fixed: bool = False

    def _read(self, material: Rigid) -> Description:
        return primitives.capsule(self.radius, self.height, rho=material.density, fixed=self.fixed)


@settings("morphs.Cylinder", _SHAPE, _NO_VIEW)
class Cylinder(Morph):
    """A solid cylinder along z of ``radius`` and full ``height`` [m]."""

    radius: float = 0.5
    height: float = 1.0
    fixed: bool = False

    def _read(self, material: Rigid) -> Description:
        return primitives.cylinder(self.radius, self.height, rho=material.density, fixed=self.fixed)


@settings("morphs.Plane", {**_SHAPE, "fixed": True, "tile_size": (1.0, 1.0)}, _NO_VIEW)
class Plane(Morph):
    """A plane fixed in the world. normal: (3,); plane_size: (2,) edge lengths of what is drawn [m]."""

    normal: tuple = (0.0, 0.0, 1.0)
    plane_size: tuple = (1e3, 1e3)

    def _read(self, material: Rigid) -> Description:
        return primitives.plane(self.normal, size=self.plane_size)


@settings(
    "morphs.Mesh",
    {**_SHAPE, **_MESHES, "parse_glb_with_trimesh": False, "group_by_material": True, "merge_submeshes_for_collision": True},
    _NO_VIEW,
)
class Mesh(Morph):
    """A solid body bounded by the closed mesh of a file. scale: one number, or one for each axis."""

    file: str | os.PathLike
    scale: float | tuple = 1.0
    fixed: bool = False

    def _read(self, material: Rigid) -> Description:
        return primitives.mesh(self.file, self.scale, rho=material.density, fixed=self.fixed)


@settings(
    "morphs.URDF",
    {**_SHAPE, **_MESHES, "prioritize_urdf_material": False, "xacro_args": None},
    _NO_VIEW,
)
class URDF(Morph):
    """A robot in a URDF file (or the XML itself).

    fixed: weld the root link to the world (a root named "world" is fixed anyway, else it moves freely). scale: of all lengths.
    default_armature: rotor inertia of joints that name none [kg m² | kg]; none unless given. package_dirs: where ``package://``
    names are looked for. joints: joints of types that the file has no word for, {"spindle": {"type": "screw", "pitch": 0.002}} with the
    pitch in [m/rad]. merge_fixed_links: links on fixed joints keep their names and cost nothing, so True is refused.
    """

    file: str | os.PathLike
    scale: float = 1.0
    fixed: bool = False
    merge_fixed_links: bool | None = None
    links_to_keep: tuple = ()
    default_armature: float = 0.0
    package_dirs: tuple = ()
    joints: Mapping[str, Mapping[str, Any]] | None = None

    def _check(self, where: str) -> None:
        if self.merge_fixed_links:
            raise UnsupportedError(
                f"{where}: merge_fixed_links=True is not supported (links on fixed joints keep their names); leave it out."
            )

    def _read(self, material: Rigid) -> Description:
        return read_urdf(
            self.file,
            fixed=self.fixed,
            scale=self.scale,
            default_armature=self.default_armature,
            package_dirs=self.package_dirs,
            joints=self.joints,
            collision=self.collision,
        )


@settings("morphs.MJCF", {**_SHAPE, **_MESHES, "exclude_ground_plane": False}, _NO_VIEW)
class MJCF(Morph):
    """A model in an MJCF file (or the XML itself); pos and quat move what hangs on its world.

    default_armature: rotor inertia of joints that name none [kg m² | kg]; none unless given. mimic: "independent" keeps every joint
    of a linear joint equality (a finger that follows another) as a degree of freedom, tied softly as in MuJoCo; "reduce" eliminates
    the follower's: it holds exactly, and states, controls and gains are shorter by it. joints: as in `URDF`.
    """

    file: str | os.PathLike
    scale: float = 1.0
    default_armature: float = 0.0
    mimic: str = "independent"
    joints: Mapping[str, Mapping[str, Any]] | None = None

    def _check(self, where: str) -> None:
        if self.mimic not in MIMIC_MODES:
            raise unknown_name(where, "mimic", str(self.mimic), MIMIC_MODES)

    def _read(self, material: Rigid) -> Description:
        return read_mjcf(
            self.file, scale=self.scale, default_armature=self.default_armature, mimic=self.mimic, joints=self.joints
        )


KNOWN = ("URDF", "MJCF", "Box", "Sphere", "Capsule", "Cylinder", "Plane", "Mesh")


def __getattr__(name: str) -> NoReturn:
    if name in ("MeshSet", "USD", "Drone", "Terrain", "Nowhere"):
        raise UnsupportedError(f"gs.morphs.{name} is not supported in this version; known: {', '.join(KNOWN)}.")
    raise AttributeError(f"module 'genesis.morphs' has no attribute {name!r}; known: {', '.join(KNOWN)}")


def _numbers(where: str, name: str, values: Iterable[float], count: int) -> tuple[float, ...]:
    try:
        made = tuple(float(x) for x in values)
    except (TypeError, ValueError):
        made = ()
    if len(made) != count or not np.isfinite(made).all():
        raise InputError(f"{where}: {name} is {values!r}; allowed: {count} finite numbers.")
    return made
