"""Schema of `task`: horizon, start states, goal and the tolerances that decide success."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.episodes import Episodes
from genesis_cli.schema.experiments import PLANNED, UNKNOWNS
from genesis_cli.schema.keys import REQUIRED, key
from genesis_cli.schema.task import Task


@dataclass
class Reach(Task):
    """The tool comes to a pose at the end, at rest if wanted."""

    kind: str = "reach"
    target_pos: list[float] = key(REQUIRED, "target position of the tool [m]", length=3)
    target_quat: list[float] | None = key(None, "target orientation of the tool, quaternion wxyz; null: any", length=4)
    position_tolerance: float | None = key(1e-3, "largest position error [m]; null: not judged", above=0.0)
    orientation_tolerance: float | None = key(1.0, "largest orientation error [deg]; null: not judged", above=0.0)
    velocity_tolerance: float | None = key(None, "largest joint speed at the end [rad/s]; null: not judged", above=0.0)
    range_tolerance: float | None = key(
        None, "how far a joint may leave its range on the way [rad | m]; null: not judged", low=0.0
    )


@dataclass
class SwingUp(Task):
    """The joints come to a target and rest there; angles count up to full turns."""

    kind: str = "swing_up"
    target_qpos: list[float] | None = key(None, "target of the joints [rad | m]; null: zero")
    angle_tolerance: float | None = key(1.0, "largest angle error at the end [deg]; null: not judged", above=0.0)
    position_tolerance: float | None = key(None, "largest error of sliding joints at the end [m]; null: not judged", above=0.0)
    velocity_tolerance: float | None = key(0.05, "largest joint speed at the end [rad/s | m/s]; null: not judged", above=0.0)


@dataclass
class Track(Task):
    """The tool or the joints follow a path over the whole horizon."""

    kind: str = "track"
    follow: str = key("tool", "what follows the path", choices=("tool", "joints"))
    path: Any = key(REQUIRED, "waypoints [[…], …], evenly spaced in time, or a file (.csv, .npy, .npz): time first")
    tolerance: float | None = key(2e-3, "largest root-mean-square error [m | rad]; null: not judged", above=0.0)


@dataclass
class Throw(Task):
    """The body is at the target at the end of the horizon."""

    kind: str = "throw"
    target_pos: list[float] = key(REQUIRED, "point to hit [m]", length=3)
    position_tolerance: float | None = key(1e-3, "largest miss distance [m]; null: not judged", above=0.0)


@dataclass
class Balance(Task):
    """From every start, the joints come to zero and stay there for the last part of the horizon."""

    kind: str = "balance"
    window: float = key(0.25, "last fraction of the horizon that is judged", above=0.0)
    angle_tolerance: float | None = key(
        2.0, "largest angle in the window over all environments [deg]; null: not judged", above=0.0
    )
    position_tolerance: float | None = key(
        None, "largest position of sliding joints in the window [m]; null: not judged", above=0.0
    )


@dataclass
class Fit(Task):
    """Learned parameters recover the values that made a recorded (synthetic) trajectory."""

    kind: str = "fit"
    truth: dict[str, Any] = key(REQUIRED, "true value of each learned parameter: number or list")
    noise: float = key(0.0, "standard deviation of the measurement noise on qpos and qvel [SI]", low=0.0)
    tolerance: float | None = key(1e-3, "largest relative error of a parameter; null: not judged", above=0.0)


@dataclass
class Place(Task):
    """A body comes to a point and stays there."""

    kind: str = "place"
    target_pos: list[float] = key(REQUIRED, "point to come to [m]", length=3)
    entity: str | None = key(None, "the body, an entity of the scene by name; null: the robot")
    position_tolerance: float | None = key(5e-3, "largest distance at the end [m]; null: not judged", above=0.0)
    velocity_tolerance: float | None = key(0.05, "largest speed at the end [m/s]; null: not judged", above=0.0)


@dataclass
class Advance(Task):
    """The robot gets ahead along x without falling."""

    kind: str = "advance"
    distance: float = key(REQUIRED, "least distance [m]", above=0.0)
    tilt_tolerance: float | None = key(30.0, "largest tilt from the start on the way [deg]; null: not judged", above=0.0)
    height_tolerance: float | None = key(None, "largest change of height on the way [m]; null: not judged", above=0.0)


@dataclass
class Excite(Task):
    """A motion whose measurements tell the most about unknown physical parameters, within the limits of the robot."""

    kind: str = "excite"
    unknowns: dict[str, Any] = key(
        REQUIRED,
        "what is to be told, by name: parameters (kind, names, columns) with scale (what counts as 100 %) and prior ([null, std])",
        terms=UNKNOWNS,
    )
    channels: dict[str, Any] = key(
        REQUIRED,
        "what is measured, by name: channels as in observation.channels (kind, names, and the keys of the kind) with sigma",
        terms=PLANNED,
    )
    rate: float | None = key(None, "samples per second [Hz]; null: one each time step", above=0.0)
    start_state: str = key("known", "known exactly, or estimated together with the unknowns", choices=("known", "estimated"))
    difference: float = key(1e-3, "step of the differences that make sensitivities, in units of each scale", above=0.0)
    force_limit: Any = key(
        None, "largest force of the joint controllers [N | Nm]: number or list over the dofs; null: the robot's"
    )
    velocity_limit: Any = key(None, "largest joint speed [rad/s | m/s]: number or list over the dofs; null: the robot's")
    rest_tolerance: float | None = key(0.05, "largest joint speed at the end [rad/s | m/s]; null: not judged", above=0.0)


TASKS: dict[str, type] = {
    "reach": Reach, "swing_up": SwingUp, "track": Track, "throw": Throw, "balance": Balance, "fit": Fit, "place": Place,
    "advance": Advance, "excite": Excite, "episodes": Episodes,
}  # fmt: skip
