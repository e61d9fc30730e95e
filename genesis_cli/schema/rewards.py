"""Schema of `task.reward.*` in tasks of kind `episodes`."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key

ENTITY = "entity by name; null: the robot"
LINK = "link by name; null: the first"
JOINTS = "joints of one coordinate, by glob pattern"
TARGET = "name of a target of the task"
AXES = "which of the three numbers, letters of xyz"


@dataclass
class Reward:
    """What every reward has."""

    kind: str = REQUIRED
    weight: float = key(1.0, "what it counts at every step; negative: a cost")


@dataclass
class Alive(Reward):
    """1 at every step."""

    kind: str = "alive"


@dataclass
class Speed(Reward):
    """Velocity of a body along a direction of the world [m/s]."""

    kind: str = "speed"
    direction: list[float] = key([1.0, 0.0, 0.0], "direction in the world, of any length", length=3)
    most: float | None = key(None, "speed above which nothing more is rewarded [m/s]; null: there is none")
    entity: str | None = key(None, ENTITY)
    link: str | None = key(None, LINK)


@dataclass
class HeightReward(Reward):
    """z of a body above `least` [m]."""

    kind: str = "height"
    least: float = key(0.0, "height that counts as 0 [m]")
    steep: float = key(0.0, "what a square metre too little costs below; 0: as above", low=0.0)
    most: float | None = key(None, "height above which nothing more is rewarded [m]; null: there is none")
    entity: str | None = key(None, ENTITY)
    link: str | None = key(None, LINK)


@dataclass
class Upright(Reward):
    """Cosine of the angle between a body's z axis and the vertical."""

    kind: str = "upright"
    entity: str | None = key(None, ENTITY)
    link: str | None = key(None, LINK)


@dataclass
class Heading(Reward):
    """Cosine between a body's x axis and that of the world."""

    kind: str = "heading"
    entity: str | None = key(None, ENTITY)
    link: str | None = key(None, LINK)


@dataclass
class VelocityTracking(Reward):
    """exp(−|v − v*|² / width²) of a wanted velocity."""

    kind: str = "velocity_tracking"
    target: str = key(REQUIRED, TARGET + " of kind velocity")
    turn: bool = key(False, "the rate about the body's z axis in place of its velocity along x and y")
    width: float = key(0.5, "error at which it is 1/e [m/s | rad/s]", above=0.0)
    entity: str | None = key(None, ENTITY)


@dataclass
class ActionSize(Reward):
    """Sum of the squares of the actions."""

    kind: str = "action_size"


@dataclass
class ActionChange(Reward):
    """Sum of the squares of the change of the actions from one step to the next."""

    kind: str = "action_change"


@dataclass
class JointDistance(Reward):
    """Sum over joints of (q − target)² [rad² | m²]."""

    kind: str = "joint_distance"
    joints: list[str] = key(["*"], JOINTS)
    target: Any = key(None, "a number, or one for each joint [rad | m]; null: the start")
    turning: bool = key(False, "2 (1 − cos(q − target)) instead: full turns do not count")
    entity: str | None = key(None, ENTITY)


@dataclass
class JointSpeedReward(Reward):
    """Sum over joints of q̇² [rad²/s² | m²/s²]."""

    kind: str = "joint_speed"
    joints: list[str] = key(["*"], JOINTS)
    entity: str | None = key(None, ENTITY)


@dataclass
class AngularSpeed(Reward):
    """Sum of the squares of a body's angular velocity about some of its axes [rad²/s²]."""

    kind: str = "angular_speed"
    axes: str = key("xyz", AXES)
    entity: str | None = key(None, ENTITY)
    link: str | None = key(None, LINK)


@dataclass
class TargetDistance(Reward):
    """Distance of a link or site from the point of a target [m]."""

    kind: str = "target_distance"
    target: str = key(REQUIRED, TARGET + " of kind position")
    frame: str | None = key(None, "link or site by name; null: the robot's tool")
    width: float | None = key(None, "1 − exp(−d² / width²) instead, which counts what is near [m]; null: the distance", above=0.0)
    entity: str | None = key(None, ENTITY)


@dataclass
class UserReward(Reward):
    """What a function of yours gives."""

    kind: str = "user"
    function: str = key(REQUIRED, "FILE.py:function or module.function, of `genesis.episodes.moments.Moments`, gives (…, B)")
    options: dict[str, Any] = key({}, "its keyword arguments")


REWARDS: dict[str, type] = {
    "alive": Alive,
    "speed": Speed,
    "height": HeightReward,
    "upright": Upright,
    "heading": Heading,
    "velocity_tracking": VelocityTracking,
    "action_size": ActionSize,
    "action_change": ActionChange,
    "joint_distance": JointDistance,
    "joint_speed": JointSpeedReward,
    "angular_speed": AngularSpeed,
    "target_distance": TargetDistance,
    "user": UserReward,
}
