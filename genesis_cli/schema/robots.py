"""Schema of `robot` and of `scene.entities.*`: what a body is read from or made of, and where it stands."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key

JOINTS = "of hinges, slides and balls: number, or mapping joint pattern: number; null, or no pattern: the file's"


@dataclass
class Entity:
    """What every entity has."""

    kind: str = REQUIRED
    name: str = key("robot", "name of the entity in the scene")
    pos: list[float] = key([0.0, 0.0, 0.0], "position of the base in the world [m]", low=-1e9, high=1e9, length=3)
    euler: list[float] | None = key(None, "orientation of the base: extrinsic x-y-z angles [deg]; null: none", length=3)
    quat: list[float] | None = key(None, "orientation of the base: quaternion wxyz; null: none", length=4)
    home: Any = key(None, "start of the joints [rad | m]: list over qpos or mapping joint: value; null: the file's")
    tool: str | None = key(None, "link or site that losses follow when they name none")
    collision: bool = key(True, "whether it touches anything")
    friction: float | None = key(None, "sliding friction of all its geoms; null: the file's, else 1", low=0.0, high=1e6)


@dataclass
class FileEntity(Entity):
    """A robot read from a description file."""

    file: str = key(REQUIRED, "description file, relative to the YAML that names it or to the working folder")
    fixed: bool = key(False, "base welded to the world (URDF)")
    scale: float = key(1.0, "uniform scale of lengths", low=1e-9, high=1e9)
    joints: Any = key(
        None,
        "joints of types that the file has no word for: mapping joint: {type: screw, pitch: number [m/rad]}, each in place of a hinge",
    )
    kp: Any = key(
        None,
        "position gains of the joint controllers [N/m | Nm/rad]: number, mapping joint pattern: number, or list over the dofs; "
        "null: by the inertia of each joint",
    )
    kv: Any = key(
        None,
        "velocity gains of the joint controllers [Ns/m | Nms/rad]: number, mapping joint pattern: number, or list over the dofs; "
        "null: by the inertia of each joint",
    )
    armature: Any = key(None, "rotor inertia [kg | kg m^2] " + JOINTS)
    damping: Any = key(None, "viscous damping [Ns/m | Nms/rad] " + JOINTS)
    frictionloss: Any = key(None, "dry friction [N | Nm] " + JOINTS)
    friction_law: Any = key(
        None,
        "friction that follows the velocity, in place of damping and dry friction: mapping joint pattern: {law: tanh | atan | stribeck | "
        "asymmetric, and its numbers: coulomb, static, viscous, slip_velocity, stribeck_velocity, coulomb_forward, …}; null: none",
    )


@dataclass
class Urdf(FileEntity):
    """A robot read from URDF."""

    kind: str = "urdf"


@dataclass
class Mjcf(FileEntity):
    """A robot read from MJCF."""

    kind: str = "mjcf"
    mimic: str = key(
        "independent",
        "joints of linear joint equalities: independent (all are degrees of freedom, tied softly as in MuJoCo) or reduce (the "
        "follower has none and holds exactly)",
        choices=("independent", "reduce"),
    )


@dataclass
class Primitive(Entity):
    """A free or fixed body of a simple shape."""

    fixed: bool = key(False, "base welded to the world")
    density: float | None = key(None, "density [kg/m^3]; null: the engine's default", above=0.0)


@dataclass
class Mesh(Primitive):
    """A solid bounded by the closed mesh of a file; it touches with its convex hull."""

    kind: str = "mesh"
    file: str = key(REQUIRED, "mesh file, relative to the YAML that names it or to the working folder")
    scale: float = key(1.0, "uniform scale of lengths", low=1e-9, high=1e9)


@dataclass
class Plane(Entity):
    """A plane fixed in the world."""

    kind: str = "plane"
    normal: list[float] = key([0.0, 0.0, 1.0], "its upward direction", length=3)


@dataclass
class Sphere(Primitive):
    """A ball."""

    kind: str = "sphere"
    radius: float = key(0.1, "radius [m]", above=0.0, high=1e6)


@dataclass
class Box(Primitive):
    """A box."""

    kind: str = "box"
    size: list[float] = key([0.1, 0.1, 0.1], "edge lengths [m]", above=0.0, high=1e6, length=3)


@dataclass
class Capsule(Primitive):
    """A capsule along z."""

    kind: str = "capsule"
    radius: float = key(0.05, "radius [m]", above=0.0, high=1e6)
    height: float = key(0.2, "length of the cylindrical part [m]", above=0.0, high=1e6)


@dataclass
class Cylinder(Primitive):
    """A cylinder along z."""

    kind: str = "cylinder"
    radius: float = key(0.05, "radius [m]", above=0.0, high=1e6)
    height: float = key(0.2, "height [m]", above=0.0, high=1e6)


ROBOTS: dict[str, type] = {
    "urdf": Urdf, "mjcf": Mjcf, "sphere": Sphere, "box": Box, "capsule": Capsule, "cylinder": Cylinder, "mesh": Mesh, "plane": Plane,
}  # fmt: skip
