"""Schema of `constraint.*`: what must hold of a motion."""

from dataclasses import dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key
from genesis_cli.schema.losses import AT, ENTITY, JOINTS

TOLERANCE = "largest violation that counts as none, in the unit of the constraint"


@dataclass
class Constraint:
    """What every constraint has."""

    kind: str = REQUIRED
    hard: bool = key(True, "true: must hold; false: a term of the objective, the mean squared violation in units of the limit")
    weight: float = key(1.0, "factor in the objective of a constraint that is not hard", low=0.0)


@dataclass
class OfJoints(Constraint):
    """Numbers of joints within a range."""

    low: Any = key(None, "smallest value [SI]: number or list over the joints; null: the robot's limit")
    high: Any = key(None, "largest value [SI]: number or list over the joints; null: the robot's limit")
    limit: Any = key(None, "largest magnitude [SI], in place of low and high: number or list over the joints")
    margin: float = key(0.0, "distance to the limit that is kept [SI]", low=0.0)
    joints: list[str] = key(["*"], JOINTS)
    at: Any = key("all", AT)
    tolerance: float = key(1e-6, TOLERANCE, low=0.0)
    entity: str | None = key(None, ENTITY)


@dataclass
class JointPositionRange(OfJoints):
    """Positions of joints of one coordinate [rad | m]."""

    kind: str = "joint_position"


@dataclass
class JointVelocityRange(OfJoints):
    """Velocities of joints [rad/s | m/s]."""

    kind: str = "joint_velocity"


@dataclass
class JointTorqueRange(OfJoints):
    """Torques and forces that joint controllers ask for, under force control the controls [Nm | N]."""

    kind: str = "joint_torque"


CONSTRAINTS: dict[str, type] = {
    "joint_position": JointPositionRange,
    "joint_velocity": JointVelocityRange,
    "joint_torque": JointTorqueRange,
}
