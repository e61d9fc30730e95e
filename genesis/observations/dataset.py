"""From the node `observation` of a config to recordings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError, unknown_name
from genesis.observations import wraps
from genesis.observations.clocks import stretches
from genesis.observations.duplicates import checked
from genesis.observations.files import TRAIN, VALIDATION, FileEntry, entries
from genesis.observations.log import Log
from genesis.observations.noise import noise_level
from genesis.observations.quaternions import unit_quaternions
from genesis.observations.readers import ReadOptions, of_file, read, read_options
from genesis.observations.recording import Clock, ColumnLayout, Recording, filled, recordings, resampled
from genesis.observations.series import Series
from genesis.observations.spans import why_long
from genesis.observations.spec import ChannelSpec, InputSpec, channel_spec, input_spec, settle, spread


@dataclass(frozen=True)
class Smoothing:
    """How start states are read from positions: Savitzky-Golay with an odd window of samples and a polynomial order; window 1:
    none. velocity: position (its derivative) or measured (the channel of velocities, where there is one)."""

    window: int = 25
    order: int = 3
    velocity: str = "position"


@dataclass
class Dataset:
    """All recordings, what their channels and inputs are, and what looks odd in them."""

    recordings: list[Recording]
    specs: dict[str, ChannelSpec]
    inputs: dict[str, InputSpec]
    smoothing: Smoothing = Smoothing()
    warnings: list[str] = field(default_factory=list)

    @property
    def train(self) -> list[Recording]:
        """The recordings that parameters are fitted to."""
        return [r for r in self.recordings if r.split == TRAIN]

    @property
    def validation(self) -> list[Recording]:
        """The recordings that only judge."""
        return [r for r in self.recordings if r.split == VALIDATION]


def load(spec: Mapping[str, Any], base: Path | None = None) -> Dataset:
    """Read every file of the config.

    Args:
        spec: the node `observation` as plain dicts and lists.
        base: folder of relative paths; None: the working folder.
    Raises: InputError with file, and line or column, for the first thing that is wrong.
    """
    channels = {name: channel_spec(name, node) for name, node in spec["channels"].items() if node is not None}
    inputs = {name: input_spec(name, node) for name, node in (spec.get("inputs") or {}).items() if node is not None}
    if not channels:
        raise InputError("observation.channels: nothing is measured; give at least one channel.")
    spec = {**spec, "validation": spec.get("validation") or {}}
    smoothing = _smoothing(spec.get("smoothing") or {})
    time = spec.get("time") or {}
    clock = Clock(time.get("column", "time"), str(time.get("unit", "s")), time.get("step"))
    warnings: list[str] = []
    duplicates = checked(str(spec.get("duplicates") or "error"))
    layout = ColumnLayout(clock, spec.get("trajectory"), channels, inputs, warnings, duplicates)
    options = read_options(spec)
    found = _read_all(entries(spec, base or Path.cwd()), layout, options)
    found = _split(found, spec["validation"])
    _resample(found, spec.get("resample"), channels, options)
    dataset = Dataset(found, channels, inputs, smoothing, warnings)
    if not dataset.train:
        raise InputError("observation.files: no recording is left to learn from; all of them are held out for validation.")
    _fill_inputs(dataset)
    for name, channel in channels.items():
        channel.sigma = _sigma(channel, [r.channels[name] for r in dataset.train], dataset.warnings)
    for channel in channels.values():
        dataset.warnings += (
            wraps.told(channel, found) if channel.kind == "joint_position" and channel.source.period is None else []
        )
    _name_missing(dataset)
    _name_shared(dataset)
    return dataset


def _smoothing(node: Mapping[str, Any]) -> Smoothing:
    made = Smoothing(**node)
    where = "observation.smoothing"
    if made.velocity not in ("position", "measured"):
        raise unknown_name(f"{where}.velocity", "source", made.velocity, ("position", "measured"))
    if made.window != 1 and (made.window % 2 == 0 or made.window <= made.order or made.order < 1):
        raise InputError(
            f"{where}: window {made.window} and order {made.order}; allowed: an odd window greater than the order, or window 1."
        )
    return made


def _read_all(chosen: list[FileEntry], layout: ColumnLayout, options: ReadOptions) -> list[Recording]:
    if not chosen:
        raise InputError("observation.files: names no file; give at least one.")
    options = replace(options, asked=layout.asked)
    owns = [replace(of_file(options, entry.where, entry.given), episodes=entry.episodes) for entry in chosen]
    ways = [f"{entry.path} {own}" for entry, own in zip(chosen, owns, strict=True)]
    logs: dict[str, Log] = {}
    found: list[Recording] = []
    for k, (entry, own, way) in enumerate(zip(chosen, owns, ways, strict=True)):
        if way not in logs:
            logs[way] = read(entry.where, entry.path, own)
            layout.warnings += logs[way].notes
        log = logs[way] if way in ways[k + 1 :] else logs.pop(way)  # the budget is of one file: none is kept that has served
        if not found:
            specs: list[ChannelSpec | InputSpec] = [*layout.channels.values(), *layout.inputs.values()]
            for spec in specs:
                settle(spec, list(log.columns), log.path.name)
        found += recordings(log, entry, layout)
    _make_unique(found)
    return found


def _make_unique(found: list[Recording]) -> None:
    """Names of recordings: with the folder where two files have the same stem, with a number where one part follows another."""
    paths: dict[str, set[Path]] = {}
    for recording in found:
        paths.setdefault(recording.name, set()).add(recording.path)
    for recording in found:
        if len(paths[recording.name]) > 1:
            recording.name = f"{recording.path.parent.name}/{recording.name}"
    seen: dict[str, int] = {}
    for recording in found:
        seen[recording.name] = seen.get(recording.name, 0) + 1
        if seen[recording.name] > 1:
            recording.name = f"{recording.name}#{seen[recording.name]}"


def _split(found: list[Recording], validation: Mapping[str, Any]) -> list[Recording]:
    """Hold out the last fraction of the training data: of the time of each recording, or of the recordings."""
    fraction, by = float(validation.get("fraction") or 0.0), str(validation.get("by") or "time")
    where = "observation.validation"
    if by not in ("time", "trajectory"):
        raise unknown_name(f"{where}.by", "split", by, ("time", "trajectory"))
    if not 0.0 <= fraction < 1.0:
        raise InputError(f"{where}.fraction: {fraction:g}; allowed: 0 to less than 1.")
    if fraction == 0.0:
        return found
    train = [r for r in found if r.split == TRAIN]
    if by == "trajectory":
        held = round(fraction * len(train))
        if held == 0 or held == len(train):
            raise InputError(
                f"{where}.fraction: {fraction:g} of {len(train)} trajectories leaves {held} for validation and "
                f"{len(train) - held} for training; neither may be empty (by: time splits each one)."
            )
        for recording in train[len(train) - held :]:
            recording.split = VALIDATION
        return found
    made = []
    for recording in found:
        made += [recording] if recording.split == VALIDATION else _cut(recording, fraction)
    return made


def _cut(recording: Recording, fraction: float) -> list[Recording]:
    cut = _later_part(recording, fraction)
    parts = [
        recording.part(recording.name, TRAIN, recording.start, np.nextafter(cut, -np.inf)),
        recording.part(f"{recording.name}:validation", VALIDATION, cut, recording.end),
    ]
    for part in parts:
        for name, series in part.channels.items():
            if not np.isfinite(series.values).any():
                raise InputError(
                    f'observation.validation.fraction: {fraction:g} leaves {recording.name} without a number of channel "{name}" '
                    f"for {'training' if part.split == TRAIN else 'validation'} ({part.start:.6g} to {part.end:.6g} s)."
                )
    return parts


def _later_part(recording: Recording, fraction: float) -> float:
    """The instant [s] from which on the last fraction of the time without gaps lies."""
    left = fraction * sum(end - start for start, end in recording.stretches)
    for start, end in reversed(recording.stretches):
        if left <= end - start:
            return end - left
        left -= end - start
    return recording.start


def _resample(found: Iterable[Recording], rate: float | None, specs: Mapping[str, ChannelSpec], options: ReadOptions) -> None:
    if rate is None:
        return
    if not rate > 0.0:
        raise InputError(f"observation.resample: {rate:g} Hz; allowed: a positive number, or null for the measured times.")
    for recording in found:
        for name, series in recording.channels.items():
            _fits(recording, name, series, rate, options)
        recording.channels = {name: resampled(series, rate) for name, series in recording.channels.items()}
        for name, series in recording.channels.items():
            if specs[name].kind == "link_orientation":
                series.values, _ = unit_quaternions(series.values)


def _fits(recording: Recording, name: str, series: Series, rate: float, options: ReadOptions) -> None:
    """Raises: InputError for a uniform grid that is larger than the budget, with the likely cause."""
    seconds = sum(float(series.time[rows][-1] - series.time[rows][0]) for rows in stretches(series.time))
    count = seconds * rate
    if count * (5 + 4 * series.values.shape[1]) > options.most:  # the grid, its neighbours and what stands between them
        raise InputError(
            f'observation.resample: {recording.name}: channel "{name}" lasts {seconds:.6g} s, {count:.6g} samples at {rate:g} Hz, more than '
            f"observation.budget_gb = {options.budget_gb:g} allows; {why_long(series.time)}."
        )


def _fill_inputs(dataset: Dataset) -> None:
    for recording in dataset.recordings:
        for name, series in recording.inputs.items():
            try:
                recording.inputs[name] = filled(series)
            except InputError as error:
                raise InputError(f'{recording.name}: input "{name}": {error}') from error
            missing = int(np.isnan(series.values).sum())
            if missing:
                dataset.warnings.append(f'{recording.name}: input "{name}": {missing} missing numbers were filled in linearly.')


def _sigma(spec: ChannelSpec, series: list[Series], warnings: list[str]) -> np.ndarray:
    """(residuals,) SI: the user's, or the median over recordings of the noise in the data."""
    about, names = spec.about, len(spec.names)
    if spec.given_sigma is not None:
        sigma = spread(f"{spec.where}.sigma", spec.given_sigma, names * about.residual_width, about.residual_width)
        if not (sigma > 0.0).all():
            raise InputError(
                f"{spec.where}.sigma: {spec.given_sigma}; allowed: positive numbers, or null to take it from the data."
            )
        return sigma * spec.source.factor
    levels = np.array([[noise_level(s.time, s.values[:, k]) for k in range(s.values.shape[1])] for s in series])
    level = np.median(levels, 0)
    if about.residual_width != about.width:  # a quaternion: three of its four numbers are free, each half an angle
        level = np.repeat(2.0 * np.sqrt((level.reshape(names, -1) ** 2).sum(1) / 3.0), about.residual_width)
    names_of = np.repeat(spec.names, about.residual_width)
    for k in np.flatnonzero(level == 0.0):
        warnings.append(f"{spec.where}: {names_of[k]} never changes; its sigma is taken as 1 {spec.unit}, give another.")
    return np.where(level == 0.0, 1.0, level)


