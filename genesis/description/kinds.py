"""What each joint type is, as data: coordinates, degrees of freedom, units, words of the robot files. Everything else asks this table.

The mechanics of the elementary types stand in `genesis.joints`, one class a type, in the order of `ELEMENTARY`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Unit:
    """SI units of one degree of freedom."""

    position: str
    velocity: str
    force: str


ANGLE = Unit("rad", "rad/s", "Nm")
LENGTH = Unit("m", "m/s", "N")


@dataclass(frozen=True)
class JointKind:
    """One joint type.

    dofs: the unit of each degree of freedom. labels: a name for each, none where there is one. quaternion: where a unit quaternion
    begins in the coordinates, its angular velocity at the same place in the velocities; the coordinates before it add like numbers and
    are the integrals of the velocities. turns: what it moves changes its orientation. periodic: a full turn leads back to the same pose.
    axis: it has a direction. constants: fields of a description's joint that it alone has, with their units. floats: its coordinates are
    the pose in the world, and no motor moves it. parts: the elementary types that it is made of when a model is compiled; none: it is
    elementary. urdf, mjcf: its words in these formats. stands_for: the type that stands in its place in files that have no word for it.
    """

    name: str
    dofs: tuple[Unit, ...]
    turns: bool
    labels: tuple[str, ...] = ()
    quaternion: int | None = None
    periodic: bool = False
    axis: bool = False
    constants: tuple[tuple[str, str], ...] = ()
    floats: bool = False
    parts: tuple[str, ...] = ()
    urdf: tuple[str, ...] = ()
    mjcf: str | None = None
    stands_for: str | None = None

    @property
    def nv(self) -> int:
        """Number of degrees of freedom."""
        return len(self.dofs)

    @property
    def nq(self) -> int:
        """Number of coordinates."""
        return self.nv + (self.quaternion is not None)

    @property
    def scalar(self) -> bool:
        """One coordinate, which adds like a number."""
        return self.nq == 1

    @property
    def plain(self) -> int:
        """How many coordinates add like numbers; they come first, each with the degree of freedom of the same place."""
        return self.nq if self.quaternion is None else self.quaternion

    @property
    def lengths(self) -> tuple[bool, ...]:
        """Of each coordinate whether it is a length; else it is an angle, or of a quaternion."""
        return tuple(unit is LENGTH for unit in self.dofs[: self.plain]) + (False,) * (self.nq - self.plain)

    @property
    def neutral(self) -> tuple[float, ...]:
        """Coordinates (nq) without displacement."""
        return (0.0,) * self.plain + ((1.0, 0.0, 0.0, 0.0) if self.quaternion is not None else ())

    @property
    def elements(self) -> int:
        """How many elementary joints it is in a compiled model."""
        return len(self.parts) or 1

    @property
    def slides(self) -> bool:
        """Every degree of freedom is a length."""
        return all(unit is LENGTH for unit in self.dofs)

    def has(self, constant: str) -> bool:
        """Whether the constant is one of this type."""
        return any(name == constant for name, _ in self.constants)

    def either(self, turning: T, sliding: T) -> T:
        """``sliding`` for a type whose degrees of freedom are all lengths, else ``turning``."""
        return sliding if self.slides else turning

    def label(self, joint: str, k: int) -> str:
        """Name of number ``k`` of the coordinates or degrees of freedom of a joint of that name: "joint", or "joint.k" of several."""
        return joint if self.scalar else f"{joint}.{k}"


HINGE = JointKind(
    "hinge", (ANGLE,), turns=True, periodic=True, axis=True, urdf=("revolute", "continuous"), mjcf="hinge",
)  # fmt: skip
SLIDE = JointKind("slide", (LENGTH,), turns=False, axis=True, urdf=("prismatic",), mjcf="slide")
BALL = JointKind("ball", (ANGLE,) * 3, turns=True, labels=("wx", "wy", "wz"), quaternion=0, urdf=("spherical",), mjcf="ball")
SCREW = JointKind("screw", (ANGLE,), turns=True, axis=True, constants=(("pitch", "m/rad"),), stands_for="hinge")
FREE = JointKind(
    "free", (LENGTH,) * 3 + (ANGLE,) * 3, turns=True, labels=("vx", "vy", "vz", "wx", "wy", "wz"), quaternion=3, floats=True,
    parts=("slide", "slide", "slide", "ball"), urdf=("floating",), mjcf="free",
)  # fmt: skip

KINDS = {kind.name: kind for kind in (HINGE, SLIDE, BALL, SCREW, FREE)}
ELEMENTARY = tuple(kind for kind in KINDS.values() if not kind.parts)  # the index is the code in Model.integers["jnt_type"]
CODE = {kind.name: code for code, kind in enumerate(ELEMENTARY)}


def plural(question: Callable[[JointKind], bool]) -> str:
    """The types for which the answer is yes, in words for a message: "hinges and slides"."""
    names = [f"{kind.name}s" for kind in KINDS.values() if question(kind)]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


SCALARS = plural(lambda kind: kind.scalar)
