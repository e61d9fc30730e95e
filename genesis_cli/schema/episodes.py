"""Schema of tasks of kind `episodes`: what a policy observes, does, is rewarded for and is asked, what ends an episode, what varies."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key
from genesis_cli.schema.rewards import AXES, ENTITY, JOINTS, LINK, REWARDS, TARGET
from genesis_cli.schema.task import Task

EVERY = "time after which it is drawn anew within an episode [s]; null: never"
RANGE = "[from, to], uniform"


@dataclass
class Action:
    """What the numbers of the policy, each in [-1, 1], do: middle + scale · action on each joint."""

    joints: list[str] = key(["*"], "driven joints of one coordinate, by glob pattern")
    scale: Any = key(1.0, "control of action 1, a number or one for each joint [N | Nm, or rad | m with control: position]")
    middle: Any = key(None, "control of action 0; null: no force, or the configuration at the start with control: position")
    entity: str | None = key(None, ENTITY)


@dataclass
class Network:
    """The policy: tanh(MLP(o) + e^s ε) with normalised observations o."""

    hidden: list[int] = key([64, 64], "width of each hidden layer", low=1, high=100_000)
    activation: str = key("elu", "nonlinearity", choices=("tanh", "relu", "silu", "elu", "gelu"))
    std: float = key(0.35, "standard deviation e^s of its noise at the start", above=0.0)


# ---- observations


@dataclass
class SeenTerm:
    """What every observation has."""

    kind: str = REQUIRED
    noise: float = key(0.0, "standard deviation of the noise of each number, in its unit", low=0.0)


@dataclass
class PositionsSeen(SeenTerm):
    """Coordinates of joints of one coordinate [rad | m]."""

    kind: str = "joint_position"
    joints: list[str] = key(["*"], JOINTS)
    periodic: list[str] = key([], "those that are observed as sine and cosine, by glob pattern")
    entity: str | None = key(None, ENTITY)


@dataclass
class RatesSeen(SeenTerm):
    """Velocities of joints of one coordinate [rad/s | m/s]."""

    kind: str = "joint_velocity"
    joints: list[str] = key(["*"], JOINTS)
    entity: str | None = key(None, ENTITY)


@dataclass
class OfBody(SeenTerm):
    """Three numbers of a body, or some of them."""

    axes: str = key("xyz", AXES)
    entity: str | None = key(None, ENTITY)
    link: str | None = key(None, LINK)


@dataclass
class UpSeen(OfBody):
    """Upward direction of the world in the axes of a body."""

    kind: str = "up"


@dataclass
class AheadSeen(OfBody):
    """A body's x axis in the world."""

    kind: str = "ahead"


@dataclass
class VelocitySeen(OfBody):
    """Velocity of a body in its own axes [m/s]."""

    kind: str = "linear_velocity"


@dataclass
class TurningSeen(OfBody):
    """Angular velocity of a body in its own axes [rad/s]."""

    kind: str = "angular_velocity"


@dataclass
class HeightSeen(SeenTerm):
    """z of a body in the world [m]."""

    kind: str = "height"
    entity: str | None = key(None, ENTITY)
    link: str | None = key(None, LINK)


@dataclass
class LastAction(SeenTerm):
    """What the policy chose last."""

    kind: str = "last_action"


@dataclass
class TargetSeen(SeenTerm):
    """The numbers of a target."""

    kind: str = "target"
    target: str = key(REQUIRED, TARGET)


@dataclass
class ToTarget(SeenTerm):
    """From a link or site to the point of a target [m]."""

    kind: str = "to_target"
    target: str = key(REQUIRED, TARGET + " of kind position")
    frame: str | None = key(None, "link or site by name; null: the robot's tool")
    entity: str | None = key(None, ENTITY)
    in_body: bool = key(False, "in the axes of the robot's first link, not of the world")


OBSERVATIONS: dict[str, type] = {
    "joint_position": PositionsSeen,
    "joint_velocity": RatesSeen,
    "up": UpSeen,
    "ahead": AheadSeen,
    "linear_velocity": VelocitySeen,
    "angular_velocity": TurningSeen,
    "height": HeightSeen,
    "last_action": LastAction,
    "target": TargetSeen,
    "to_target": ToTarget,
}

# ---- what ends an episode


@dataclass
class EndCondition:
    """What every condition has."""

    kind: str = REQUIRED


@dataclass
class HeightRange(EndCondition):
    """A body leaves a range of heights."""

    kind: str = "height"
    least: float | None = key(None, "lowest height [m]")
    most: float | None = key(None, "greatest height [m]")
    entity: str | None = key(None, ENTITY)
    link: str | None = key(None, LINK)


@dataclass
class TooTilted(EndCondition):
    """A body's z axis leans too far."""

    kind: str = "tilt"
    most: float = key(REQUIRED, "largest angle from the vertical [deg]", above=0.0, high=180.0)
    entity: str | None = key(None, ENTITY)
    link: str | None = key(None, LINK)


