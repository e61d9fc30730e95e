"""Loss terms, one class a file. A new one is added here and in the schema of the command line."""

from genesis.losses.control_effort import ControlEffort
from genesis.losses.energy import Energy
from genesis.losses.force_limits import ForceLimits
from genesis.losses.information import Information
from genesis.losses.joint_limits import JointLimits
from genesis.losses.joint_tracking import JointTracking
from genesis.losses.orientation import Orientation
from genesis.losses.position import Position
from genesis.losses.smoothness import Smoothness
from genesis.losses.term import Loss, Squares, SumOfSquares
from genesis.losses.terminal_state import TerminalState
from genesis.losses.user import UserFunction
from genesis.losses.velocity import Velocity
from genesis.losses.velocity_limits import VelocityLimits

#: kind -> class; built as `LOSSES[kind](setting, where, **options)`.
LOSSES = {
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

__all__ = ["LOSSES", "Loss", "Squares", "SumOfSquares"]
