"""Recordings: the channels and inputs of one trajectory, in SI units and in order of time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import tau
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.observations.clocks import EPOCH, Interval, between, expect_common, merged, missing, paused, stretches, uncovered
from genesis.observations.duplicates import ERROR, one_each
from genesis.observations.files import FileEntry
from genesis.observations.log import Log
from genesis.observations.quaternions import quaternions
from genesis.observations.series import Series
from genesis.observations.spec import ChannelSpec, InputSpec
from genesis.units import time_factor

SECOND = 1_000_000_000  # ns
NEAR_HALF = 0.4  # of the jump of an encoder: a motion of this size between two samples may be one the other way


@dataclass
class Recording:
    """One trajectory. Times count from its first sample; start and end [s] bound the part in use. Inputs are
    stamped with the instants at which they act, and are not cropped.

    name: the file's stem, with :k for the k-th trajectory of a file; trajectory: k, or 0.
    gaps: intervals [s] in which samples are missing: nothing is read across them.
    """

    name: str
    path: Path
    trajectory: int
    split: str
    channels: dict[str, Series]
    inputs: dict[str, Series]
    start: float
    end: float
    gaps: list[Interval] = field(default_factory=list)

    @property
    def stretches(self) -> list[Interval]:
        """The parts (start, end) [s] between the gaps."""
        return between(merged(self.gaps, self.start, self.end), self.start, self.end)

    def part(self, name: str, split: str, start: float, end: float) -> "Recording":
        """The samples from start to end as a recording of its own."""
        channels = {key: series.between(start, end) for key, series in self.channels.items()}
        return replace(self, name=name, split=split, channels=channels, start=start, end=end)


@dataclass
class Clock:
    """How rows get their times: a column in a unit, or a constant step (a number [unit], or the name of one in the file)."""

    column: str | None
    unit: str
    step: Any
    factor: float = field(init=False)
    origins: dict[Path, int] = field(default_factory=dict, init=False)  # [ns]

    def __post_init__(self) -> None:
        self.factor = time_factor("observation.time.unit", self.unit)

    def stamps(self, log: Log, where: str, clock: str | None, rows: int, unit: str | None = None) -> np.ndarray:
        """(rows,) [s], from the column `clock` of a channel `where`, in a unit of its own or that of all, or the column of all.

        All clocks of a file count from one instant, see `_since`.

        Raises: InputError for a time that is missing, or another number of rows.
        """
        name = clock or self.column
        if clock is None and self.step is not None:
            return self._step(log) * np.arange(rows)
        if name is None:
            raise InputError("observation.time: give column, the name of a column, or step, the time between two rows.")
        raw = log.column(f"{where}.time" if clock else "observation.time.column", name)
        if len(raw) != rows:
            raise InputError(
                f'{log.path.name}: column "{name}" holds {len(raw)} times for {rows} rows; name the right one with the key '
                "time of the channel."
            )
        missing = np.flatnonzero(~np.isfinite(raw))
        if len(missing):
            raise InputError(f'{log.place(int(missing[0]))}: the time (column "{name}") is missing.')
        factor = self.factor if unit is None else time_factor(f"{where}.time_unit", unit)
        return self._since(log, raw, 1.0 if log.named(name) in log.seconds else factor)

    def origin(self, log: Log) -> float:
        """The instant [s] on the clocks of a file that `stamps` count from."""
        return self.origins.get(log.path, 0) * 1e-9

    def _since(self, log: Log, raw: np.ndarray, factor: float) -> np.ndarray:
        """(N,) [s] from an instant that all clocks of the file share, a whole number of nanoseconds: time since 1970 would be rounded.

        It is the first integer that is asked for, or the whole second before a first float, where that is far from zero.
        """
        tick = round(factor * 1e9)
        if raw.dtype.kind in "iu" and len(raw):
            ticks = raw.astype(np.int64)
            origin = self.origins.setdefault(log.path, int(ticks[0]) * tick if self.step is None else 0)
            whole, rest = divmod(origin, tick)
            since: np.ndarray = (ticks - whole).astype(np.float64) * factor
            return since - rest * 1e-9 if rest else since
        seconds: np.ndarray = raw.astype(np.float64) * factor
        first = float(seconds[0]) if len(seconds) and self.step is None else 0.0
        origin = self.origins.setdefault(log.path, int(first // 1.0) * SECOND if abs(first) > EPOCH else 0)
        whole, rest = divmod(origin, SECOND)
        seconds = seconds - whole if whole else seconds
        return seconds - rest * 1e-9 if rest else seconds

    def _step(self, log: Log) -> float:
        step = log.scalars.get(self.step) if isinstance(self.step, str) else self.step
        if not isinstance(step, (int, float)) or not step > 0.0:
            known = f"; numbers in {log.path.name}: {', '.join(log.scalars) or 'none'}" if isinstance(self.step, str) else ""
            raise InputError(f"observation.time.step: {self.step!r} is no positive number{known}.")
        return float(step) * self.factor


@dataclass
class ColumnLayout:
    """What is common to the files of a config; duplicates: what becomes of rows of one time."""

    clock: Clock
    trajectory: str | None
    channels: Mapping[str, ChannelSpec]
    inputs: Mapping[str, InputSpec]
    warnings: list[str]
    duplicates: str = ERROR

    @property
    def specs(self) -> dict[str, ChannelSpec | InputSpec]:
        """All of them, as "channel NAME" and "input NAME"."""
        channels = {f"channel {key}": spec for key, spec in self.channels.items()}
        return {**channels, **{f"input {key}": spec for key, spec in self.inputs.items()}}

    @property
    def asked(self) -> tuple[str, ...]:
        """Columns of files that are read for it, those of patterns with {name} in them."""
        sources = [spec.source for spec in self.specs.values()]
        named = [column for source in sources for columns in source.columns.values() for column in columns]
        patterns = [part for source in sources for part in source.pattern or ()]
        step = self.clock.step if isinstance(self.clock.step, str) else None
        clocks = [self.clock.column, step, self.trajectory, *(source.clock for source in sources)]
        return tuple(dict.fromkeys([*named, *patterns, *(name for name in clocks if name is not None)]))


def recordings(log: Log, entry: FileEntry, layout: ColumnLayout) -> Iterator[Recording]:
    """The trajectories of a file that its entry chooses.

    Raises: InputError with file and line.
    """
    trajectory = log.trajectory or layout.trajectory
    pieces = _pieces(log, trajectory)
    numbers: Sequence[int] = range(len(pieces))
    if isinstance(entry.trajectories, slice):
        numbers = numbers[entry.trajectories]
    elif entry.trajectories is not None:
        numbers = entry.trajectories
    if not numbers or max(numbers) >= len(pieces):
        raise InputError(f"{log.path.name} has {len(pieces)} trajectories, from 0; chosen: {entry.trajectories}.")
    for k in numbers:
        label = k if log.trajectory is None else int(log.columns[log.trajectory][pieces[k].start])
        name = log.path.stem if trajectory is None else f"{log.path.stem}:{label}"
        yield _recording(log, entry, layout, name, pieces[k], label)


def _pieces(log: Log, trajectory: str | None) -> list[slice]:
    """The rows of each trajectory, from the column that numbers them or the array of their lengths."""
    rows = _rows(log)
    if trajectory is None:
        return [slice(0, rows)]
    marks = log.column("observation.trajectory", trajectory)
    if len(marks) == rows:
        bounds = np.concatenate([[0], np.flatnonzero(np.diff(marks) != 0) + 1, [rows]])
    elif marks.dtype.kind in "iu" and marks.sum() == rows:
        bounds = np.concatenate([[0], np.cumsum(marks)])
    else:
        raise InputError(
            f'{log.path.name}: "{trajectory}" has {len(marks)} entries for {rows} rows; allowed: a number for each row, or '
            f"lengths that add up to {rows} (they add up to {marks.sum():g})."
        )
    return [slice(int(a), int(b)) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def _rows(log: Log) -> int:
    """Rows of the table: of its longest columns."""
    return max(len(values) for values in log.columns.values())


def _recording(log: Log, entry: FileEntry, layout: ColumnLayout, name: str, rows: slice, number: int) -> Recording:
    channels = {key: _series(log, layout, spec, rows) for key, spec in layout.channels.items()}
    inputs = {key: _series(log, layout, spec, rows) for key, spec in layout.inputs.items()}
    everything = [*channels.values(), *inputs.values()]
    first = float(min(series.time[0] for series in everything))
    for series in everything:
        series.time -= first
    for key, series in channels.items():
        series.time -= layout.channels[key].source.delay + entry.delay
    for key, series in inputs.items():
        series.time += layout.inputs[key].source.delay
    expect_common(name, first + layout.clock.origin(log), channels, inputs, layout.specs)
    channels = {key: _cropped(log, name, key, series, entry) for key, series in channels.items()}
    start = float(min(series.time[0] for series in channels.values()))
    end = float(max(series.time[-1] for series in channels.values()))
    measured = {f"channel {key}": series for key, series in channels.items()} if len(channels) > 1 else {}
    driven = {f"input {key}": series for key, series in inputs.items()}
    layout.warnings += uncovered(name, start, end, measured | driven, layout.specs)
    measured_gaps, pauses = missing(channels, layout.channels), paused(inputs, layout.inputs)
    found = merged([*measured_gaps, *(gap for own in pauses.values() for gap in own)], start, end)
    if found:
        longest = max(found, key=lambda gap: gap[1] - gap[0])
        layout.warnings.append(
            f"{name}: samples are missing for {longest[1] - longest[0]:.4g} s from {longest[0]:.6g} s on"
            + (f", and in {len(found) - 1} shorter gap{'s' * (len(found) > 2)}" if len(found) > 1 else "")
            + "; windows are cut there, and nothing is read across."
            + _hold_asked(pauses, merged(measured_gaps, start, end), found, layout.inputs)
        )
    return Recording(name, log.path, number, entry.split, channels, inputs, start, end, found)


def _hold_asked(
    pauses: Mapping[str, Sequence[Interval]],
    measured: Sequence[Interval],
    found: Sequence[Interval],
    specs: Mapping[str, InputSpec],
) -> str:
    """The key for an input that is written when it changes: one that pauses where the channels go on."""
    alone = [0.5 * (a + b) for a, b in found if not any(c <= 0.5 * (a + b) <= d for c, d in measured)]
    names = [name for name, own in pauses.items() if any(a <= t <= b for a, b in own for t in alone)]
    if not names:
        return ""
    return f" If the last value holds while an input pauses, set {specs[names[0]].where}.hold: zero."


def _cropped(log: Log, name: str, key: str, series: Series, entry: FileEntry) -> Series:
    """The part in use. Raises: InputError where no sample or no number is in it."""
    made = series.between(entry.start, entry.end)
    if not len(made.time):
        raise InputError(
            f'{name}: channel "{key}" has no sample from {entry.start:g} to {entry.end:g} s; it has them from '
            f"{series.time[0]:g} to {series.time[-1]:g} s."
        )
    if not np.isfinite(made.values).any():
        raise InputError(
            f'{log.path.name}: channel "{key}" ({", ".join(series.columns)}) holds no number in {len(made.time)} rows; '
            "leave the file or the channel out."
        )
    return made


def _series(log: Log, layout: ColumnLayout, spec: ChannelSpec | InputSpec, rows: slice) -> Series:
    """One channel or input of one trajectory, with the stamps of the file."""
    source = spec.source
    names = [column for columns in source.columns.values() for column in columns]
    raw = [log.column(f"{spec.where}.columns", name) for name in names]
    if len({len(values) for values in raw}) > 1:
        counts = ", ".join(f"{name} {len(values)}" for name, values in zip(names, raw, strict=True))
        raise InputError(f"{spec.where}.columns: {log.path.name}: the columns have different numbers of rows: {counts}.")
    own = source.clock or log.clocks.get(names[0])
    stamps = layout.clock.stamps(log, spec.where, own, len(raw[0]), source.clock_unit)
    if log.clocks.get(names[0]) and log.trajectory is None:  # a bag has a table for every topic, and one trajectory
        rows = slice(0, len(raw[0]))
    table = np.stack([values[rows].astype(np.float64) for values in raw], 1)
    table[~np.isfinite(table)] = np.nan
    values = (source.scale * table + source.offset) * source.factor
    if source.period is not None:
        values = unwrapped(values, source.period)
        fastest = float(np.nanmax(np.abs(np.diff(values, axis=0)), initial=0.0))
        if fastest > NEAR_HALF * source.period:
            layout.warnings.append(
                f"{spec.where}: {log.path.name}: up to {fastest:.3g} between two samples, near half of the period of "
                f"{source.period:.4g}: which way it went is a guess."
            )
    elif isinstance(spec, ChannelSpec) and spec.options.get("periodic"):
        values = unwrapped(values, tau)
    if spec.kind == "link_orientation":
        values = quaternions(spec.where, log.path.name, values, names, layout.warnings)
    time = stamps[rows].copy()
    _in_order(log, time, rows.start)
    return _one_row_each(log, layout, spec, Series(time, values, names), rows.start)


def _one_row_each(log: Log, layout: ColumnLayout, spec: ChannelSpec | InputSpec, series: Series, first_row: int) -> Series:
    """With one row for every time. Raises: InputError for two that differ, where the user did not say which counts."""
    time, values, other = one_each(series.time, series.values, layout.duplicates, spec.kind == "link_orientation")
    if other is not None:
        raise InputError(
            f"{log.place(first_row + other)}: two rows have the same time, {series.time[other]:.9g} s, and different numbers "
            f"({', '.join(series.columns[:4])}); remove one, or set observation.duplicates: first, last or mean."
        )
    if len(time) < len(series.time):
        said = f"{log.path.name}: {len(series.time) - len(time)} rows have the time of the row before; they are one row with it."
        layout.warnings += [] if said in layout.warnings else [said]
    return Series(time, values, series.columns)


def _in_order(log: Log, time: np.ndarray, first_row: int) -> None:
    """Raises: InputError for the first row that is earlier than the one before."""
    bad = np.flatnonzero(np.diff(time) < 0.0)
    if len(bad):
        k = int(bad[0])
        raise InputError(
            f"{log.place(first_row + k + 1)}: time goes backwards, from {time[k]:.9g} to {time[k + 1]:.9g} s; sort the rows, or name the "
            "column that numbers the trajectories in observation.trajectory."
        )


def resampled(series: Series, rate: float) -> Series:
    """On a uniform grid of `rate` Hz in every stretch without gaps, linear between neighbours; missing where one of them is."""
    parts = [_resampled(Series(series.time[rows], series.values[rows], series.columns), rate) for rows in stretches(series.time)]
    return Series(np.concatenate([p.time for p in parts]), np.concatenate([p.values for p in parts]), series.columns)


def _resampled(series: Series, rate: float) -> Series:
    if len(series.time) == 1:
        return series
    first, last = series.time[0], series.time[-1]
    grid = first + np.arange(int(np.floor((last - first) * rate + 1e-9)) + 1) / rate
    right = np.clip(np.searchsorted(series.time, grid, side="left"), 1, len(series.time) - 1)
    left = right - 1
    weight = ((grid - series.time[left]) / (series.time[right] - series.time[left]))[:, None]
    a, b = series.values[left], series.values[right]
    # A grid point on a sample does not need the other one.
    mixed = np.where(weight <= 0.0, a, np.where(weight >= 1.0, b, (1.0 - weight) * a + weight * b))
    return Series(grid, mixed, series.columns)


def unwrapped(values: np.ndarray, period: float) -> np.ndarray:
    """Positions (N, width) without jumps of whole periods, over missing samples too."""
    made = values.copy()
    for column in made.T:
        good = np.isfinite(column)
        column[good] = np.unwrap(column[good], period=period)
    return made


def filled(series: Series) -> Series:
    """An input without gaps: linear over missing samples, constant at the ends.

    Raises: InputError for a column without any number.
    """
    values = series.values.copy()
    for k, column in enumerate(series.columns):
        good = np.isfinite(values[:, k])
        if not good.any():
            raise InputError(f'column "{column}" holds no number.')
        values[:, k] = np.interp(series.time, series.time[good], values[good, k])
    return Series(series.time, values, series.columns)
