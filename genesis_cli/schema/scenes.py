"""Schema of `scene`: time step, gravity, integrator, contacts and further entities beside the robot."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import key


@dataclass
class Scene:
    """The world around the robot."""

    kind: str = "rigid"
    dt: float | None = key(None, "time step [s]; null: as the robot's file states, else 0.01", low=1e-9, high=100.0)
    substeps: int = key(1, "physics steps within one time step", low=1, high=100_000)
    gravity: list[float] | None = key(
        None, "gravity [m/s^2]; null: as the robot's file states, else 0 0 -9.81", low=-1e6, high=1e6, length=3
    )
    integrator: str | None = key(
        None,
        "semi-implicit Euler (damping implicit), implicitfast (also the velocity feedback of actuators: stiff servos), implicit (also "
        "Coriolis forces) or Runge-Kutta of order 4; null: as the robot's file states, else Euler",
        choices=("Euler", "implicitfast", "implicit", "RK4"),
    )
    collision: bool = key(True, "contacts between bodies")
    self_collision: bool = key(True, "contacts between moving links of one robot")
    joint_limits: bool = key(True, "joints stop at their limits")
    contact: str | None = key(
        None, "law of contacts: smooth (no jump at touch-down) or mujoco; null: smooth", choices=("smooth", "mujoco")
    )
    contact_reach: float = key(
        0.0, "distance from which bodies that never touch act on the gradient, and on nothing else [m]; 0: not at all", low=0.0
    )
    friction_cone: str | None = key(
        None,
        "pyramidal or elliptic; null: elliptic with the smooth law, else as the robot's file states, else pyramidal",
        choices=("pyramidal", "elliptic"),
    )
    impratio: float | None = key(
        None, "stiffness of friction relative to that of the normal; null: the file's, else 1", above=0.0
    )
    max_contacts: int | None = key(
        None, "bound on the contacts of one environment, more are an error; null: room grows as they need it", low=1
    )
    solver_iterations: int | None = key(None, "most Newton steps of the constraint solver in one step; null: 100", low=1)
    solver_tolerance: float | None = key(
        None, "forces out of balance relative to the largest one, at which it stops; null: what the precision allows", above=0.0
    )
    entities: dict[str, Any] = key({}, "further entities by name, each with the keys of a robot")


SCENES: dict[str, type] = {"rigid": Scene}
