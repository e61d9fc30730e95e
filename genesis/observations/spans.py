"""How long recordings are, and why one may be longer than it can be."""

import numpy as np

GAP = 1000.0  # times the usual step, from which a gap is one that makes a recording long
#: Usual step [in the unit that was read as seconds] -> the unit that it rather is.
UNITS = ((1e5, "ns"), (100.0, "us"), (0.5, "ms"))


def why_long(time: np.ndarray) -> str:
    """The likely cause of a recording that is too long, and what to set; time: (N,) [s]."""
    steps = np.diff(time)
    if not len(steps):
        return "it has one sample"
    usual, largest = float(np.median(steps)), float(steps.max())
    if largest > GAP * usual:
        at = int(steps.argmax())
        return (
            f"a gap of {largest:.6g} s between rows, from {time[at]:.6g} to {time[at + 1]:.6g} s (the others are {usual:.3g} s apart): two "
            "recordings in one file? choose one with start and end of the file, or number them in the column of observation.trajectory"
        )
    unit = next((unit for least, unit in UNITS if usual >= least), None)
    if unit is not None:
        return f"rows are {usual:.6g} s apart: is the time in {unit}? then set observation.time.unit: {unit}"
    return f"rows are {usual:.3g} s apart"
