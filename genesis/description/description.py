"""A robot (or a single body) as numpy data: what a file says, before anything is compiled.

Conventions: SI units, radians, quaternions wxyz, poses relative to the parent link, inertia about the centre of mass expressed
in the axes of the link frame. Link index -1 is the world.
"""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

import numpy as np

from genesis.description.friction_law import NO_LAW
from genesis.description.kinds import KINDS, JointKind
from genesis.description.meshes import MeshFile

# How stiff a constraint is, as MuJoCo: solref (time constant [s], damping ratio), or (-stiffness, -damping) both negative;
# solimp (impedance at zero, impedance at width, width, midpoint, power).
Solref = tuple[float, float]
Solimp = tuple[float, float, float, float, float]
DEFAULT_SOLREF: Solref = (0.02, 1.0)
DEFAULT_SOLIMP: Solimp = (0.9, 0.95, 0.001, 0.5, 2.0)


@dataclass
class Mimic:
    """q = multiplier * q(joint) + offset."""

    joint: str
    multiplier: float = 1.0
    offset: float = 0.0


@dataclass
class Joint:
    """One joint of a link; several joints of one link act in order, each in the frame left by the one before.

    type: a name in `kinds.KINDS`. axis, pos: in the frame of the link that owns the joint. ref: qpos at which the link is in its described
    pose (of types of one coordinate).
    springref: rest position of the spring; for ball the reference is the identity rotation, for free the pose of the link.
    """

    name: str
    type: str
    axis: np.ndarray = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))  # (3,) unit
    pos: np.ndarray = field(default_factory=lambda: np.zeros(3))  # (3,) [m]
    limit: tuple[float, float] | None = None  # [rad | m]; ball: (0, largest angle)
    effort: tuple[float, float] | None = None  # joint force range [N | Nm]
    velocity_limit: float | None = None
    damping: float = 0.0
    stiffness: float = 0.0
    armature: float = 0.0
    frictionloss: float = 0.0  # dry friction [N | Nm]
    limit_margin: float = 0.0  # distance to the limit at which it begins to act [rad | m]
    limit_solref: Solref = DEFAULT_SOLREF
    limit_solimp: Solimp = DEFAULT_SOLIMP
    friction_solref: Solref = DEFAULT_SOLREF
    friction_solimp: Solimp = DEFAULT_SOLIMP
    friction_law: tuple[float, ...] = NO_LAW  # beside damping and dry friction, see `friction_law`
    ref: float = 0.0
    springref: float = 0.0
    pitch: float = 0.0  # of a screw: how far it moves along its axis per turn about it [m/rad]
    mimic: Mimic | None = None

    @property
    def kind(self) -> JointKind:
        """What its type is."""
        return KINDS[self.type]


@dataclass
class Link:
    """A rigid body: where it hangs, what it weighs, the joints that move it."""

    name: str
    parent: int  # index into Description.links, always smaller than the own index; -1: world
    pos: np.ndarray = field(default_factory=lambda: np.zeros(3))  # (3,) [m]
    quat: np.ndarray = field(default_factory=lambda: np.array([1.0, 0.0, 0.0, 0.0]))  # (4,) wxyz
    mass: float = 0.0  # [kg]
    com: np.ndarray = field(default_factory=lambda: np.zeros(3))  # (3,) [m], link frame
    inertia: np.ndarray = field(default_factory=lambda: np.zeros((3, 3)))  # (3, 3) [kg m²] about com, link axes
    joints: list[Joint] = field(default_factory=list)  # empty: welded to the parent
    gravcomp: float = 0.0


@dataclass
class HeightField:
    """A surface above z = 0 of its geom: a grid of heights over the rectangle |x| <= size[0], |y| <= size[1], and a solid base.

    size (4,): half x, half y, height of the value 1, thickness of the base below z = 0 [m]. heights (nrow, ncol) in [0, 1]; rows run
    along y, columns along x, both upwards.
    """

    name: str
    size: np.ndarray
    heights: np.ndarray


