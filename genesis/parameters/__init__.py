"""What can be optimised, one class a file. A new one is added here and in the schema of the command line."""

from genesis.parameters.fourier import Fourier
from genesis.parameters.hold import Hold
from genesis.parameters.initial_position import InitialPosition
from genesis.parameters.initial_velocity import InitialVelocity
from genesis.parameters.knots import Knots
from genesis.parameters.parameter import Inputs, Parameter
from genesis.parameters.physical import Physical
from genesis.parameters.policy import Policy

#: kind -> class; built as `PARAMETERS[kind](setting, where, **options)`.
PARAMETERS = {
    "hold": Hold,
    "knots": Knots,
    "fourier": Fourier,
    "initial_position": InitialPosition,
    "initial_velocity": InitialVelocity,
    "physical": Physical,
    "policy": Policy,
}

__all__ = ["PARAMETERS", "Inputs", "Parameter"]
