"""Schema of `parameter.*`: what is optimised."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key

BOUNDS = "[low, high], each a number or a list; null: unbounded"
DRIVEN = "controlled hinges, slides and balls by glob pattern; a free joint only by its full name"
TRANSFORM = "how bounds are kept: smooth (tanh, softplus) or clamp (projection)"


@dataclass
class Parameter:
    """What every parameter group has."""

    kind: str = REQUIRED
    learn: bool = key(True, "false: held at its start")
    lr: float | None = key(None, "learning rate of this group; null: the optimizer's", above=0.0)


@dataclass
class Controls(Parameter):
    """Open-loop controls (T, dofs), the same in every environment."""

    joints: list[str] = key(["*"], DRIVEN)
    entity: str | None = key(None, "entity by name; null: the robot")
    init: Any = key(
        "zero",
        "zero, gravity (the force that holds the start), home, hold (home, shifted so that the gains hold the start against gravity), "
        "a number, or a list over the controlled dofs",
    )
    noise: float = key(0.0, "standard deviation of the random start, in units of scale", low=0.0)
    scale: Any = key(
        1.0, "unit of the learned numbers: number, list, limits (of force), or inertia (joint accelerations by the mass matrix)"
    )
    bounds: Any = key(None, BOUNDS + "; limits: the robot's force range, or its joints' range and speed for targets")
    transform: str = key("smooth", TRANSFORM, choices=("smooth", "clamp"))


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
class InitialPosition(Parameter):
    """Start of scalar joints (qpos) or of a free body's position, the same in every environment."""

    kind: str = "initial_position"
    joints: list[str] = key(["*"], "joints by glob pattern")
    entity: str | None = key(None, "entity by name; null: the robot")
    init: Any = key(None, "list over the chosen coordinates [rad | m]; null: the task's start")
    bounds: Any = key(None, BOUNDS + "; limits: the joints' range")
    transform: str = key("smooth", TRANSFORM, choices=("smooth", "clamp"))


@dataclass
class InitialVelocity(Parameter):
    """Start velocity (qvel), the same in every environment."""

    kind: str = "initial_velocity"
    joints: list[str] = key(["*"], "joints by glob pattern")
    entity: str | None = key(None, "entity by name; null: the robot")
    part: str = key("all", "which part of a free joint's velocity", choices=("all", "linear", "angular"))
    init: Any = key(None, "number or list over the chosen dofs [rad/s | m/s]; null: the task's start")
    bounds: Any = key(None, BOUNDS)
    transform: str = key("smooth", TRANSFORM, choices=("smooth", "clamp"))


@dataclass
class Physical(Parameter):
    """A physical quantity of the model: masses, damping, gravity, friction, joint limits, …"""

    kind: str = "physical"
    field: str = key(REQUIRED, "name in the model's table, e.g. link_mass, dof_damping, geom_friction, limit_range, gravity")
    names: list[str] = key(
        ["*"], "glob patterns: links, joints, geoms as entity/geom, equalities and explicit pairs by number (ignored for gravity)"
    )
    columns: list[int] | None = key(None, "which numbers of each row, e.g. [0] for sliding friction; null: all")
    init: Any = key(None, "start: number or list; null: the model's value")
    log: bool = key(False, "learn the logarithm: the value stays positive, steps are relative")
    bounds: Any = key(None, BOUNDS)
    transform: str = key("smooth", TRANSFORM, choices=("smooth", "clamp"))


@dataclass
class Policy(Parameter):
    """A neural feedback policy (MLP) from the state to the controls."""

    kind: str = "policy"
    joints: list[str] = key(["*"], DRIVEN)
    entity: str | None = key(None, "entity by name; null: the robot")
    hidden: list[int] = key([32, 32], "width of each hidden layer")
    activation: str = key("tanh", "nonlinearity", choices=("tanh", "relu", "silu", "elu", "gelu"))
    periodic: list[str] = key([], "joints observed as sine and cosine, by glob pattern")
    scale: Any = key(1.0, "control of one unit of the network's output: number, list, or limits (of force)")
    init: Any = key("zero", "control that the network's output is added to: zero, gravity, number or list")
    bounds: Any = key(None, BOUNDS + "; limits: the robot's force range")
    transform: str = key("smooth", TRANSFORM, choices=("smooth", "clamp"))


PARAMETERS: dict[str, type] = {
    "hold": Hold,
    "knots": Knots,
    "fourier": Fourier,
    "initial_position": InitialPosition,
    "initial_velocity": InitialVelocity,
    "physical": Physical,
    "policy": Policy,
}