@dataclass
class Texture:
    """A picture on a geom, which multiplies its colour. pixels (h, w, 3 or 4) uint8, or the file that has them.

    uv (m, 3, 2): where the corners of the faces lie on it, v = 0 in its last row; None: as the mesh file says, where it does.
    """

    pixels: np.ndarray | Path
    uv: np.ndarray | None = None


class Late(Enum):
    """Stands for an array of a geom that is read from its mesh file when it is first asked for."""

    MESH_FILE = "mesh file"


LATE: Final = Late.MESH_FILE


class _Read:
    """A field of a geom that may stand for what its mesh file says."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, geom: "Geom | None", owner: type) -> np.ndarray | None:
        if geom is None:
            return None  # the default
        if geom.__dict__[self._name] is LATE:
            assert geom.mesh_file is not None
            geom.vertices, geom.faces = geom.mesh_file.read_late() or (None, None)
        return geom.__dict__[self._name]

    def __set__(self, geom: "Geom", value: np.ndarray | Late | None) -> None:
        geom.__dict__[self._name] = value


@dataclass
class Geom:
    """For contact and for pictures. size as MuJoCo: sphere (r), capsule and cylinder (r, half length), box (half sizes),
    plane (half x, half y, grid), ellipsoid (semi-axes); mesh: vertices (n, 3) [m] and faces (m, 3), only a file if unreadable.
    Those of a mesh that is only seen are read from ``mesh_file`` when first asked for; copies (`copied`) do not ask.

    A mesh touches with its convex hull: ``hull``, vertices and faces that look outwards, or None: made where it is needed.
    contype, conaffinity: two geoms may touch if contype of one and conaffinity of the other share a bit. condim: 1 no friction,
    3 sliding, 4 and torsional, 6 and rolling. friction: sliding [1], torsional [m], rolling [m]. Of two geoms that touch, the one
    with the higher priority decides about condim, friction, solref and solimp; equals take the larger condim and friction, and the
    mean of solref and solimp with the weights solmix.

    coloured: whether the file names a colour, else rgba is what its format says then. group: those from 3 on are not drawn, as in MuJoCo;
    None: of a format without groups, in which what touches is drawn where nothing else of the link is.
    """

    name: str
    link: int
    type: str
    size: np.ndarray
    pos: np.ndarray
    quat: np.ndarray
    visual: bool = False  # only seen, never touched
    rgba: tuple[float, float, float, float] = (0.7, 0.7, 0.7, 1.0)
    vertices: _Read = _Read()
    faces: _Read = _Read()
    file: str | None = None
    contype: int = 1
    conaffinity: int = 1
    condim: int = 3
    friction: tuple[float, float, float] = (1.0, 0.005, 0.0001)
    solref: Solref = DEFAULT_SOLREF
    solimp: Solimp = DEFAULT_SOLIMP
    solmix: float = 1.0
    priority: int = 0
    margin: float = 0.0  # [m]
    gap: float = 0.0  # [m]
    hull: tuple[np.ndarray, np.ndarray] | None = None
    hfield: HeightField | None = None
    mesh_file: MeshFile | None = None
    coloured: bool = False
    texture: Texture | None = None
    group: int | None = None

    @property
    def unread(self) -> bool:
        """Whether its mesh file has not been read yet."""
        return vars(self)["vertices"] is LATE

    def copied(self, **changes: Any) -> "Geom":
        """A copy with other values, which leaves unread what is."""
        return Geom(**(vars(self) | changes))


@dataclass
class ContactPair:
    """Two geoms that may touch whatever the filters say, with contact parameters of their own.

    friction (5,): two tangents [1], torsion [m], two rolling axes [m]. solref_friction (0, 0): that of the normal.
    """

    name: str
    geom1: str
    geom2: str
    condim: int = 3
    friction: tuple[float, float, float, float, float] = (1.0, 1.0, 0.005, 0.0001, 0.0001)
    solref: Solref = DEFAULT_SOLREF
    solref_friction: Solref = (0.0, 0.0)
    solimp: Solimp = DEFAULT_SOLIMP
    margin: float = 0.0
    gap: float = 0.0


@dataclass
class Equality:
    """A soft equality between two links, or two joints.

    first, second: names of links ("world" is the world), of a joint equality names of joints (second None: the first is held).
    data (11,), as MuJoCo:
      connect: anchor in the frame of the first link 3, anchor in the second 3 [m]; the two points meet.
      weld: anchor in the second 3, anchor in the first 3 [m], relative orientation 4, torque scale [m]; the anchors meet and
        q_W1 * orientation = q_W2.
      joint: coefficients c of y = c0 + c1 x + c2 x² + c3 x³ + c4 x⁴, x and y the displacements of second and first joint from the
        described pose.
    """

    name: str
    type: str  # "connect" | "weld" | "joint"
    first: str
    second: str | None
    data: np.ndarray
    solref: Solref = DEFAULT_SOLREF
    solimp: Solimp = DEFAULT_SOLIMP


@dataclass(frozen=True)
class FileOptions:
    """What a file asks of the simulation; the scene decides. None: the format of the file has no such option.

    stated: the fields that the file itself names; the others hold the defaults of its format. switched_off: its flags "limit" and
    "contact", which the description follows. others: what it asks for and nothing here follows, in words.
    """

    timestep: float | None = None  # [s]
    gravity: tuple[float, float, float] | None = None  # [m/s²]
    integrator: str | None = None  # "Euler" | "RK4" | "implicit" | "implicitfast" | "discrete"
    implicit_damping: bool | None = None  # Euler treats joint damping implicitly; MJCF flag eulerdamp
    cone: str | None = None  # "pyramidal" | "elliptic"
    impratio: float | None = None
    tolerance: float | None = None  # this and the next two: when MuJoCo's solver stops
    iterations: int | None = None
    ls_iterations: int | None = None
    stated: frozenset[str] = frozenset()
    switched_off: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def said(self, name: str) -> Any:
        """The value that the file states; None if it does not."""
        return getattr(self, name) if name in self.stated else None


@dataclass
class Site:
    """A named frame fixed in a link."""

    name: str
    link: int
    pos: np.ndarray
    quat: np.ndarray


@dataclass
class Actuator:
    """force = clamp(gain * clamp(ctrl) + bias0 + bias1 * length + bias2 * velocity); length = sum coef * q over ``transmission``;
    each joint of the transmission feels coef * force. gear is already inside coef."""

    name: str
    transmission: list[tuple[str, np.ndarray]]  # (joint name, coef (nv of the joint,))
    gain: float = 1.0
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ctrlrange: tuple[float, float] | None = None
    forcerange: tuple[float, float] | None = None


@dataclass
class Description:
    """A robot or body as a file says it: links in order of the tree, geoms and what acts between them."""

    name: str
    file: str | None = None
    links: list[Link] = field(default_factory=list)
    geoms: list[Geom] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    actuators: list[Actuator] = field(default_factory=list)
    keyframes: dict[str, np.ndarray] = field(default_factory=dict)  # name -> qpos (own joints, in order, mimic joints left out)
    options: FileOptions = field(default_factory=FileOptions)
    excludes: list[tuple[str, str]] = field(default_factory=list)  # pairs of links, or "world", that never touch
    filter_parent: bool = True  # a link and its parent never touch
    pairs: list[ContactPair] = field(default_factory=list)
    equalities: list[Equality] = field(default_factory=list)
    not_simulated: list[str] = field(default_factory=list)  # e.g. 'tendon "t" (limit)'; reported at build time

    @property
    def timestep(self) -> float | None:
        """Of ``options``, stated or the format's default [s]."""
        return self.options.timestep

    @property
    def gravity(self) -> np.ndarray | None:
        """(3,) of ``options``, stated or the format's default [m/s²]."""
        return None if self.options.gravity is None else np.array(self.options.gravity)

    @property
    def integrator(self) -> str | None:
        """Of ``options``, stated or the format's default."""
        return self.options.integrator

    @property
    def implicit_damping(self) -> bool:
        """Of ``options``; yes where the format has no such flag."""
        return self.options.implicit_damping is not False
