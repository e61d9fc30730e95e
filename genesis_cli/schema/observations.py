"""Schema of `observation`: log files, which of their columns measure what, and which drive the robot."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key

ENTITY = "entity by name; null: the robot"
LOSSES = ("linear", "soft_l1", "huber", "cauchy", "arctan")
OF_ALL = "of this file; null: that of all, observation.…"
FRAME_AXES = "axes of the numbers: the world's or the frame's own"


@dataclass
class Observation:
    """Recorded motion: what is read, split and measured."""

    files: list[Any] = key(REQUIRED, "files or glob patterns, or mappings with path and the keys of a file")
    folder: str | None = key(None, "where relative files are looked for first; null: beside the YAML, then in the working folder")
    validation: dict[str, Any] = key({"files": [], "fraction": 0.0, "by": "time"}, "what is held out to judge the result")
    time: dict[str, Any] = key({"column": "time", "unit": "s", "step": None, "format": None, "zone": None}, "times of the rows")
    trajectory: str | None = key(
        None, "column that numbers the trajectories of one file, or array of their lengths; null: one a file"
    )
    channels: dict[str, Any] = key({}, "measured channels by name, each with a kind and its keys")
    inputs: dict[str, Any] = key({}, "recorded inputs by name, each with a kind and its keys")
    resample: float | None = key(
        None, "rate of a uniform grid that all channels are put on [Hz]; null: residuals at the measured times", above=0.0
    )
    smoothing: dict[str, Any] = key(
        {"window": 25, "order": 3, "velocity": "position"}, "how start states are read from the channels"
    )
    delimiter: str | None = key(None, "between the fields of text files, a character, tab or blanks; null: found out")
    decimal: str | None = key(None, "decimal sign of text files; null: found out", choices=(".", ","))
    comment: str | None = key(None, "sign at the start of lines of text files that are left out; null: #, % and //")
    skip: int = key(0, "lines of text files above the table that are left out", low=0)
    units_row: bool | None = key(None, "whether a row of units follows the names in text files; null: found out")
    encoding: str | None = key(None, "encoding of text files, utf-8, utf-16, latin-1, …; null: found out")
    duplicates: str = key(
        "error",
        "rows of one time whose numbers differ: an error, or which one counts",
        choices=("error", "first", "last", "mean"),
    )
    budget_gb: float = key(
        1.0, "most that the numbers of one file, or of a recording on a uniform grid, may take [GB]", above=0.0
    )


@dataclass
class File:
    """`observation.files` and `observation.validation.files` in their long form."""

    path: str = key(REQUIRED, "file, folder of a ROS 2 bag or of a LeRobot data set, or glob pattern")
    start: float = key(0.0, "first instant in use, from the first sample of the trajectory [s]", low=0.0)
    end: float | None = key(None, "last instant in use [s]; null: the end")
    delay: float = key(0.0, "how much later than the inputs the channels of this file are stamped [s]")
    trajectories: Any = key(None, "trajectories in use: list of numbers from 0, or range 0:60; null: all")
    episodes: Any = key(None, "episodes of a LeRobot data set, likewise; null: all")
    delimiter: str | None = key(None, OF_ALL)
    decimal: str | None = key(None, OF_ALL, choices=(".", ","))
    comment: str | None = key(None, OF_ALL)
    skip: int | None = key(None, OF_ALL, low=0)
    units_row: bool | None = key(None, OF_ALL)
    encoding: str | None = key(None, OF_ALL)


@dataclass
class Validation:
    """`observation.validation`."""

    files: list[Any] = key([], "files held out; those of a pattern in observation.files are left out there")
    fraction: float = key(0.0, "last fraction of the training data that is held out", low=0.0)
    by: str = key(
        "time", "what the fraction is of: the time of each recording, or the trajectories", choices=("time", "trajectory")
    )


@dataclass
class Time:
    """`observation.time`."""

    column: str | None = key("time", "column of the times; bags have their own")
    unit: str = key("s", "unit of the times, but for times of day, which are read as they stand", choices=("s", "ms", "us", "ns"))
    step: Any = key(None, "instead of a column: time between two rows, a number or the name of one in the file")
    format: str | None = key(None, "of times of day in text files, as strptime has it, %d.%m.%Y %H:%M:%S.%f; null: ISO 8601")
    zone: str | None = key(None, "of times of day that name none, Europe/Berlin or +02:00; null: UTC")


@dataclass
class Smoothing:
    """`observation.smoothing`: Savitzky-Golay filter on measured positions."""

    window: int = key(25, "samples, an odd number; 1: no smoothing", low=1)
    order: int = key(3, "order of the polynomial", low=0)
    velocity: str = key(
        "position", "velocities at the start: derivative of the position, or measured", choices=("position", "measured")
    )


@dataclass
class Source:
    """What channels and inputs have in common."""

    kind: str = REQUIRED
    columns: Any = key(
        REQUIRED, "columns by name of joint, link or actuator, {elbow: q2}, {hand: [x, y, z]}; or a pattern, {name}_pos"
    )
    names: list[str] = key(["*"], "names that a pattern may mean, as glob patterns")
    unit: str | None = key(None, "unit of the columns; null: SI")
    scale: Any = key(1.0, "factor on the columns: a number, or one for each of them")
    offset: Any = key(0.0, "added to them after the factor, in their unit")
    delay: float = key(0.0, "how late the stamps are [s]; of an input how late it acts")
    time: str | None = key(None, "column of the times of these columns; null: that of all")
    time_unit: str | None = key(None, "unit of that column; null: observation.time.unit", choices=("s", "ms", "us", "ns"))
    entity: str | None = key(None, ENTITY)


@dataclass
class Channel(Source):
    """What every measured channel has."""

    sigma: Any = key(None, "noise level in the unit of the columns, a number or one for each; null: estimated from the data")
    weight: float = key(1.0, "factor on the squared residuals", low=0.0)
    loss: str = key("linear", "loss of squared residuals: linear, or one that outliers weigh less in", choices=LOSSES)
    loss_scale: float = key(1.345, "residual in units of sigma from which a point counts as an outlier", above=0.0)


@dataclass
class JointPosition(Channel):
    """Positions of hinges and slides [rad | m]."""

    kind: str = "joint_position"
    periodic: bool = key(False, "angles a full turn apart count as equal")
    period: float | None = key(
        None, "jump of an encoder that begins anew before a gear, 2 pi / ratio [rad | m]; null: it counts on", above=0.0
    )


@dataclass
class JointVelocity(Channel):
    """Velocities of hinges and slides [rad/s | m/s]."""

    kind: str = "joint_velocity"


@dataclass
class JointTorque(Channel):
    """Force of the joint controllers and actuators inside their bounds [Nm | N]."""

    kind: str = "joint_torque"


@dataclass
class LinkPosition(Channel):
    """Position of a link's or site's origin in the world [m]."""

    kind: str = "link_position"


@dataclass
class LinkOrientation(Channel):
    """Orientation of a link or site in the world, columns in the order w, x, y, z; residual: the rotation between both [rad]."""

    kind: str = "link_orientation"


@dataclass
class LinkVelocity(Channel):
    """Velocity of a link's or site's origin [m/s]."""

    kind: str = "link_velocity"
    axes: str = key("world", FRAME_AXES, choices=("world", "frame"))


@dataclass
class LinkAngularVelocity(Channel):
    """Angular velocity of a link or site [rad/s]."""

    kind: str = "link_angular_velocity"
    axes: str = key("world", FRAME_AXES, choices=("world", "frame"))


@dataclass
class Accelerometer(Channel):
    """Specific force in the sensor's axes, acceleration less gravity [m/s^2]."""

    kind: str = "accelerometer"
    local_pos: Any = key(
        None, "the sensor in the axes of its link or site [m]: [x, y, z], or a mapping by name; null: its origin"
    )
    local_quat: Any = key(None, "its orientation there: [w, x, y, z], or a mapping by name; null: the axes of its frame")


