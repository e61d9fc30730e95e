"""Recordings: the channels and inputs of one trajectory, in SI units and in order of time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.observations.duplicates import ERROR, one_each
from genesis.observations.files import FileEntry
from genesis.observations.log import Log
from genesis.observations.spec import ChannelSpec, InputSpec
from genesis.units import time_factor

NOT_UNIT = 0.01  # a quaternion whose length is further from one was not written as one


@dataclass
class Series:
    """The numbers of one channel or input: time (N,) [s] strictly increasing, values (N, width) in SI units with NaN for missing.

    columns: where each number came from.
    """

    time: np.ndarray
    values: np.ndarray
    columns: list[str]

    def between(self, start: float, end: float) -> "Series":
        """The samples in the closed interval."""
        inside = (self.time >= start) & (self.time <= end)
        return Series(self.time[inside], self.values[inside], self.columns)


@dataclass
class Recording:
    """One trajectory. Times count from its first sample; start and end [s] bound the part in use. Inputs are
    stamped with the instants at which they act, and are not cropped.

    name: the file's stem, with :k for the k-th trajectory of a file; trajectory: k, or 0.
    """

    name: str
    path: Path
    trajectory: int
    split: str
    channels: dict[str, Series]
    inputs: dict[str, Series]
    start: float
    end: float

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
    origins: dict[Path, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.factor = time_factor("observation.time.unit", self.unit)

    def stamps(self, log: Log, where: str, clock: str | None, rows: int) -> np.ndarray:
        """(rows,) [s], from the column `clock` of a channel `where`, or that of all.

        Integers count from the first one asked for in the file: nanoseconds since 1970 would be rounded.

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
        factor = 1.0 if name in log.seconds else self.factor
        if raw.dtype.kind in "iu" and len(raw):
            raw = raw - self.origins.setdefault(log.path, int(raw[0]))
        return raw.astype(np.float64) * factor

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
    first = min(series.time[0] for series in everything)
    for series in everything:
        series.time -= first
    for key, series in channels.items():
        series.time -= layout.channels[key].source.delay + entry.delay
        channels[key] = _cropped(log, name, key, series, entry)
    for key, series in inputs.items():
        series.time += layout.inputs[key].source.delay
    start = min(series.time[0] for series in channels.values())
    end = max(series.time[-1] for series in channels.values())
    return Recording(name, log.path, number, entry.split, channels, inputs, float(start), float(end))


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
    stamps = layout.clock.stamps(log, spec.where, source.clock or log.clocks.get(names[0]), len(raw[0]))
    if log.clocks.get(names[0]) and log.trajectory is None:  # a bag has a table for every topic, and one trajectory
        rows = slice(0, len(raw[0]))
    table = np.stack([values[rows].astype(np.float64) for values in raw], 1)
    table[~np.isfinite(table)] = np.nan
    values = (source.scale * table + source.offset) * source.factor
    if isinstance(spec, ChannelSpec) and spec.options.get("periodic"):
        values = unwrapped(values)
    if spec.kind == "link_orientation":
        values, away = unit_quaternions(values)
        if away > NOT_UNIT:
            layout.warnings.append(
                f"{spec.where}: {log.path.name}: quaternions have lengths up to {away:.2g} away from 1; are the columns w, x, y, z?"
            )
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
    """On a uniform grid of `rate` Hz, linear between neighbours; missing where one of them is."""
    first, last = series.time[0], series.time[-1]
    grid = first + np.arange(int(np.floor((last - first) * rate + 1e-9)) + 1) / rate
    right = np.clip(np.searchsorted(series.time, grid, side="left"), 1, max(len(series.time) - 1, 1))
    if len(series.time) == 1:
        return series
    left = right - 1
    weight = ((grid - series.time[left]) / (series.time[right] - series.time[left]))[:, None]
    a, b = series.values[left], series.values[right]
    # A grid point on a sample does not need the other one.
    mixed = np.where(weight <= 0.0, a, np.where(weight >= 1.0, b, (1.0 - weight) * a + weight * b))
    return Series(grid, mixed, series.columns)


def unit_quaternions(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Quaternions (N, 4 frames) of length one, and how far they were from it; missing where a number is or the length is zero."""
    parts = values.reshape(len(values), -1, 4)
    length = np.linalg.norm(parts, axis=-1, keepdims=True)
    away = np.abs(length - 1.0)
    away = float(np.nanmax(away)) if np.isfinite(away).any() else 0.0
    return (parts / np.where(length > 0.0, length, np.nan)).reshape(values.shape), away


def unwrapped(values: np.ndarray) -> np.ndarray:
    """Angles (N, width) [rad] without jumps of whole turns, over missing samples too."""
    made = values.copy()
    for column in made.T:
        good = np.isfinite(column)
        column[good] = np.unwrap(column[good])
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
