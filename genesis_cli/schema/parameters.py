"""Schema of `parameter.*`: what is learned, in a task or from recordings."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key

ROWS = "rows by glob pattern: links, joints, actuators, geoms as entity/geom, equalities and explicit pairs by number"
BOUNDS = "[low, high], each a number or a list; null: unbounded"
DRIVEN = "controlled hinges, slides and balls by glob pattern; a free joint only by its full name"
LAWS = ("tanh", "atan", "stribeck", "asymmetric")
TRANSFORM = "how bounds are kept: smooth (tanh, softplus) or clamp (projection); null: smooth in a task, clamp for recordings"
TIE = "true: one number for all rows; or what it is made of: an expression of other parameters, \"0.5 * mass['upper'] + 0.1\""
INERTIA = "what becomes of the inertia tensor: scale (it grows with the mass, as that of the same shape) or keep"
LR = "learning rate of this group, for methods that have one; null: the optimizer's"


@dataclass
class Parameter:
    """What every parameter has."""

    kind: str = REQUIRED
    learn: bool = key(True, "false: held at its start")


@dataclass
class Controls(Parameter):
    """Open-loop controls (T, dofs), the same in every environment."""

    lr: float | None = key(None, LR, above=0.0)
    joints: list[str] = key(["*"], DRIVEN)
    entity: str | None = key(None, "entity by name; null: the robot")
    init: Any = key(
        "zero",
        "zero, gravity (the force that holds the start), home, hold (home, shifted so that the gains hold the start against gravity), "
        "a number, a list over the controlled dofs, or a path: waypoints, or a file of them (forces of the steps, targets of the states)",
    )
    noise: float = key(0.0, "standard deviation of the random start, in units of scale", low=0.0)
    scale: Any = key(
        1.0, "unit of the learned numbers: number, list, limits (of force), or inertia (joint accelerations by the mass matrix)"
    )
    bounds: Any = key(None, BOUNDS + "; limits: the robot's force range, or its joints' range and speed for targets")
    transform: str | None = key(None, TRANSFORM, choices=("smooth", "clamp"))


@dataclass
class Hold(Controls):
    """Zero-order hold: each value stays for `every` steps."""

    kind: str = "hold"
    every: int = key(1, "steps that share one value", low=1)


@dataclass
class Knots(Controls):
    """Values at evenly spaced times, a spline between them."""

    kind: str = "knots"
    count: int = key(16, "number of knots, first at the start, last at the end", low=2)
    spline: str = key("cubic", "curve through the knots", choices=("linear", "cubic"))


@dataclass
class Fourier(Controls):
    """A finite Fourier series: sines and cosines up to a highest frequency."""

    kind: str = "fourier"
    harmonics: int = key(5, "multiples of the base frequency", low=1)
    frequency: float | None = key(None, "base frequency [Hz]; null: one period in the horizon", above=0.0)
    rest: bool = key(True, "start and end at the value of init with slope and curvature zero; false: a constant is learned too")
    settle: float = key(0.0, "time at the end at that value [s]", low=0.0)


@dataclass
class Policy(Parameter):
    """A neural feedback policy (MLP) from the state to the controls."""

    kind: str = "policy"
    lr: float | None = key(None, LR, above=0.0)
    joints: list[str] = key(["*"], DRIVEN)
    entity: str | None = key(None, "entity by name; null: the robot")
    hidden: list[int] = key([32, 32], "width of each hidden layer", low=1, high=100_000)
    activation: str = key("tanh", "nonlinearity", choices=("tanh", "relu", "silu", "elu", "gelu"))
    periodic: list[str] = key([], "joints observed as sine and cosine, by glob pattern")
    scale: Any = key(1.0, "control of one unit of the network's output: number, list, or limits (of force)")
    init: Any = key("zero", "control that the network's output is added to: zero, gravity, number or list")
    bounds: Any = key(None, BOUNDS + "; limits: the robot's force range")
    transform: str | None = key(None, TRANSFORM, choices=("smooth", "clamp"))


@dataclass
class Numbers(Parameter):
    """A few numbers with names."""

    lr: float | None = key(None, LR, above=0.0)
    init: Any = key(None, "start: number or list; null: the value of the model or of the task")
    bounds: Any = key(None, BOUNDS + ", beside the least value of the quantity")
    transform: str | None = key(None, TRANSFORM, choices=("smooth", "clamp"))
    log: bool = key(False, "learn the logarithm: the value stays positive, steps are relative")
    prior: Any = key(None, "[mean, std] of a Gaussian prior on the value, each a number or a list; a mean of null is the start")
    tie: Any = key(False, TIE)
    each_recording: bool = key(False, "a number for every recording of its own (genesis sysid)")


@dataclass
class InitialPosition(Numbers):
    """Start of scalar joints (qpos) or of a free body's position [rad | m], the same in every environment; bounds may be limits."""

    kind: str = "initial_position"
    joints: list[str] = key(["*"], "joints by glob pattern")
    entity: str | None = key(None, "entity by name; null: the robot")


@dataclass
class InitialVelocity(Numbers):
    """Start velocity (qvel) [rad/s | m/s], the same in every environment."""

    kind: str = "initial_velocity"
    joints: list[str] = key(["*"], "joints by glob pattern")
    entity: str | None = key(None, "entity by name; null: the robot")
    part: str = key("all", "which part of a free joint's velocity", choices=("all", "linear", "angular"))


@dataclass
class Rows(Numbers):
    """Rows of one quantity of the model."""

    names: list[str] = key(["*"], ROWS)
    columns: Any = key(None, "which numbers of each row, e.g. [2] for z; null: all (of friction, solref: the usual one)")


