"""Schema of `constraint.*`: what must hold of a motion."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key
from genesis_cli.schema.losses import AT, ENTITY, JOINTS

TOLERANCE = "largest violation that counts as none, in the unit of the constraint"

FRAME = "link or site; null: the robot's tool, or the entity's first link"
OFFSET = "the point in the frame's own axes [m]"


@dataclass
class Constraint:
    """What every constraint has."""

    kind: str = REQUIRED
    hard: bool = key(True, "true: must hold; false: a term of the objective, the mean squared violation in units of the limit")
    weight: float = key(1.0, "factor in the objective of a constraint that is not hard", low=0.0)


@dataclass
class OfJoints(Constraint):
    """Numbers of joints within a range."""

    low: Any = key(None, "smallest value [SI]: number or list over the joints; null: the robot's limit")
    high: Any = key(None, "largest value [SI]: number or list over the joints; null: the robot's limit")
    limit: Any = key(None, "largest magnitude [SI], in place of low and high: number or list over the joints")
    margin: float = key(0.0, "distance to the limit that is kept [SI]", low=0.0)
    joints: list[str] = key(["*"], JOINTS)
    at: Any = key("all", AT)
    tolerance: float = key(1e-6, TOLERANCE, low=0.0)
    entity: str | None = key(None, ENTITY)


@dataclass
class JointPositionRange(OfJoints):
    """Positions of joints of one coordinate [rad | m]."""

    kind: str = "joint_position"


@dataclass
class JointVelocityRange(OfJoints):
    """Velocities of joints [rad/s | m/s]."""

    kind: str = "joint_velocity"


@dataclass
class JointTorqueRange(OfJoints):
    """Torques and forces that joint controllers ask for, under force control the controls [Nm | N]."""

    kind: str = "joint_torque"


@dataclass
class TorqueRate(Constraint):
    """Change of torques and forces from one step to the next, per second [Nm/s | N/s]."""

    kind: str = "torque_rate"
    limit: Any = key(None, "largest magnitude [Nm/s | N/s]: number or list over the degrees of freedom")
    low: Any = key(None, "smallest rate, in place of limit [Nm/s | N/s]: number or list; null: no limit")
    high: Any = key(None, "largest rate, in place of limit [Nm/s | N/s]: number or list; null: no limit")
    before: Any = key(
        None, "what acted before the start [Nm | N], with which the first step is compared too; null: the first step is free"
    )
    joints: list[str] = key(["*"], JOINTS)
    at: Any = key("all", AT)
    tolerance: float = key(1e-6, TOLERANCE, low=0.0)
    entity: str | None = key(None, ENTITY)


@dataclass
class Power(Constraint):
    """Mechanical power of joints, torque times velocity [W]."""

    kind: str = "power"
    low: Any = key(None, "smallest power, negative where a joint brakes [W]: number or list; null: no limit")
    high: Any = key(None, "largest power [W]: number or list; null: no limit")
    limit: Any = key(None, "largest magnitude, in place of low and high [W]: number or list")
    total: bool = key(False, "the sum over the joints counts")
    joints: list[str] = key(["*"], JOINTS)
    at: Any = key("all", AT)
    tolerance: float = key(1e-6, TOLERANCE, low=0.0)
    entity: str | None = key(None, ENTITY)


@dataclass
class OfFrame(Constraint):
    """About a link or site."""

    frame: str | None = key(None, FRAME)
    at: Any = key("all", AT)
    entity: str | None = key(None, ENTITY)


@dataclass
class OfPoint(OfFrame):
    """About a point of a link or site."""

    offset: list[float] = key([0.0, 0.0, 0.0], OFFSET, length=3)
    relative_to: str | None = key(None, "link or site in whose axes, and from whose origin, the point is seen; null: the world")
    relative_entity: str | None = key(None, "entity of relative_to, by name; null: the robot")
    tolerance: float = key(1e-4, TOLERANCE, low=0.0)


@dataclass
class PositionRange(OfPoint):
    """A point of a frame stays in a box of the world, or is at a target [m]."""

    kind: str = "position"
    low: Any = key(None, "smallest [x, y, z] [m], null among them is no limit; null: none")
    high: Any = key(None, "largest [x, y, z] [m], null among them is no limit; null: none")
    target: Any = key(None, "where it must be, in place of low and high: [x, y, z], waypoints, or file of a path")


@dataclass
class HalfSpace(OfPoint):
    """A point of a frame stays behind a plane: normal . point <= distance [m]."""

    kind: str = "half_space"
    normal: list[float] = key(REQUIRED, "direction that leads out, of any length", length=3)
    distance: float = key(0.0, "of the plane from the origin, along the normal [m]")


@dataclass
class OrientationRange(OfFrame):
    """A frame has an orientation, or one within an angle of it [rad]."""

    kind: str = "orientation"
    target: list[float] = key(REQUIRED, "quaternion wxyz", length=4)
    angle: float = key(0.0, "largest angle between the two [rad]; 0: they are the same", low=0.0, high=3.1)
    tolerance: float = key(1e-3, TOLERANCE, low=0.0)


@dataclass
class PoseEquality(OfFrame):
    """Position [m] and orientation [rad] of a frame together."""

    kind: str = "pose"
    target_pos: list[float] = key(REQUIRED, "where the point must be, [x, y, z] [m]", length=3)
    target_quat: list[float] = key(REQUIRED, "quaternion wxyz", length=4)
    offset: list[float] = key([0.0, 0.0, 0.0], OFFSET, length=3)
    at: Any = key("end", AT)
    tolerance: float = key(1e-4, "largest error of the position that counts as none [m]", low=0.0)
    orientation_tolerance: float = key(1e-3, "largest error of the orientation that counts as none [rad]", low=0.0)


@dataclass
class Cone(OfFrame):
    """An axis of a frame stays within an angle of a direction of the world [rad]."""

    kind: str = "cone"
    angle: float = key(REQUIRED, "largest angle [rad]", above=0.0, high=3.1)
    axis: list[float] = key([0.0, 0.0, 1.0], "axis in the frame", length=3)
    about: list[float] = key([0.0, 0.0, 1.0], "direction in the world", length=3)
    tolerance: float = key(1e-3, TOLERANCE, low=0.0)


@dataclass
class Clearance(Constraint):
    """Pairs of links stay apart: the distance of their shapes, also far from contact, negative where they overlap [m]."""

    kind: str = "clearance"
    least: float = key(0.0, "smallest distance [m]")
    between: list[list[str]] | None = key(
        None,
        "pairs [[a, b], ...] of entities, links or geoms, by name or glob pattern, or ENTITY/PATTERN; null: the robot and each other entity",
    )
    itself: bool = key(False, "also pairs of the robot's own links that no joint joins")
    beyond: float | None = key(
        None, "distance [m] that stands for every larger one, which then costs little; null: there is none", low=0.0
    )
    at: Any = key("all", AT)
    tolerance: float = key(1e-4, TOLERANCE, low=0.0)
    entity: str | None = key(None, ENTITY)


@dataclass
class TerminalStateEquality(Constraint):
    """The last state is a given one."""

    kind: str = "terminal_state"
    qpos: Any = key("home", "home, or list over qpos of the joints [rad | m]; null: any")
    qvel: Any = key(0.0, "number, or list over the degrees of freedom [rad/s | m/s]; null: any")
    periodic: bool = key(False, "angles a full turn apart count as equal: the difference is 2 sin(difference / 2)")
    joints: list[str] = key(["*"], JOINTS)
    tolerance: float = key(1e-4, TOLERANCE, low=0.0)
    entity: str | None = key(None, ENTITY)


@dataclass
class Periodic(Constraint):
    """The last state is the first one, up to where a floating base has gone."""

    kind: str = "periodic"
    free: list[str] | None = key(
        None, "degrees of freedom (joint, or joint.vx of several) whose positions may differ; null: vx and vy of a floating base"
    )
    free_heading: bool = key(False, "a floating base may have turned about the vertical")
    joints: list[str] = key(["*"], JOINTS)
    tolerance: float = key(1e-3, TOLERANCE, low=0.0)
    entity: str | None = key(None, ENTITY)


@dataclass
class OfFeet(Constraint):
    """About feet that stand on a floor."""

    feet: list[str] = key(REQUIRED, "links or sites")
    offset: list[float] = key([0.0, 0.0, 0.0], OFFSET, length=3)
    entity: str | None = key(None, ENTITY)


@dataclass
class ContactSchedule(OfFeet):
    """Feet stand and are lifted by a gait: heights of their soles [m]."""

    kind: str = "contact_schedule"
    period: float = key(REQUIRED, "of the gait [s]", above=0.0)
    offsets: list[float] = key(REQUIRED, "where in the period each foot begins to stand, 0 to 1, in the order of feet")
    duty: float = key(0.5, "part of the period in which a foot stands", above=0.0, high=0.99)
    clearance: float = key(0.03, "height to which a foot is lifted at least in the middle of its swing [m]", low=0.0)
    sole: float = key(0.003, "largest height of a foot that stands [m]")
    radius: float = key(0.0, "of a foot: from its point to the sole [m]", low=0.0)
    floor: float = key(0.0, "height of the floor [m]")
    at: Any = key("all", AT)
    tolerance: float = key(2e-3, TOLERANCE, low=0.0)


@dataclass
class FootClearance(OfFeet):
    """Soles of feet keep above a height [m]."""

    kind: str = "foot_clearance"
    least: float = key(REQUIRED, "smallest height [m]")
    radius: float = key(0.0, "of a foot: from its point to the sole [m]", low=0.0)
    floor: float = key(0.0, "height of the floor [m]")
    at: Any = key("all", AT)
    tolerance: float = key(1e-3, TOLERANCE, low=0.0)


@dataclass
class Slip(OfFeet):
    """Feet that stand by a gait do not slip: speeds along the floor, x and y [m/s], and ways in all [m], of what touches it."""

    kind: str = "slip"
    period: float = key(REQUIRED, "of the gait [s]", above=0.0)
    offsets: list[float] = key(REQUIRED, "where in the period each foot begins to stand, 0 to 1, in the order of feet")
    duty: float = key(0.5, "part of the period in which a foot stands", above=0.0, high=0.99)
    radius: float = key(0.0, "of a foot, which may roll: from its point to the sole [m]", low=0.0)
    speed: float = key(0.05, "largest speed along x and along y [m/s]", low=0.0)
    length: float | None = key(None, "longest way of each foot in the whole motion, while it stands [m]; null: any", low=0.0)
    margin: float = key(0.0, "how long before and after a foot stands it counts too: a step or two [s]", low=0.0)
    tolerance: float = key(1e-2, TOLERANCE, low=0.0)
    length_tolerance: float = key(1e-3, "excess of the length that counts as none [m]", low=0.0)


@dataclass
class UserConstraint(Constraint):
    """A function of yours: `function(trajectory, scene, **options)` returns numbers (steps, m) or (m,) that must lie within a range."""

    kind: str = "user"
    function: str = key(REQUIRED, "module.function, importable from the working folder, or FILE.py:function")
    options: dict[str, Any] = key({}, "keyword arguments of the function")
    low: Any = key(None, "smallest value: number or list over the m numbers; null: no limit")
    high: Any = key(None, "largest value: number or list over the m numbers; null: no limit")
    labels: list[str] = key([], "names of the m numbers")
    unit: str = key("", "their unit, in words")
    scale: float | None = key(None, "how much of them is much; null: half the range, or its finite end", above=0.0)
    reach: int = key(0, "how many steps beyond its own a row of numbers depends on", low=0)
    tolerance: float = key(1e-6, TOLERANCE, low=0.0)


CONSTRAINTS: dict[str, type] = {
    "joint_position": JointPositionRange,
    "joint_velocity": JointVelocityRange,
    "joint_torque": JointTorqueRange,
    "torque_rate": TorqueRate,
    "power": Power,
    "position": PositionRange,
    "half_space": HalfSpace,
    "orientation": OrientationRange,
    "pose": PoseEquality,
    "cone": Cone,
    "clearance": Clearance,
    "terminal_state": TerminalStateEquality,
    "periodic": Periodic,
    "contact_schedule": ContactSchedule,
    "foot_clearance": FootClearance,
    "slip": Slip,
    "user": UserConstraint,
}
