"""What the columns of a log may mean, guessed from their names and numbers: a time, and of joints positions, velocities, forces, targets."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from genesis.errors import InputError

TIME = {"time", "t", "stamp", "timestamp", "times", "timestamps", "sec", "secs", "seconds", "clock"}
#: Words of a column's name, in the order in which they decide.
WORDS = {
    "target": {"cmd", "command", "commanded", "target", "des", "desired", "ref", "reference", "setpoint", "goal"},
    "force": {"tau", "torque", "torques", "effort", "force", "trq", "tq", "moment"},
    "velocity": {"dq", "qd", "qdot", "vel", "velocity", "speed", "omega", "dtheta", "v"},
    "position": {"q", "pos", "position", "angle", "theta", "phi", "qpos", "joint", "j", "state", "meas", "measured", "actual"},
}
OTHERS = {
    "acc",
    "acceleration",
    "ddq",
    "qdd",
    "qddot",
    "temp",
    "temperature",
    "current",
    "voltage",
    "error",
    "err",
    "std",
    "pwm",
    "status",
}
UNIT = re.compile(r"[\[(]\s*([A-Za-z][A-Za-z/0-9]*)\s*[\])]\s*$|_(ms|us|ns|deg|rad|rpm)$")
UNITS = {"deg": "deg", "degrees": "deg", "rad": "rad", "mrad": "mrad", "rev": "rev", "m": "m", "mm": "mm", "cm": "cm"}
FULL = 30.0  # [rad] beyond which an angle is taken to be in degrees


@dataclass
class Guess:
    """time: column, its unit; step: its median [s]. columns: quantity ("position", …) -> joint -> column; unit: of positions, None: SI;
    said: why, where it is not SI. left: columns without a meaning."""

    time: str
    time_unit: str
    step: float
    seconds: float
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    unit: str | None = None
    said: str = ""
    left: list[str] = field(default_factory=list)


def guess(columns: Mapping[str, np.ndarray], joints: Sequence[str], angles: Sequence[str] = ()) -> Guess:
    """The meaning of columns (N,) for a robot with these joints; angles: those of them whose coordinate is an angle.

    A joint is named in a column's name, or numbered in the order of the joints, from 0 or 1; the only one need not be.
    Raises: InputError where there is no column of times, or none that is the position of a joint.
    """
    found = _time(columns)
    names = [name for name in columns if name != found.time]
    first = 0 if any(_number(name) == 0 for name in names if _joint(name, joints) is None) else 1
    for name in names:
        joint = _joint(name, joints)
        rest = _stem(name)
        if joint is not None:
            rest = rest.replace(joint.lower(), " ")
        elif (k := _number(name)) is not None and 0 <= k - first < len(joints):
            joint = joints[k - first]
        elif len(joints) == 1:
            joint = joints[0]
        quantity = None if joint is None else _quantity(rest)
        if quantity is None or joint in found.columns.get(quantity, {}):
            found.left.append(name)
        else:
            assert joint is not None
            found.columns.setdefault(quantity, {})[joint] = name
    if not found.columns.get("position"):
        example = f"{joints[0]}_pos" if joints else "q1"
        raise InputError(
            f'no column is the position of a joint (columns {", ".join(columns)}; joints {", ".join(joints) or "none"}); call one "{example}".'
        )
    _unit_of_positions(found, columns, angles)
    return found


def _time(columns: Mapping[str, np.ndarray]) -> Guess:
    """The column of times, which rises. Raises: InputError without one."""
    for name, values in columns.items():
        if not set(re.findall("[a-z]+", _stem(name))) & TIME:
            continue
        times = values[np.isfinite(values)]
        if len(times) < 2 or not times[-1] > times[0]:
            continue
        step = float(np.median(np.diff(times)))
        unit = _unit(name)
        if unit not in ("s", "ms", "us", "ns"):
            unit = "ns" if step >= 1e5 else "us" if step >= 100.0 else "ms" if step >= 0.5 else "s"
        factor = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[unit]
        return Guess(name, unit, step * factor, float(times[-1] - times[0]) * factor)
    raise InputError(f'no column of rising times (columns {", ".join(columns)}); call one "time".')


def _joint(name: str, joints: Sequence[str]) -> str | None:
    """The joint whose name stands in that of a column, the longest."""
    inside = [joint for joint in joints if re.search(rf"(?<![a-z0-9]){re.escape(joint.lower())}(?![a-z0-9])", name.lower())]
    return max(inside, key=len, default=None)


def _number(name: str) -> int | None:
    """The last whole number in the name of a column."""
    found = re.findall(r"\d+", _stem(name))
    return int(found[-1]) if found else None


def _stem(name: str) -> str:
    """The name in small letters without its unit."""
    return UNIT.sub("", name).lower()


def _unit(name: str) -> str | None:
    """The unit that the name ends in."""
    found = UNIT.search(name)
    return None if found is None else (found.group(1) or found.group(2))


def _quantity(rest: str) -> str | None:
    """What the words beside the joint's name say; nothing but the joint: its position."""
    words = set(re.findall("[a-z]+", rest))
    if words & OTHERS:
        return None
    fitting = [quantity for quantity, known in WORDS.items() if words & known]
    if fitting[:1] == ["target"]:  # of a velocity or a force it is no target of a position
        return "target" if not {"force", "velocity"} & set(fitting) else None
    return fitting[0] if fitting else ("position" if not words else None)


def _unit_of_positions(found: Guess, columns: Mapping[str, np.ndarray], angles: Sequence[str]) -> None:
    """Set the unit that the name says, or degrees where angles are beyond several turns."""
    positions = found.columns["position"]
    said = {UNITS.get(str(_unit(name)).lower()) for name in positions.values()} - {None}
    if len(said) == 1 and all(joint in angles for joint in positions):
        found.unit, found.said = said.pop(), "as the name of the column says"
        return
    largest = max((float(np.nanmax(np.abs(columns[name]))) for joint, name in positions.items() if joint in angles), default=0.0)
    if largest > FULL and all(joint in angles for joint in positions):
        found.unit, found.said = "deg", f"a guess: values go up to {largest:.4g}"
