"""solref and solimp of an MJCF file outside their ranges, put there by MuJoCo's own rules, and noted.

Source: MuJoCo documentation, "Computation: constraint model" and "Modeling: solver parameters"; its constants mjMINIMP and mjMAXIMP.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from genesis.description.description import DEFAULT_SOLREF, Description, Solimp, Solref
from genesis.description.notes import Notes

LEAST, MOST = 0.0001, 0.9999  # mjMINIMP, mjMAXIMP


def clamp_solver_parameters(description: Description, notes: Notes) -> None:
    """Clamp what solimp holds outside its ranges; a solref of mixed signs becomes the default."""
    for place, element, prefix in _elements(description):
        for name in [n for n in vars(element) if n.startswith(f"{prefix}solref")]:
            value = getattr(element, name)
            if _mixed(value):
                setattr(element, name, DEFAULT_SOLREF)
                notes.add("solref of one positive number, replaced by the default (0.02, 1) as in MuJoCo", place)
        solimp = getattr(element, f"{prefix}solimp")
        clamped = _clamped(solimp)
        if clamped != solimp:
            setattr(element, f"{prefix}solimp", clamped)
            notes.add("solimp outside its range, clamped as in MuJoCo", place)


def _elements(description: Description) -> Iterator[tuple[str, Any, str]]:
    """(place, element, prefix of its attributes) of whatever may become a constraint."""
    for geom in description.geoms:
        if not geom.visual:
            yield f'geom "{geom.name}"', geom, ""
    for pair in description.pairs:
        yield f'pair "{pair.name}"', pair, ""
    for equality in description.equalities:
        yield f'equality "{equality.name}"', equality, ""
    for joint in (joint for link in description.links for joint in link.joints):
        if joint.limit is not None:
            yield f'joint "{joint.name}"', joint, "limit_"
        if joint.frictionloss > 0.0:
            yield f'joint "{joint.name}"', joint, "friction_"


def _mixed(solref: Solref) -> bool:
    return (solref[0] > 0.0) != (solref[1] > 0.0)


def _clamped(solimp: Solimp) -> Solimp:
    low, high, width, midpoint, power = solimp
    low, high, midpoint = (x if 0.0 <= x <= 1.0 else float(np.clip(x, LEAST, MOST)) for x in (low, high, midpoint))
    return low, high, max(width, 0.0), midpoint, max(power, 1.0)
