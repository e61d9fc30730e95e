"""Schema of `scene`: time step, gravity, integrator and further entities beside the robot."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import key


@dataclass
class Scene:
    """The world around the robot."""

    kind: str = "rigid"
    dt: float = key(0.01, "time step [s]", above=0.0)
    substeps: int = key(1, "physics steps within one time step", low=1)
    gravity: list[float] = key([0.0, 0.0, -9.81], "gravity [m/s^2]", length=3)
    integrator: str = key("Euler", "semi-implicit Euler (damping implicit) or Runge-Kutta of order 4", choices=("Euler", "RK4"))
    collision: bool = key(False, "contacts between bodies; true is refused: not simulated in this version")
    joint_limits: bool = key(
        False, "hard joint limits; true is refused: not simulated in this version (use the loss joint_limits)"
    )
    entities: dict[str, Any] = key({}, "further entities by name, each with the keys of a robot")


SCENES: dict[str, type] = {"rigid": Scene}
