"""Schema of what is inside the task `excite`: unknowns are parameters around expected values, channels are those of recordings to come."""

from dataclasses import Field, dataclass, field, fields, make_dataclass
from typing import Any

from genesis_cli.schema.keys import REQUIRED, key
from genesis_cli.schema.observations import CHANNELS, Source
from genesis_cli.schema.observations import Channel as RecordedChannel
from genesis_cli.schema.parameters import (
    CLOCKS,
    INPUTS,
    PARAMETERS,
    Controls,
    InitialPosition,
    InitialVelocity,
    Policy,
    StartStates,
)

PRIOR = "[null, std] of a Gaussian prior around the expected value, std a number or a list in its unit; null: nothing is known"
SCALE = "what counts as 100 %: number or list in the unit of the value; null: the value itself"
# Of a parameter that is not learned, but asked about.
NO_MEANING = ("learn", "lr", "init", "bounds", "transform", "log", "each_recording", "total", "total_std", "prior")


@dataclass
class PlannedChannel:
    """What every channel that will be measured has."""

    kind: str = REQUIRED
    names: Any = key(None, "glob patterns of joints, links or sites; null: all hinges and slides, or the robot's tool")
    sigma: Any = key(REQUIRED, "standard deviation of the noise of one sample: a number, or one for each")
    unit: str | None = key(None, "unit of sigma; null: SI")
    entity: str | None = key(None, "entity by name; null: the robot")


def _unknown(made: type) -> type:
    """The keys of a parameter that say which numbers are meant, with scale and prior."""
    own = [_copied(f) for f in fields(made) if f.name not in NO_MEANING]
    more = [("scale", Any, key(None, SCALE)), ("prior", Any, key(None, PRIOR))]
    return make_dataclass(made.__name__, [*own, *more], namespace={"__doc__": made.__doc__})


def _planned(made: type) -> type:
    """The keys of a channel that say what is measured, without those of files."""
    common = {f.name for f in (*fields(Source), *fields(RecordedChannel))} - {"kind"} | {"period"}
    own = [_copied(f) for f in fields(made) if f.name not in common]
    return make_dataclass(made.__name__, own, bases=(PlannedChannel,), namespace={"__doc__": made.__doc__})


def _copied(declared: "Field[Any]") -> tuple[str, Any, Any]:
    made = field(default=declared.default, default_factory=declared.default_factory, metadata=declared.metadata)
    return declared.name, declared.type, made


UNKNOWNS: dict[str, type] = {
    kind: _unknown(made)
    for kind, made in PARAMETERS.items()
    if not issubclass(made, (Controls, Policy, InitialPosition, InitialVelocity, StartStates))
    and kind not in (*INPUTS, *CLOCKS, "sensor_delay")
}
PLANNED: dict[str, type] = {kind: _planned(made) for kind, made in CHANNELS.items()}