@dataclass
class JointRange(EndCondition):
    """A joint leaves a range."""

    kind: str = "joint_range"
    joints: list[str] = key(REQUIRED, JOINTS)
    low: Any = key(None, "a number, or one for each joint [rad | m]; null: none")
    high: Any = key(None, "a number, or one for each joint [rad | m]; null: none")
    entity: str | None = key(None, ENTITY)


@dataclass
class JointTooFast(EndCondition):
    """A joint is too fast."""

    kind: str = "joint_speed"
    most: float = key(REQUIRED, "largest speed [rad/s | m/s]", above=0.0)
    joints: list[str] = key(["*"], JOINTS)
    entity: str | None = key(None, ENTITY)


@dataclass
class UserEnding(EndCondition):
    """What a function of yours says."""

    kind: str = "user"
    function: str = key(REQUIRED, "FILE.py:function or module.function, of `genesis.episodes.moments.Moments`, gives (…, B) bool")
    options: dict[str, Any] = key({}, "its keyword arguments")


ENDINGS: dict[str, type] = {
    "height": HeightRange,
    "tilt": TooTilted,
    "joint_range": JointRange,
    "joint_speed": JointTooFast,
    "user": UserEnding,
}

# ---- what is asked, what varies


@dataclass
class VelocityTarget:
    """Velocity along a body's x and y, and rate about its z."""

    kind: str = "velocity"
    x: list[float] = key([0.0, 0.0], RANGE + " [m/s]", length=2)
    y: list[float] = key([0.0, 0.0], RANGE + " [m/s]", length=2)
    turn: list[float] = key([0.0, 0.0], RANGE + " [rad/s]", length=2)
    every: float | None = key(None, EVERY, above=0.0)


@dataclass
class PositionTarget:
    """A point in a box of the world."""

    kind: str = "position"
    x: list[float] = key(REQUIRED, RANGE + " [m]", length=2)
    y: list[float] = key(REQUIRED, RANGE + " [m]", length=2)
    z: list[float] = key(REQUIRED, RANGE + " [m]", length=2)
    every: float | None = key(None, EVERY, above=0.0)


TARGETS: dict[str, type] = {"velocity": VelocityTarget, "position": PositionTarget}


@dataclass
class Number:
    """Physical numbers times a factor, anew in every episode."""

    kind: str = "number"
    quantity: str = key(
        REQUIRED, "mass (with inertia), friction, damping, armature, frictionloss, stiffness, kp, kv, or a core name"
    )
    factor: list[float] = key(REQUIRED, RANGE, low=0.0, length=2)
    links: list[str] = key(["*"], "of masses: links by glob pattern")
    together: bool = key(False, "one factor for all of them")


@dataclass
class Push:
    """A horizontal force on a link now and then."""

    kind: str = "push"
    force: list[float] = key(REQUIRED, RANGE + " [N]", low=0.0, length=2)
    link: str | None = key(None, LINK)
    duration: float = key(0.1, "how long it lasts [s]", above=0.0)
    every: float = key(2.0, "mean time between two of them [s]", above=0.0)


VARIATIONS: dict[str, type] = {"number": Number, "push": Push}


@dataclass
class Episodes(Task):
    """A policy acts in many episodes, each from its own start."""

    kind: str = "episodes"
    horizon: int = key(300, "control steps after which an episode is over", low=1, high=2**31 - 1)
    envs: int = key(64, "environments side by side", low=1)
    test_envs: int = key(64, "episodes of a test, which are not learned from", low=1)
    test_every: int = key(25, "windows from one test to the next", low=1)
    action: Action = key(None, "what the numbers of the policy do", node=Action)
    policy: Network = key(None, "the network", node=Network)
    observe: dict[str, Any] = key(REQUIRED, "what it sees, by name", terms=OBSERVATIONS)
    reward: dict[str, Any] = key(REQUIRED, "what it is rewarded for, by name", terms=REWARDS)
    ends: dict[str, Any] = key({}, "what ends an episode before its time, by name", terms=ENDINGS)
    target: dict[str, Any] = key({}, "what is asked of it, by name", terms=TARGETS)
    randomise: dict[str, Any] = key({}, "what differs from episode to episode, by name", terms=VARIATIONS)
    least: dict[str, float] = key(
        {},
        "what a test must reach, by name of the metric: return, length_s (means), or a reward, of every episode the mean over its steps, "
        "without the weight; NAME_end: over its last tenth",
    )
    most: dict[str, float] = key({}, "what a test must not exceed, likewise")
    ended_tolerance: float | None = key(
        None, "largest share of the episodes of a test that end before their time [%]; null: not judged", low=0.0, high=100.0
    )
