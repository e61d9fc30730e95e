"""Masses, inertias and lengths that can be computed with."""

import math
from collections.abc import Iterable

import numpy as np

from genesis.description.description import Description
from genesis.errors import ModelError

MOST_MASS = 1e30  # [kg]; with lengths and times of machines, products of larger ones leave the range of floating point
MOST_INERTIA = 1e30  # [kg m²]
MOST_LENGTH = 1e9  # [m]


def check_numbers(description: Description, where: str) -> None:
    """That every mass, inertia and length is one that can be computed with.

    Raises: ModelError that names link or geom, the number, and what is allowed.
    """
    for link in description.links:
        name = f'link "{link.name}"'
        _check(where, f"{name}: its mass", [link.mass], MOST_MASS, "kg")
        _check(where, f"{name}: its inertia", np.ravel(link.inertia), MOST_INERTIA, "kg m²")
        _check(where, f"{name}: its position", [*link.pos, *link.com], MOST_LENGTH, "m")
        for joint in link.joints:
            _check(where, f'joint "{joint.name}": its position', joint.pos, MOST_LENGTH, "m")
            _check(where, f'joint "{joint.name}": its armature', [joint.armature], MOST_INERTIA, "kg m²")
    for geom in description.geoms:
        _check(where, f'geom "{geom.name}": its size and position', [*geom.size, *geom.pos], MOST_LENGTH, "m")


def _check(where: str, what: str, values: Iterable[float], most: float, unit: str) -> None:
    for value in values:
        if not math.isfinite(value) or abs(value) > most:
            raise ModelError(f"{where}: {what} is {value:g} {unit}; allowed: up to {most:g}.")
