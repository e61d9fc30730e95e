"""Units that measurements may come in, and their factors to SI."""

import math

from genesis.errors import InputError, unknown_name

#: quantity -> unit -> factor to the first unit, which is the one of the engine.
UNITS: dict[str, dict[str, float]] = {
    "angle": {"rad": 1.0, "mrad": 1e-3, "deg": math.pi / 180.0, "rev": 2.0 * math.pi},
    "length": {"m": 1.0, "cm": 1e-2, "mm": 1e-3},
    "angular velocity": {"rad/s": 1.0, "deg/s": math.pi / 180.0, "rpm": math.pi / 30.0, "rev/s": 2.0 * math.pi},
    "velocity": {"m/s": 1.0, "cm/s": 1e-2, "mm/s": 1e-3},
    "torque": {"Nm": 1.0, "Ncm": 1e-2, "mNm": 1e-3},
    "force": {"N": 1.0, "mN": 1e-3, "kN": 1e3},
    "acceleration": {"m/s2": 1.0, "mm/s2": 1e-3, "g": 9.80665},
    "pixels": {"px": 1.0},
    "ratio": {"1": 1.0},
}
TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def conversion(where: str, unit: str | None, quantities: tuple[str, ...]) -> tuple[float, str]:
    """(factor to SI, SI unit) of a unit of one of the quantities; None: the SI unit of the first.

    Raises: UnknownNameError, or InputError for a unit of something else.
    """
    if unit is None:
        return 1.0, next(iter(UNITS[quantities[0]]))
    for quantity in quantities:
        if unit in UNITS[quantity]:
            return UNITS[quantity][unit], next(iter(UNITS[quantity]))
    allowed = [name for quantity in quantities for name in UNITS[quantity]]
    other = next((quantity for quantity, units in UNITS.items() if unit in units), None)
    if other is not None:
        raise InputError(f"{where}: {unit} is a unit of {other}; allowed: {', '.join(allowed)}.")
    raise unknown_name(where, "unit", str(unit), allowed)


def time_factor(where: str, unit: str) -> float:
    """Seconds in a unit of time."""
    if unit not in TIME_UNITS:
        raise unknown_name(where, "unit of time", unit, TIME_UNITS)
    return TIME_UNITS[unit]
