"""Schema of `loss.*`: the named terms whose weighted sum is the objective."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key

AT = "time steps that count: end, all, or [from, to] as fractions of the horizon"
JOINTS = "joints by glob pattern"
MARGIN = "part of the limit that is kept free"
PERIOD = "time after which a target that is a path begins anew [s]; null: it spans the motion once"
ENTITY = "entity by name; null: the robot"


@dataclass
class Loss:
    """What every term has."""

    kind: str = REQUIRED
    weight: float = key(1.0, "factor in the objective; 0: not computed", low=0.0)


@dataclass
class Position(Loss):
    """Squared distance of a frame's point to a target, mean over time and environments [m^2]."""

    kind: str = "position"
    target: Any = key(REQUIRED, "point [x, y, z] [m], list of waypoints, or file of a path; null: no such term", off=True)
    period: float | None = key(None, PERIOD, above=0.0)
    frame: str | None = key(None, "link or site; null: the robot's tool, or the entity's first link")
    offset: list[float] = key([0.0, 0.0, 0.0], "the point in the frame's own axes [m]", length=3)
    at: Any = key("end", AT)
    entity: str | None = key(None, ENTITY)


@dataclass
class Orientation(Loss):
    """Squared chordal angle 4 sin^2(angle / 2) of a frame to a target, mean over time and environments [rad^2]."""

    kind: str = "orientation"
    target: list[float] | None = key(REQUIRED, "quaternion wxyz; null: no such term", length=4, off=True)
    frame: str | None = key(None, "link or site; null: the robot's tool")
    at: Any = key("end", AT)
    entity: str | None = key(None, ENTITY)


@dataclass
class JointTracking(Loss):
    """Squared distance of joint positions to a target or path, mean over joints, time and environments [rad^2 | m^2]."""

    kind: str = "joint_tracking"
    target: Any = key(
        "home",
        "home, reference (the task's recorded path), list over the joints, waypoints, or file of a path; null: no such term",
        off=True,
    )
    period: float | None = key(None, PERIOD, above=0.0)
    joints: list[str] = key(["*"], JOINTS)
    periodic: bool = key(False, "angles a full turn apart count as equal: 4 sin^2(difference / 2)")
    at: Any = key("all", AT)
    entity: str | None = key(None, ENTITY)


@dataclass
class Velocity(Loss):
    """Squared joint velocity relative to a target, mean over joints, time and environments [rad^2/s^2 | m^2/s^2]."""

    kind: str = "velocity"
    target: Any = key(
        0.0, "number, list over the degrees of freedom, or reference (the task's recorded path); null: no such term", off=True
    )
    period: float | None = key(None, PERIOD, above=0.0)
    joints: list[str] = key(["*"], JOINTS)
    at: Any = key("end", AT)
    entity: str | None = key(None, ENTITY)


@dataclass
class ControlEffort(Loss):
    """Squared control relative to the start's, in units of `scale`, mean over joints, time and environments."""

    kind: str = "control_effort"
    scale: Any = key(1.0, "unit of the control: number, list over the degrees of freedom, or limits (of force)")
    relative_to: str = key("zero", "what counts as no effort", choices=("zero", "start"))
    joints: list[str] = key(["*"], JOINTS)
    entity: str | None = key(None, ENTITY)


@dataclass
class Smoothness(Loss):
    """Squared rate of change of the control in units of `scale` per second, mean over joints, time and environments."""

    kind: str = "smoothness"
    scale: Any = key(1.0, "unit of the control: number, list over the degrees of freedom, or limits (of force)")
    joints: list[str] = key(["*"], JOINTS)
    entity: str | None = key(None, ENTITY)


@dataclass
class Energy(Loss):
    """Mechanical work of the controls: sum over time of |force velocity| dt, rounded off at zero, mean over environments [J]."""

    kind: str = "energy"
    smoothing: float = key(1e-3, "power below which the absolute value is rounded off [W]", above=0.0)
    joints: list[str] = key(["*"], JOINTS)
    entity: str | None = key(None, ENTITY)


@dataclass
class TerminalState(Loss):
    """Squared distance of the last state to a target state: positions plus `velocity_weight` times velocities."""

    kind: str = "terminal_state"
    qpos: Any = key("home", "home, or list over qpos of the entity [rad | m]")
    qvel: Any = key(0.0, "number, or list over the entity's degrees of freedom [rad/s | m/s]")
    velocity_weight: float = key(1.0, "weight of velocities against positions [s^2]", low=0.0)
    periodic: bool = key(False, "angles a full turn apart count as equal: 4 sin^2(difference / 2)")
    entity: str | None = key(None, ENTITY)


@dataclass
class JointLimits(Loss):
    """Squared excess of joint positions over their range less `margin`, mean over joints, time and environments [rad^2 | m^2]."""

    kind: str = "joint_limits"
    margin: float = key(0.0, "distance to the limit where the penalty begins [rad | m]", low=0.0)
    joints: list[str] = key(["*"], JOINTS)
    entity: str | None = key(None, ENTITY)


@dataclass
class Excess(Loss):
    """Squared excess of a quantity of the joints over its range less `margin`, relative to the limit, mean over joints and time."""

    limit: Any = key(None, "largest magnitude [SI]: number or list over the dofs; null: the robot's")
    margin: float = key(0.0, MARGIN, low=0.0)
    joints: list[str] = key(["*"], JOINTS)
    entity: str | None = key(None, ENTITY)


@dataclass
class VelocityLimits(Excess):
    """Joint velocities beyond their limits."""

    kind: str = "velocity_limits"


@dataclass
class ForceLimits(Excess):
    """Forces that joint controllers ask for beyond their limits."""

    kind: str = "force_limits"


@dataclass
class Information(Loss):
    """Logarithm of the variance that the measurements of task excite leave to its unknowns."""

    kind: str = "information"
    criterion: str = key(
        "D",
        "which variance: D all directions (determinant), A mean of the unknowns (trace), E worst direction (smallest eigenvalue)",
        choices=("D", "A", "E"),
    )
    sharpness: float = key(8.0, "E: power of the smooth minimum of the eigenvalues", above=0.0)


@dataclass
class UserFunction(Loss):
    """A function of yours: `function(trajectory, scene, **options)` returns a scalar tensor."""

    kind: str = "user"
    function: str = key(REQUIRED, "module.function, importable from the working folder, or FILE.py:function")
    options: dict[str, Any] = key({}, "keyword arguments of the function")


LOSSES: dict[str, type] = {
    "position": Position,
    "orientation": Orientation,
    "joint_tracking": JointTracking,
    "velocity": Velocity,
    "control_effort": ControlEffort,
    "smoothness": Smoothness,
    "energy": Energy,
    "terminal_state": TerminalState,
    "joint_limits": JointLimits,
    "velocity_limits": VelocityLimits,
    "force_limits": ForceLimits,
    "information": Information,
    "user": UserFunction,
}
