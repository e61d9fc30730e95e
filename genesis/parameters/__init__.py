"""What can be learned, one kind a class or a line of a table. A new one is added here and in the schema of the command line."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from genesis.errors import InputError, unknown_name
from genesis.parameters.clock_reading import ClockReading
from genesis.parameters.fourier import Fourier
from genesis.parameters.friction_law import JointFrictionLaw
from genesis.parameters.hold import Hold
from genesis.parameters.initial_position import InitialPosition
from genesis.parameters.initial_velocity import InitialVelocity
from genesis.parameters.joint_offset import JointOffset
from genesis.parameters.knots import Knots
from genesis.parameters.link_inertia import LinkInertia
from genesis.parameters.link_length import LinkLength
from genesis.parameters.link_rotation import LinkRotation
from genesis.parameters.mass import Mass
from genesis.parameters.model_field import model_field
from genesis.parameters.numbers import Numbers
from genesis.parameters.parameter import Changes, Inputs, Parameter
from genesis.parameters.physical import Physical
from genesis.parameters.policy import Policy
from genesis.parameters.quantities import QUANTITIES
from genesis.parameters.recorded_input import RecordedInput
from genesis.parameters.sensor import Sensor
from genesis.parameters.start_state import StartState
from genesis.parameters.tied import Tied, in_order, tied
from genesis.setting import Setting

#: Controls and starts of a rollout: recordings bring these.
OF_TASKS: dict[str, Any] = {
    "hold": Hold,
    "knots": Knots,
    "fourier": Fourier,
    "policy": Policy,
    "initial_position": InitialPosition,
    "initial_velocity": InitialVelocity,
}
#: The model, wherever it is simulated.
OF_MODELS: dict[str, Any] = {
    "mass": Mass,
    **{kind: partial(Physical, quantity=quantity) for kind, quantity in QUANTITIES.items()},
    "field": model_field,
    "friction_law": JointFrictionLaw,
    "inertia": LinkInertia,
    "link_length": LinkLength,
    "link_rotation": LinkRotation,
    "joint_offset": JointOffset,
}
#: What lies between a robot and its log, and where the motion of a log starts.
OF_RECORDINGS: dict[str, Any] = {
    **{f"sensor_{what}": partial(Sensor, what=what) for what in ("gain", "bias", "delay")},
    **{f"input_{what}": partial(RecordedInput, what=what) for what in ("gain", "bias", "delay", "lag")},
    **{f"clock_{what}": partial(ClockReading, what=f"clock_{what}") for what in ("scale", "offset")},
    "start_state": StartState,
}
#: kind -> how it is made: `PARAMETERS[kind](setting, where, **options)`.
PARAMETERS: dict[str, Any] = {**OF_TASKS, **OF_MODELS, **OF_RECORDINGS}

__all__ = [
    "OF_MODELS",
    "OF_RECORDINGS",
    "OF_TASKS",
    "PARAMETERS",
    "Changes",
    "Inputs",
    "Numbers",
    "Parameter",
    "StartState",
    "Tied",
    "make_parameter",
    "make_parameters",
]


def make_parameters(setting: Setting, specs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Parameters by name from kind and keyword arguments (see `make_parameter`), in the order in which they have to be put in.

    An expression for `tie` makes a parameter that follows others of these.
    """
    made: dict[str, Any] = {}
    for name, spec in specs.items():
        where = f"parameter.{name}"
        if isinstance(spec.get("tie"), str):
            made[name] = tied(where, spec, partial(make_parameter, setting, where))
        else:
            made[name] = make_parameter(setting, where, spec)
    followers = [parameter for parameter in made.values() if isinstance(parameter, Tied)]
    for parameter in followers:
        parameter.connect(made)
    ordered = in_order(made)
    for parameter in followers:
        parameter.check()
    return ordered


def make_parameter(setting: Setting, where: str, spec: Mapping[str, Any]) -> Any:
    """The parameter (or start states) of a node of the config; where: its place there.

    Raises: UnknownNameError for a kind that is none, InputError for one that a task, or recordings, do not have.
    """
    options = dict(spec)
    kind = options.pop("kind")
    if not isinstance(options.get("tie", False), bool):
        raise InputError(f"{where}.tie: {options['tie']!r} is not allowed here; allowed: true (one number for all rows), false.")
    if kind not in PARAMETERS:
        raise unknown_name(where, "kind", kind, PARAMETERS)
    if setting.recorded is None and kind in OF_RECORDINGS:
        raise InputError(f"{where}: {kind} belongs to recordings, and a task has none; identify it with genesis sysid.")
    if setting.recorded is not None and kind in OF_TASKS:
        raise InputError(f"{where}: {kind} belongs to a task; recordings bring their own controls and starts. Leave it out.")
    return PARAMETERS[kind](setting, where, **options)
