"""Encoders that begin anew: jumps of one size between neighbouring samples, while the joint moves on."""

from collections.abc import Sequence
from math import tau

import numpy as np

from genesis.observations.clocks import stretches
from genesis.observations.recording import Recording
from genesis.observations.series import Series
from genesis.observations.spec import ChannelSpec

LEAST_JUMP = 0.5  # of the range of the values
FASTER = 10.0  # than the median step
SPREAD = 0.05  # of the sizes of jumps that are one
TRAVEL = 0.3  # of a period that the joint moves: else it jumps between two places
WHOLE = 1.1  # periods that the values may fill
MOSTLY = 0.8  # of the jumps
FEWEST = 3  # jumps; one is enough where it is a turn
ROUND = 0.01  # of a whole number of turns before the gear


def told(spec: ChannelSpec, recordings: Sequence[Recording]) -> list[str]:
    """A line for each joint whose positions jump by one size, with the key to set."""
    found = []
    for k, name in enumerate(spec.names):
        jumps = [size for r in recordings for size in sizes(r.channels[spec.name], k)]
        if not jumps:
            continue
        size = float(np.median(jumps))
        turn = abs(size / tau - 1.0) < SPREAD and spec.unit == "rad"
        if len(jumps) < (1 if turn else FEWEST) or np.abs(np.asarray(jumps) - size).max() > 2.0 * SPREAD * size:
            continue
        often = "once" if len(jumps) == 1 else f"{len(jumps)} times"
        text = f"{spec.where}: {name} jumps by {size:.4g} between two samples {often}"
        if turn and not spec.options.get("periodic"):
            found.append(f"{text}; do its angles begin anew at a turn? (periodic: true)")
            continue
        ratio = tau / size
        geared = spec.unit == "rad" and round(ratio) > 1 and abs(ratio / round(ratio) - 1.0) < ROUND
        gear = f", a turn before a gear of {round(ratio)}" if geared else ""
        exact = tau / round(ratio) if gear else size
        found.append(f"{text}; does its encoder begin anew? (period: {exact:.6g}{gear})")
    return found


def sizes(series: Series, k: int) -> list[float]:
    """The periods that the jumps of a column are of; none where the joint does not move besides."""
    parts = [_sizes(series.values[rows, k]) for rows in stretches(series.time)]
    return [size for part in parts for size in part]


def _sizes(values: np.ndarray) -> list[float]:
    values = values[np.isfinite(values)]
    steps = np.diff(values)
    if len(steps) < FEWEST:
        return []
    usual, reach = float(np.median(np.abs(steps))), float(np.ptp(values))
    jumps = np.abs(steps) > max(FASTER * usual, LEAST_JUMP * reach)
    if not jumps.any():
        return []
    rows = np.flatnonzero(~jumps)
    if len(rows) < FEWEST:
        return []
    between = np.interp(np.flatnonzero(jumps), rows, steps[rows])  # what the joint moves meanwhile
    found = np.abs(steps[jumps] - between)
    moved = steps.copy()
    moved[jumps] -= np.sign(steps[jumps]) * found
    went = np.concatenate([[0.0], np.cumsum(moved)])
    period = float(np.median(found))
    against = float(np.mean(steps[jumps] * between < 0.0))  # an encoder jumps back where the joint goes on
    if np.ptp(went) < TRAVEL * period or reach > WHOLE * period or against < MOSTLY:
        return []
    return [float(x) for x in found]
