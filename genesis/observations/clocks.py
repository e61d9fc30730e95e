"""Times of samples: where they stop for a while, and whether the clocks of one recording go together."""

from collections.abc import Mapping, Sequence
from math import log10

import numpy as np

from genesis.errors import InputError
from genesis.observations.series import Series
from genesis.observations.spec import ChannelSpec, InputSpec
from genesis.units import TIME_UNITS

GAP = 10.0  # times the usual step, and
UNUSUAL = 3.0  # times the longest of the usual ones: where steps are uneven, a long one is no gap
USUAL = 0.95  # of the steps
FEWEST_STEPS = 8  # that show what is usual
SHARED = 0.01  # of a recording, below which two clocks have nothing in common
LOST = 0.01  # of a recording, from which on it is said
SAMPLES = 3.0  # steps that clocks may begin and end apart
THOUSAND = 1.5  # factor that a ratio of a thousand may be off
EPOCH = 1e6  # s that lie between two beginnings of counting
CONSTANT = 3  # samples of which fewer are no series: a command that was given once

Interval = tuple[float, float]


def gaps(time: np.ndarray) -> list[Interval]:
    """Pairs of neighbouring times (N,) [s] between which samples are missing."""
    steps = np.diff(time)
    if len(steps) < FEWEST_STEPS:
        return []
    usual, longest = float(np.median(steps)), float(np.quantile(steps, USUAL, method="lower"))
    rows = np.flatnonzero(steps > max(GAP * usual, UNUSUAL * longest))
    return [(float(time[k]), float(time[k + 1])) for k in rows]


