"""Where the marks of one estimate lie on its track, each row to a scale of its own: start against interval is what a reader compares."""

import math
from dataclasses import dataclass

import numpy as np

from genesis.sysid.result import Estimate

MARGIN = 8.0  # percent of the track kept free on both sides


@dataclass(frozen=True)
class Marks:
    """Places from 0 to 100 along the track; None: not there. band, prior: pairs; bounds: those inside the track."""

    value: float | None
    start: float | None
    band: tuple[float, float] | None
    prior: tuple[float, float] | None
    bounds: tuple[float, ...]


def marks(estimate: Estimate) -> Marks:
    """Start, value and interval always lie on the track; bounds and prior where they fall on it."""
    wanted = [x for x in (estimate.start, estimate.value, estimate.low, estimate.high) if math.isfinite(x)]
    if not wanted:
        return Marks(None, None, None, None, ())
    low, high = min(wanted), max(wanted)
    span = high - low or 0.2 * abs(high) or 1.0
    middle = 0.5 * (low + high)

    def place(x: float) -> float:
        return 50.0 + (100.0 - 2.0 * MARGIN) * (x - middle) / span

    def pair(a: float, b: float) -> tuple[float, float] | None:
        if not (math.isfinite(a) and math.isfinite(b)):
            return None
        clipped = np.clip([place(a), place(b)], 0.0, 100.0)
        return (float(clipped[0]), float(clipped[1])) if clipped[1] > clipped[0] else None

    prior = (
        None
        if estimate.prior is None
        else pair(estimate.prior[0] - 2 * estimate.prior[1], estimate.prior[0] + 2 * estimate.prior[1])
    )
    bounds = tuple(place(b) for b in estimate.bounds if math.isfinite(b) and 0.0 <= place(b) <= 100.0)
    return Marks(
        value=place(estimate.value) if math.isfinite(estimate.value) else None,
        start=place(estimate.start) if math.isfinite(estimate.start) else None,
        band=pair(estimate.low, estimate.high),
        prior=prior,
        bounds=bounds,
    )
