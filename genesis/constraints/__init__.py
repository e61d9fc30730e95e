"""Constraints of tasks: quantities of a trajectory that must lie within ranges, hard or soft. A new kind is added here and in the schema of
the command line."""

from typing import Any

from genesis.constraints.clearance import Clearance
from genesis.constraints.constraint import Constraint, DrawnRegion, RangedQuantity
from genesis.constraints.constraint_set import ConstraintSet, Violation
from genesis.constraints.feet import ContactSchedule, FootClearance, Slip
from genesis.constraints.frames import Cone, HalfSpace, OrientationRange, PoseEquality, PositionRange
from genesis.constraints.joints import JointPositionRange, JointTorqueRange, JointVelocityRange
from genesis.constraints.motors import Power, TorqueRate
from genesis.constraints.over_time import WorstOverTime, worst_over_time
from genesis.constraints.states import Periodic, TerminalStateEquality
from genesis.constraints.user import UserConstraint
from genesis.errors import unknown_name
from genesis.setting import Setting

#: kind -> class; built as `CONSTRAINTS[kind](setting, where, **options)`.
CONSTRAINTS: dict[str, Any] = {
    "joint_position": JointPositionRange,
    "joint_velocity": JointVelocityRange,
    "joint_torque": JointTorqueRange,
    "torque_rate": TorqueRate,
    "power": Power,
    "position": PositionRange,
    "half_space": HalfSpace,
    "orientation": OrientationRange,
    "pose": PoseEquality,
    "cone": Cone,
    "clearance": Clearance,
    "terminal_state": TerminalStateEquality,
    "periodic": Periodic,
    "contact_schedule": ContactSchedule,
    "foot_clearance": FootClearance,
    "slip": Slip,
    "user": UserConstraint,
}

__all__ = [
    "CONSTRAINTS",
    "Constraint",
    "ConstraintSet",
    "DrawnRegion",
    "RangedQuantity",
    "Violation",
    "WorstOverTime",
    "make_constraints",
    "worst_over_time",
]


def make_constraints(setting: Setting, specs: dict[str, dict[str, Any]]) -> ConstraintSet:
    """Constraints from kind, hard, weight (of soft ones) and keyword arguments. Raises: InputError, UnknownNameError naming the key."""
    made: dict[str, tuple[Constraint, bool, float]] = {}
    for name, spec in specs.items():
        options = dict(spec)
        kind, hard, weight = options.pop("kind"), bool(options.pop("hard", True)), float(options.pop("weight", 1.0))
        if kind not in CONSTRAINTS:
            raise unknown_name(f"constraint.{name}", "kind", kind, CONSTRAINTS)
        made[name] = CONSTRAINTS[kind](setting, f"constraint.{name}", **options), hard, weight
    return ConstraintSet(made)