@dataclass
class Mass(Rows):
    """Masses of links [kg]."""

    kind: str = "mass"
    total: float | None = key(None, "what they add up to, if that is known [kg]", above=0.0)
    total_std: float | None = key(None, "standard deviation of that [kg]; null: a ten-thousandth", above=0.0)
    inertia: str = key("scale", INERTIA, choices=("scale", "keep"))


@dataclass
class FieldRows(Rows):
    """Any physical parameter by its name in the model's table: inertias, sizes, joint limits, …"""

    kind: str = "field"
    field: str = key(REQUIRED, "name in the table, e.g. link_inertia, geom_size, limit_range, dof_solref")
    inertia: str | None = key(None, f"of link_mass: {INERTIA}; null: scale", choices=("scale", "keep"))


@dataclass
class FrictionLaw(Numbers):
    """Friction by a law of the velocity: of joints, in place of damping and dry friction, or at the speed of actuators; no tie."""

    kind: str = "friction_law"
    of: str = key(
        "joint", "whose velocity: joint, or actuator (a motor on several joints by a fixed tendon)", choices=("joint", "actuator")
    )
    names: list[str] = key(["*"], "joints, or actuators, by glob pattern")
    law: str = key(
        REQUIRED, "tanh, atan (smooth Coulomb), stribeck, or asymmetric (other values forwards and backwards)", choices=LAWS
    )
    numbers: Any = key(None, "which of coulomb, static, viscous, slip_velocity, … are learned; null: all of the law")
    init: Any = key(None, "start: mapping of numbers of the law, a number or a list; null: from the described friction")


@dataclass
class Inertia(Numbers):
    """Mass, centre of mass and inertia of links together, always physically consistent (log-Cholesky); no bounds, log, tie."""

    kind: str = "inertia"
    names: list[str] = key(["*"], ROWS)
    description_weight: float = key(
        3e-5,
        "weight of the log-det divergence from the start, which keeps what no measurement tells (genesis sysid); 0: none",
        low=0.0,
    )


@dataclass
class LinkLength(Numbers):
    """Lengths of links [m]: where the links that they carry stand, and what of the link itself grows with it."""

    kind: str = "link_length"
    names: list[str] = key(["*"], ROWS)
    axis: str | None = key(None, "of the link; null: that along which what it carries lies farthest", choices=("x", "y", "z"))
    reference: Any = key(None, "the described length [m], a number or a list; null: to the farthest link that it carries")
    scales: list[str] = key([], "what grows with it, of mass, centre_of_mass, inertia, shape (of geoms that can touch)")


@dataclass
class LinkRotation(Numbers):
    """How links are turned in their parents' frames: small rotation vectors in link axes [rad]."""

    kind: str = "link_rotation"
    names: list[str] = key(["*"], ROWS)


@dataclass
class JointOffset(Numbers):
    """Displacement of joints at coordinate zero [rad | m]."""

    kind: str = "joint_offset"
    names: list[str] = key(["*"], "joints by glob pattern")
    entity: str | None = key(None, "entity by name; null: the robot")


@dataclass
class Sensor(Numbers):
    """Property of the sensors of a channel."""

    channel: str = key(REQUIRED, "channel by name")
    names: list[str] = key(["*"], "columns of the channel by glob pattern")


@dataclass
class RecordedInput(Numbers):
    """Property of a recorded input."""

    input: str = key(REQUIRED, "input of observation.inputs")
    names: list[str] = key(["*"], "columns of the input by glob pattern")


@dataclass
class ClockReading(Numbers):
    """Property of the clock of a channel or of a recorded input: time = clock_scale * stamp + clock_offset."""

    channel: str | None = key(None, "channel by name; or give input")
    input: str | None = key(None, "input of observation.inputs; or give channel")


@dataclass
class StartStates(Parameter):
    """States at the start of every window: free around what was measured, also where this is left out; learn: false holds them."""

    kind: str = "start_state"
    position_std: Any = key(
        "measured", "standard deviation of start positions [rad | m]; measured: that of the samples, smoothed; null: no prior"
    )
    velocity_std: Any = key("measured", "standard deviation of start velocities [rad/s | m/s], likewise")


def _kind(name: str, base: type, text: str) -> type:
    """A dataclass of its own for a quantity, so that its name is its kind."""
    made = type(name.title().replace("_", ""), (base,), {"__annotations__": {"kind": str}, "kind": name, "__doc__": text})
    return dataclass(made)


QUANTITIES = {
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
CLOCKS = {
    "clock_scale": "How much faster a clock runs than it says: time passed for one second of its stamps.",
    "clock_offset": "Time at stamp zero of a clock, from the start of the recording [s].",
}
PARAMETERS: dict[str, type] = {
    "hold": Hold,
    "knots": Knots,
    "fourier": Fourier,
    "policy": Policy,
    "initial_position": InitialPosition,
    "initial_velocity": InitialVelocity,
    "mass": Mass,
    **{name: _kind(name, Rows, text) for name, text in QUANTITIES.items()},
    "field": FieldRows,
    "friction_law": FrictionLaw,
    "inertia": Inertia,
    "link_length": LinkLength,
    "link_rotation": LinkRotation,
    "joint_offset": JointOffset,
    **{name: _kind(name, Sensor, text) for name, text in SENSORS.items()},
    **{name: _kind(name, RecordedInput, text) for name, text in INPUTS.items()},
    **{name: _kind(name, ClockReading, text) for name, text in CLOCKS.items()},
    "start_state": StartStates,
}
