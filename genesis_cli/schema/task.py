"""Schema of what every task has."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key


@dataclass
class Task:
    """What every task has."""

    kind: str = REQUIRED
    horizon: int = key(100, "time steps of one rollout", low=1, high=2**31 - 1)
    control: str = key(
        "force",
        "what controls are: joint forces, or targets of the joints' PD control",
        choices=("force", "position", "velocity"),
    )
    start_qpos: Any = key(None, "start of the robot: list over qpos or mapping joint: value [rad | m]; null: robot.home")
    start_qvel: Any = key(None, "start velocity: number or list over the dofs [rad/s | m/s]; null: at rest")
    envs: int = key(0, "environments with different starts; 0: one, without batch axis", low=0)
    spread_qpos: Any = key(0.0, "half width of the uniform spread of start positions: number or list over the dofs [rad | m]")
    spread_qvel: Any = key(
        0.0, "half width of the uniform spread of start velocities: number or list over the dofs [rad/s | m/s]"
    )