def stretches(time: np.ndarray) -> list[slice]:
    """The rows between the gaps."""
    ends = np.searchsorted(time, [end for _, end in gaps(time)])
    bounds = [0, *(int(k) for k in ends), len(time)]
    return [slice(a, b) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def sides(time: np.ndarray, times: np.ndarray) -> list[tuple[slice, np.ndarray]]:
    """The rows between the gaps, each with which of the instants (S,) are theirs: one in a gap belongs to the nearer side."""
    parts = stretches(time)
    middles = [0.5 * (time[part.start - 1] + time[part.start]) for part in parts[1:]]
    owner = np.searchsorted(middles, times)
    return [(rows, owner == k) for k, rows in enumerate(parts)]


def merged(found: Sequence[Interval], start: float, end: float) -> list[Interval]:
    """Intervals in order, those that touch as one, as far as they lie between start and end."""
    made: list[Interval] = []
    for a, b in sorted((max(a, start), min(b, end)) for a, b in found):
        if a >= b:
            continue
        if made and a <= made[-1][1]:
            made[-1] = made[-1][0], max(made[-1][1], b)
        else:
            made.append((a, b))
    return made


def between(intervals: Sequence[Interval], start: float, end: float) -> list[Interval]:
    """What is left of start to end."""
    edges = [start, *(x for pair in intervals for x in pair), end]
    return list(zip(edges[::2], edges[1::2], strict=True))


def seen(series: Series) -> np.ndarray:
    """Times (M,) of the rows that hold a number."""
    return series.time[np.isfinite(series.values).any(1)]


def missing(channels: Mapping[str, Series], specs: Mapping[str, ChannelSpec]) -> list[Interval]:
    """Where the channels that windows start from have gaps: those of joints, else poses, else all."""
    kinds = {spec.kind for spec in specs.values()}
    starting = next((set(g) for g in (("joint_position",), ("link_position", "link_orientation")) if kinds & set(g)), kinds)
    return [gap for key, series in channels.items() if specs[key].kind in starting for gap in gaps(seen(series))]


def paused(inputs: Mapping[str, Series], specs: Mapping[str, InputSpec]) -> dict[str, list[Interval]]:
    """Where inputs have gaps, by name; one that holds its last value has none: it may be written when it changes."""
    return {name: [] if specs[name].hold == "zero" else gaps(seen(series)) for name, series in inputs.items()}


def expect_common(
    name: str,
    first: float,
    channels: Mapping[str, Series],
    inputs: Mapping[str, Series],
    specs: Mapping[str, ChannelSpec | InputSpec],
) -> None:
    """Raises: InputError for a channel or input that shares no part of the time of the channel on the clock of all (else the first one).

    An input that ended before, on a clock that goes with the others, was set once and holds.

    Args:
        name: of the recording; first: stamp of its first sample [s]. specs: by "channel NAME" and "input NAME".
    """
    table = {**{f"channel {key}": s for key, s in channels.items()}, **{f"input {key}": s for key, s in inputs.items()}}
    own = [key for key in table if key.startswith("channel ")]
    main = next((key for key in own if specs[key].source.clock is None), own[0])
    a, b = _range(table[main])
    for key, series in table.items():
        c, d = _range(series)
        if key == main or len(series.time) < CONSTANT or len(table[main].time) < CONSTANT:
            continue
        if min(b, d) - max(a, c) < SHARED * min(b - a, d - c):
            spec = specs[key]
            if isinstance(spec, InputSpec) and d < a and not _another_clock(series, table[main]):
                continue
            raise InputError(
                f"{name}: {_quoted(key)} goes from {_time(c + first)} to {_time(d + first)} s on its clock, {_quoted(main)} from "
                f"{_time(a + first)} to {_time(b + first)} s: they share no time. {_cause(spec, series, table[main])}"
            )


def uncovered(
    name: str, start: float, end: float, series: Mapping[str, Series], specs: Mapping[str, ChannelSpec | InputSpec]
) -> list[str]:
    """A line for each input or channel that lasts for a part of the recording only, or whose clock runs a thousand times as fast."""
    found = []
    for key, one in series.items():
        spec, (a, b) = specs[key], _range(one)
        if end <= start or len(one.time) < CONSTANT:
            continue
        lost = min(max(0.0, a - start) + max(0.0, end - b), end - start)
        step = float(np.median(np.diff(one.time)))
        allowed = max(SAMPLES * step, LOST * (end - start))
        driven = isinstance(spec, InputSpec)
        allowed += min(abs(spec.source.delay), 0.05 * (end - start)) if driven else 0.0
        power = _thousands((b - a) / (end - start)) if spec.source.clock is not None else 0
        if lost > allowed:
            what = "it is constant there" if driven else "nothing is measured there"
            found.append(
                f"{name}: {_quoted(key)} has samples from {_time(a)} to {_time(b)} s only; {100.0 * lost / (end - start):.3g} % of the "
                f"recording ({_time(start)} to {_time(end)} s) lies outside, and {what}{_unit_asked(spec, power)}"
            )
        elif power and step > 0.2:
            found.append(
                f"{name}: {_quoted(key)} lasts {_time(b - a)} s, the recording {_time(end - start)} s{_unit_asked(spec, power)}"
            )
    return found


def _range(series: Series) -> Interval:
    return float(series.time[0]), float(series.time[-1])


def _quoted(key: str) -> str:
    kind, _, name = key.partition(" ")
    return f'{kind} "{name}"'


def _time(seconds: float) -> str:
    return f"{round(seconds, 6):.10g}"


def _thousands(ratio: float) -> int:
    """k where a ratio is about 1000 ** k."""
    if not 0.0 < ratio < np.inf:
        return 0
    k = round(log10(ratio) / 3.0)
    return k if abs(log10(ratio) - 3.0 * k) < log10(THOUSAND) else 0


def _unit_asked(spec: ChannelSpec | InputSpec, power: int) -> str:
    """Which unit of time would fit numbers that last 1000 ** power times as long."""
    units = list(TIME_UNITS)
    if not power or not -len(units) < power < len(units):
        return "."
    if power > 0:
        return f"; is its clock in {units[power]}? ({spec.where}.time_unit: {units[power]})"
    return f"; is the clock of the others in {units[-power]}? (observation.time.unit: {units[-power]}, {spec.where}.time_unit: s)"


def _another_clock(series: Series, main: Series) -> bool:
    """Whether two clocks have other units or count from other beginnings; a few samples have no length that could tell a unit."""
    (c, d), (a, b) = _range(series), _range(main)
    unit = len(series.time) > FEWEST_STEPS and b > a and _thousands((d - c) / (b - a)) != 0
    return unit or abs(c - a) > EPOCH


def _cause(spec: ChannelSpec | InputSpec, series: Series, main: Series) -> str:
    (c, d), (a, b) = _range(series), _range(main)
    power = _thousands((d - c) / (b - a)) if b > a else 0
    units = _unit_asked(spec, power)
    keys = f"name a column of the same clock ({spec.where}.time), or shift its stamps ({spec.where}.delay)."
    if units != ".":
        return f"One lasts {1000 ** abs(power):_} times as long{units}"
    if abs(c - a) > EPOCH:
        return f"One counts from another epoch (time of day, or time since switching on?); {keys}"
    return f"Were they recorded one after the other, or do they count from different beginnings? Then {keys}"
