"""Schema of `control`: how a task is driven in closed loop, and what of the robot the controller does not know."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import key


@dataclass
class Control:
    """A controller that drives a simulated plant for `task.horizon` steps."""

    controller: str = key(
        "receding",
        "receding: plans at every step (ddp); tvlqr: the motion of `run` under its feedback gains; open_loop: its controls alone",
        choices=("receding", "tvlqr", "open_loop"),
    )
    run: str | None = key(None, "run folder (or its solution.npz) of a motion that ddp has found, for tvlqr and open_loop")
    horizon: int = key(25, "steps that a plan looks ahead", low=2, high=100_000)
    iterations: int = key(1, "iterations of a plan", low=1, high=1000)
    every: int = key(1, "control steps from one plan to the next, between which its feedback acts", low=1, high=100_000)
    lengths: int = key(3, "step lengths that an iteration tries at once, the first is 1", low=1, high=64)
    shortest: float = key(0.25, "the last of them", above=0.0, high=1.0)
    first: int = key(50, "largest number of iterations of the plan before the motion begins", low=1)
    mass_error: float = key(
        0.0, "largest relative error of the masses (and inertias) of the plant, of each link its own", low=0.0, high=0.99
    )
    friction_error: float = key(0.0, "the same of the friction of its geoms", low=0.0, high=0.99)
    damping_error: float = key(0.0, "of the damping of its joints", low=0.0, high=0.99)
    armature_error: float = key(0.0, "of its rotors' inertia", low=0.0, high=0.99)
    frictionloss_error: float = key(0.0, "of the dry friction of its joints", low=0.0, high=0.99)
    qpos_noise: float = key(0.0, "standard deviation of measured positions [rad | m]", low=0.0)
    qvel_noise: float = key(0.0, "standard deviation of measured velocities [rad/s | m/s]", low=0.0)
    delay: int = key(0, "control steps from a control to its effect", low=0, high=10_000)
    pushes: list[Any] = key([], "wrenches on links of the robot: {link, force: [x, y, z] [N], torque [Nm], at [s], duration [s]}")
