"""Instants of a file as seconds."""

from collections.abc import Mapping

import numpy as np

NO_TIME = np.iinfo(np.int64).min  # an instant that is missing, as NumPy has it


def seconds_of(stamps: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns (N,) of whole nanoseconds since 1970 as seconds from the earliest of them all; NaN: missing.

    Seconds since 1970 would round to a quarter of a microsecond.
    """
    firsts = [int(ns[ns != NO_TIME].min()) for ns in stamps.values() if (ns != NO_TIME).any()]
    first = min(firsts, default=0)
    made = {}
    for name, ns in stamps.items():
        there = ns != NO_TIME
        seconds = np.full(len(ns), np.nan)
        seconds[there] = (ns[there] - first) * 1e-9
        made[name] = seconds
    return made
