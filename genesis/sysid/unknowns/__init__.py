"""What can be identified, one kind a class or a line of a table. A new one is added here and in the schema of the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from genesis.errors import unknown_name
from genesis.setting import Setting
from genesis.sysid.unknowns.field import QUANTITIES, Field
from genesis.sysid.unknowns.inertia import Inertia
from genesis.sysid.unknowns.placement import JointOffset, LinkRotation
from genesis.sysid.unknowns.signals import Signal
from genesis.sysid.unknowns.start_state import StartState
from genesis.sysid.unknowns.unknown import Options, Unknown

CLASSES: dict[str, Any] = {"inertia": Inertia, "link_rotation": LinkRotation, "joint_offset": JointOffset}
SIGNALS = {f"sensor_{what}": ("sensor", what) for what in ("gain", "bias", "delay")} | {
    f"input_{what}": ("input", what) for what in ("gain", "bias", "delay", "lag")
}
KINDS = (*QUANTITIES, "field", *CLASSES, *SIGNALS, "start_state")


def make_unknowns(
    setting: Setting,
    specs: Mapping[str, Mapping[str, Any]],
    signals: Mapping[str, Mapping[str, Sequence[str]]],
    units: Mapping[str, Mapping[str, str]],
) -> tuple[dict[str, Unknown], StartState | None]:
    """Unknowns from kind and keyword arguments, and the free start states if one of them asks for those.

    signals, units: of "sensor" and "input": name -> labels of its columns, name -> unit.
    Raises: UnknownNameError for a kind that cannot be identified, and what the kinds raise.
    """
    made: dict[str, Unknown] = {}
    start = None
    common = {f.name for f in fields(Options)}
    for name, spec in specs.items():
        where, given = f"parameter.{name}", dict(spec)
        kind = given.pop("kind")
        if kind not in KINDS:
            raise unknown_name(where, "kind of parameter that can be identified", kind, KINDS)
        if kind == "start_state":
            start = StartState(given["position_std"], given["velocity_std"]) if given.get("learn", True) else start
            continue
        options = Options(**{key: given.pop(key) for key in list(given) if key in common})
        if kind in SIGNALS:
            side, what = SIGNALS[kind]
            signal = given.pop("channel" if side == "sensor" else "input")
            made[name] = Signal(
                setting, where, side=side, what=what, signal=signal, signals=dict(signals[side]), units=dict(units[side]),
                options=options, **given,
            )  # fmt: skip
        elif kind in CLASSES:
            made[name] = CLASSES[kind](setting, where, options=options, **given)
        else:
            made[name] = Field(setting, where, kind=kind, options=options, **given)
    return made, start