@dataclass
class Gyro(Channel):
    """Angular velocity in the sensor's axes [rad/s]."""

    kind: str = "gyro"
    local_quat: Any = key(
        None, "orientation of the sensor in its link or site: [w, x, y, z], or a mapping by name; null: the axes of its frame"
    )


@dataclass
class ContactForce(Channel):
    """Sum of the contact forces on a link [N]."""

    kind: str = "contact_force"
    axes: str = key("world", "axes of the numbers: the world's or the link's own", choices=("world", "frame"))


@dataclass
class Marker(Channel):
    """Position of a point of a link or site in the world [m]."""

    kind: str = "marker"
    local_pos: Any = key(None, "the point in the axes of its frame [m]: [x, y, z], or a mapping by name; null: its origin")
    frames: dict[str, str] = key({}, "link or site of each name; those left out are frames themselves")


@dataclass
class Camera(Channel):
    """A point of a link or site in an image: matrix p + origin with its position p in the world [px]."""

    kind: str = "camera"
    matrix: list[Any] = key(REQUIRED, "2 x 3: pixels per metre along the axes of the world")
    origin: list[float] = key(REQUIRED, "pixel [u, v] of the world's origin", length=2)
    local_pos: Any = key(None, "the point in the axes of its frame [m]: [x, y, z], or a mapping by name; null: its origin")
    frames: dict[str, str] = key({}, "link or site of each name; those left out are frames themselves")


@dataclass
class Input(Source):
    """What every recorded input has."""

    hold: str = key("linear", "between samples: linear, or zero (the last one holds)", choices=("linear", "zero"))


@dataclass
class JointForceInput(Input):
    """Forces of joints [Nm | N]."""

    kind: str = "joint_force"


@dataclass
class JointPositionInput(Input):
    """Target positions of the joint controllers [rad | m]."""

    kind: str = "joint_position"


@dataclass
class JointVelocityInput(Input):
    """Target velocities of the joint controllers [rad/s | m/s]."""

    kind: str = "joint_velocity"


@dataclass
class ActuatorInput(Input):
    """Controls of the actuators of the robot's file."""

    kind: str = "actuator"


CHANNELS: dict[str, type] = {
    "joint_position": JointPosition,
    "joint_velocity": JointVelocity,
    "joint_torque": JointTorque,
    "link_position": LinkPosition,
    "link_orientation": LinkOrientation,
    "link_velocity": LinkVelocity,
    "link_angular_velocity": LinkAngularVelocity,
    "accelerometer": Accelerometer,
    "gyro": Gyro,
    "contact_force": ContactForce,
    "marker": Marker,
    "camera": Camera,
}
INPUTS: dict[str, type] = {
    "joint_force": JointForceInput,
    "joint_position": JointPositionInput,
    "joint_velocity": JointVelocityInput,
    "actuator": ActuatorInput,
}
#: The mappings in `observation` that have keys of their own.
PARTS: dict[str, type] = {"validation": Validation, "time": Time, "smoothing": Smoothing}
#: Key in `observation` -> kinds of its terms; the group of their schema is its singular, schema/channel.
OBSERVED: dict[str, dict[str, type]] = {"channels": CHANNELS, "inputs": INPUTS}