def _name_missing(dataset: Dataset) -> None:
    """Warn of missing samples, and of numbers that one recording lacks altogether.

    Raises: InputError for one that no recording for training has.
    """
    for name, spec in dataset.specs.items():
        empty = np.stack([np.isnan(r.channels[name].values).all(0) for r in dataset.train]).all(0)
        if empty.any():
            k = int(np.flatnonzero(empty)[0])
            column = dataset.train[0].channels[name].columns[k]
            raise InputError(
                f'{spec.where}: column "{column}" ({spec.labels[k]}) holds no number in any recording; leave it out.'
            )
    for recording in dataset.recordings:
        for name, series in recording.channels.items():
            missing = int(np.isnan(series.values).sum())
            if missing:
                dataset.warnings.append(
                    f'{recording.name}: channel "{name}": {missing} of {series.values.size} numbers are missing and left out.'
                )


def _name_shared(dataset: Dataset) -> None:
    """Warn of data that both splits hold."""
    for held in dataset.validation:
        for used in dataset.train:
            overlap = min(held.end, used.end) - max(held.start, used.start)
            if (held.path, held.trajectory) == (used.path, used.trajectory) and overlap > 0.0:
                dataset.warnings.append(f"{held.name}: {overlap:g} s of it are in training and in validation.")
