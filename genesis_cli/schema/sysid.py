"""Schema of what `genesis sysid` adds: what is identified, shooting, starts, statistics."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key

NAMES = "glob patterns"


@dataclass
class Identified:
    """What every group of identified numbers has."""

    kind: str = REQUIRED
    names: list[str] = key(["*"], "rows by glob pattern: links, joints, actuators, geoms as entity/geom, columns of a signal")
    init: Any = key(None, "start: number or list; null: the model's value")
    bounds: Any = key(None, "[low, high], each a number or a list; null: none but those of the quantity")
    log: bool = key(False, "identify the logarithm: the value stays positive, steps are relative")
    prior: Any = key(None, "[mean, std] of a Gaussian prior on the value, each a number or a list; a mean of null is the start")
    learn: bool = key(True, "false: held at its start")
    tie: bool = key(False, "one number for all rows")
    each_recording: bool = key(False, "a number for every recording of its own")


@dataclass
class Rows(Identified):
    """Rows of one quantity of the model."""

    columns: Any = key(None, "which numbers of each row, e.g. [2] for z; null: all (of friction, solref: the usual one)")


@dataclass
class Mass(Rows):
    """Masses of links [kg]."""

    kind: str = "mass"
    total: float | None = key(None, "what they add up to, if that is known [kg]", above=0.0)
    total_std: float | None = key(None, "standard deviation of that [kg]; null: a ten-thousandth", above=0.0)


@dataclass
class FieldRows(Rows):
    """Any physical parameter by its name in the model's table."""

    kind: str = "field"
    field: str = key(REQUIRED, "name in the table, e.g. link_com, dof_solref, geom_size")


@dataclass
class Inertia(Identified):
    """Mass, centre of mass and inertia of links together, always physically consistent (log-Cholesky)."""

    kind: str = "inertia"


@dataclass
class LinkRotation(Identified):
    """How links are turned in their parents' frames: small rotation vectors in link axes [rad]."""

    kind: str = "link_rotation"


@dataclass
class JointOffset(Identified):
    """Displacement of joints at coordinate zero [rad | m]."""

    kind: str = "joint_offset"
    entity: str | None = key(None, "entity by name; null: the robot")


@dataclass
class Sensor(Identified):
    """Property of the sensors of a channel."""

    channel: str = key(REQUIRED, "channel of observation.channels")


@dataclass
class Input(Identified):
    """Property of a recorded input."""

    input: str = key(REQUIRED, "input of observation.inputs")


@dataclass
class StartStates:
    """States at the start of every window, free around what was measured."""

    kind: str = "start_state"
    learn: bool = key(True, "false: as measured")
    position_std: float | None = key(0.01, "standard deviation of measured start positions [rad | m]; null: no prior", above=0.0)
    velocity_std: float | None = key(
        0.1, "standard deviation of measured start velocities [rad/s | m/s]; null: no prior", above=0.0
    )


def _kind(name: str, base: type, text: str) -> type:
    """A dataclass of its own for a quantity, so that its name is its kind."""
    made = type(name.title().replace("_", ""), (base,), {"__annotations__": {"kind": str}, "kind": name, "__doc__": text})
    return dataclass(made)


ROWS = {
    "centre_of_mass": "Centres of mass of links, in link axes [m].",
    "damping": "Viscous joint damping [Nms/rad | Ns/m].",
    "dry_friction": "Dry joint friction [Nm | N].",
    "dry_friction_time": "Time constant in which dry friction stops a joint [s]: its smoothing.",
    "stiffness": "Joint springs [Nm/rad | N/m].",
    "spring_reference": "Rest positions of the joint springs [rad | m].",
    "armature": "Rotor inertia seen by the joints [kg m^2 | kg].",
    "kp": "Feedback gain on position [Nm/rad | N/m].",
    "kv": "Feedback gain on velocity [Nms/rad | Ns/m].",
    "actuator_gain": "Actuator force per unit of control.",
    "actuator_bias": "Constant actuator force.",
    "friction": "Sliding friction of geoms.",
    "solref": "Time constant [s] and damping ratio of contacts.",
    "solimp": "Impedance of contacts.",
    "gravity": "Gravity in the world frame [m/s^2].",
    "link_position": "Origins of links in their parents' frames [m].",
}
SENSORS = {
    "sensor_gain": "Factor of a sensor.",
    "sensor_bias": "Offset of a sensor, in the unit of its channel.",
    "sensor_delay": "How late a sensor's numbers are stamped [s].",
}
INPUTS = {
    "input_gain": "Factor of an input: a torque constant.",
    "input_bias": "Offset of an input, in its unit.",
    "input_delay": "How late an input acts [s].",
    "input_lag": "Time constant of the first-order lag of an actuator [s].",
}
IDENTIFIED: dict[str, type] = {
    "mass": Mass,
    "inertia": Inertia,
    "field": FieldRows,
    "link_rotation": LinkRotation,
    "joint_offset": JointOffset,
    "start_state": StartStates,
    **{name: _kind(name, Rows, text) for name, text in ROWS.items()},
    **{name: _kind(name, Sensor, text) for name, text in SENSORS.items()},
    **{name: _kind(name, Input, text) for name, text in INPUTS.items()},
}


@dataclass
class Shooting:
    """How recordings are cut into windows that are simulated side by side."""

    window: float | None = key(1.0, "length of a window [s]; null: whole recordings", above=0.0)
    overlap: float = key(0.0, "part of a window that the next one repeats", low=0.0)
    continuity: float = key(0.0, "weight of gaps between windows (free start states only)", low=0.0)
    growth: float = key(10.0, "factor on that weight from round to round", above=0.0)
    rounds: int = key(1, "how many descents there are, with growing weight of the gaps", low=1)
    position_scale: float = key(0.01, "gap in position that counts as one standard deviation [rad | m]", above=0.0)
    velocity_scale: float = key(0.1, "gap in velocity that counts as one standard deviation [rad/s | m/s]", above=0.0)
    mini_batch: int | None = key(
        None, "windows, by chance, whose gradient a step of a first-order optimizer takes; null: all", low=1
    )
    whole_every: int = key(20, "iterations between evaluations of the whole objective, with mini_batch", low=1)


@dataclass
class Starts:
    """Where methods begin, beside the described values."""

    equation_error: bool = key(
        False, "begin with the parameters that explain the measured torques (least squares, no simulation)"
    )
    candidates: int = key(0, "starts spread over the bounds, judged in one batched simulation", low=0)
    keep: int = key(4, "how many of the best of them a descent begins from", low=1)


@dataclass
class Statistics:
    """How certain the estimates are said to be."""

    errors: str = key(
        "residual",
        "noise: as large as the residuals, as sigma says, or correlated within windows (sandwich)",
        choices=("residual", "given", "clustered"),
    )
    profile: list[str] = key([], "parameters, by glob pattern, whose intervals come from the profile likelihood")


SYSID: dict[str, type] = {"shooting": Shooting, "starts": Starts, "statistics": Statistics}
