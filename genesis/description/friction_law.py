"""Joint friction by laws of the velocity: their words, and the one row of numbers that the mechanics reads for all of them.

tanh, atan: Coulomb friction whose sign turns smoothly over the slip velocity, and viscous friction. stribeck: breaking away takes more
(static), which fades to Coulomb friction over the Stribeck velocity. asymmetric: other values forwards and backwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genesis.errors import InputError, unknown_name

# Numbers of a row; law: 0 none, 1 the sign of the velocity turns as a tanh, 2 as an arc tangent. The formula: dynamics/friction_laws.py
ROW = (
    "law",
    "coulomb_forward",
    "coulomb_backward",
    "excess",
    "stribeck_velocity",
    "slip_velocity",
    "viscous_forward",
    "viscous_backward",
)
FRICTION_LAW = {name: k for k, name in enumerate(ROW)}
NO_LAW = (0.0,) * len(ROW)
LEAST_VELOCITY = 1e-6  # [rad/s | m/s] of the slip and the Stribeck velocity, below which they do not count
UNITS = {"coulomb": "Nm | N", "static": "Nm | N", "viscous": "Nms | Ns/m", "slip": "rad/s | m/s", "stribeck": "rad/s | m/s"}


@dataclass(frozen=True)
class FrictionLaw:
    """code: of the row; numbers: what a user says, each with the entries of the row that grow with it, and by how much."""

    code: float
    numbers: Mapping[str, Mapping[str, float]]

    @property
    def matrix(self) -> np.ndarray:
        """(8, k): row = code + matrix @ numbers."""
        made = np.zeros((len(ROW), len(self.numbers)))
        for k, parts in enumerate(self.numbers.values()):
            for name, factor in parts.items():
                made[FRICTION_LAW[name], k] = factor
        return made

    def row(self, numbers: Sequence[float]) -> tuple[float, ...]:
        """(8,) of the numbers in their order."""
        made = self.matrix @ np.asarray(numbers, float)
        made[FRICTION_LAW["law"]] = self.code
        return tuple(made.tolist())


_BOTH = {"coulomb": {"coulomb_forward": 1.0, "coulomb_backward": 1.0}}
_VISCOUS = {"viscous": {"viscous_forward": 1.0, "viscous_backward": 1.0}}
_SLIP = {"slip_velocity": {"slip_velocity": 1.0}}
LAWS: dict[str, FrictionLaw] = {
    "tanh": FrictionLaw(1.0, _BOTH | _VISCOUS | _SLIP),
    "atan": FrictionLaw(2.0, _BOTH | _VISCOUS | _SLIP),
    "stribeck": FrictionLaw(
        1.0,
        {
            "coulomb": {**_BOTH["coulomb"], "excess": -1.0},
            "static": {"excess": 1.0},
            "stribeck_velocity": {"stribeck_velocity": 1.0},
            **_VISCOUS,
            **_SLIP,
        },
    ),
    "asymmetric": FrictionLaw(1.0, {**{name: {name: 1.0} for name in ROW if name.startswith(("coulomb", "viscous"))}, **_SLIP}),
}


def unit_of(number: str) -> str:
    """Of a number of a law, of a hinge and of a slide."""
    return UNITS[number.partition("_")[0]]


def start_of(law: str, dry: float, viscous: float) -> list[float]:
    """Numbers to begin with, for a joint with that dry [Nm | N] and viscous friction [Nms | Ns/m]."""
    usual = {"coulomb": dry, "static": 1.2 * dry, "viscous": viscous, "slip": 0.05, "stribeck": 0.5}
    return [usual[name.partition("_")[0]] for name in LAWS[law].numbers]


def read_law(where: str, node: object, dry: float, viscous: float) -> tuple[float, ...]:
    """The row (8,) of a mapping: law, and numbers of it; those that are left out begin as `start_of` says.

    Raises: InputError, UnknownNameError for what is no law, or no number of it.
    """
    if not isinstance(node, Mapping) or "law" not in node:
        raise InputError(
            f"{where}: {node!r} is not allowed; write a mapping, e.g. {{law: tanh, coulomb: 0.1, slip_velocity: 0.05}}."
        )
    law = str(node["law"])
    if law not in LAWS:
        raise unknown_name(f"{where}.law", "friction law", law, LAWS)
    numbers = dict(zip(LAWS[law].numbers, start_of(law, dry, viscous), strict=True))
    for name, value in node.items():
        if name == "law":
            continue
        if name not in numbers:
            raise unknown_name(where, f"number of the law {law}", str(name), numbers)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value < np.inf:
            raise InputError(f"{where}.{name}: is {value!r}; allowed: zero or a positive number [{unit_of(str(name))}].")
        numbers[str(name)] = float(value)
    return LAWS[law].row(list(numbers.values()))
