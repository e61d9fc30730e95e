"""Recordings cut into windows that are simulated side by side: multiple shooting.

A window starts at a state of its own (measured, or free) and lasts a fixed time; windows of about the same length share a launch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.observations.recording import Recording
from genesis.selection import indices, tensor

PADDING = 1.25  # the longest window of a batch over its shortest
FEWEST = 2  # time steps in a window


@dataclass(frozen=True)
class Shooting:
    """window: length [s]; None: whole recordings. overlap: part of a window that the next one repeats.

    continuity: weight of the gap between the end of a window and the start of the next, in standard deviations of one unit of
    ``position_scale`` [rad | m] and ``velocity_scale`` [rad/s | m/s]; free start states only. growth: factor on that weight between
    rounds; rounds: how many descents there are.

    curriculum: lengths [s] that windows have in stages, each from the answer of the one before; the last one takes the place of ``window``.

    mini_batch: windows whose gradient a step of a first-order method takes, by chance; None: all. whole_every: iterations between
    evaluations of the whole cost then.
    """

    window: float | None = 1.0
    overlap: float = 0.0
    continuity: float = 0.0
    growth: float = 10.0
    rounds: int = 1
    position_scale: float = 0.01
    velocity_scale: float = 0.1
    mini_batch: int | None = None
    whole_every: int = 20
    curriculum: Sequence[float] | None = None

    def __post_init__(self) -> None:
        """Raises: InputError for a curriculum that does not grow."""
        lengths = self.curriculum
        if lengths is None:
            return
        if len(lengths) < 2 or lengths[0] <= 0.0 or any(b <= a for a, b in zip(lengths, lengths[1:], strict=False)):
            raise InputError(
                f"shooting.curriculum: {list(lengths)}; allowed: at least two lengths of windows [s] that grow, as [0.1, 0.25, 0.5]."
            )
        if self.mini_batch is not None:
            raise InputError("shooting.curriculum: takes all windows of a stage; leave shooting.mini_batch null.")
        object.__setattr__(self, "window", float(lengths[-1]))

    @property
    def before(self) -> list[float]:
        """Lengths of windows of the stages before the last."""
        return [] if self.curriculum is None else [float(length) for length in self.curriculum[:-1]]


@dataclass
class Window:
    """One piece of a recording: which, from when [s], how many steps; the window before it that it goes on from, or -1."""

    recording: int
    start: float
    steps: int
    before: int = -1


@dataclass
class Samples:
    """Measured instants of one channel in one batch.

    env (N,): window within the batch; time (N,): since its start [s]; measured (N, width), nan = missing; order (N,): row of the
    channel's series, recording (N,): whose.
    """

    env: Tensor
    time: Tensor
    measured: Tensor
    recording: np.ndarray
    order: np.ndarray


@dataclass
class Batch:
    """Windows simulated in one launch.

    windows: (B,) indices into all windows; recording (B,): indices of recordings; start (B,) [s]; steps (B,): of each;
    horizon: of the launch. state (B, nx): measured start states. samples: by channel. inputs: series (T, B, columns) as recorded.
    target (B,): which of several `Inputs` acts; that of its recording unless it is told otherwise.
    """

    windows: list[int]
    recording: Tensor
    start: np.ndarray
    steps: np.ndarray
    horizon: int
    state: Tensor
    samples: dict[str, Samples] = field(default_factory=dict)
    inputs: dict[str, Tensor] = field(default_factory=dict)
    target: Tensor = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.target is None:
            self.target = self.recording

    def __len__(self) -> int:
        return len(self.windows)

    def rows(self, which: Sequence[int]) -> "Batch":
        """Some of its windows, without samples: what is needed to drive them."""
        rows, chosen = indices([int(i) for i in which]), list(which)
        made = Batch(
            [self.windows[i] for i in which], self.recording[rows], self.start[chosen], self.steps[chosen], self.horizon, self.state[rows]
        )  # fmt: skip
        made.target = self.target[rows]
        made.inputs = {name: series[:, rows] for name, series in self.inputs.items()}
        return made

    def part(self, which: Sequence[int]) -> "Batch":
        """Some of its windows with their samples."""
        made = self.rows(which)
        place = torch.full((len(self),), -1)
        place[list(which)] = torch.arange(len(which))
        for name, s in self.samples.items():
            kept = (place[s.env] >= 0).nonzero()[:, 0]
            if len(kept):
                picked = kept.numpy()
                made.samples[name] = Samples(
                    place[s.env[kept]], s.time[kept], s.measured[kept], s.recording[picked], s.order[picked]
                )
        return made


def cut(recordings: Sequence[Recording], shooting: Shooting, dt: float) -> list[Window]:
    """Windows of all recordings; a rest of less than half a window is left out where there are whole ones before it.

    Raises: InputError for a window shorter than two steps, or a recording too short for any.
    """
    made: list[Window] = []
    wanted = None if shooting.window is None else round(shooting.window / dt)
    if wanted is not None and wanted < FEWEST:
        raise InputError(f"shooting.window: {shooting.window:g} s is less than {FEWEST} time steps of scene.dt = {dt:g} s.")
    if not 0.0 <= shooting.overlap < 1.0:
        raise InputError(f"shooting.overlap: {shooting.overlap:g}; allowed: 0 to less than 1.")
    for k, recording in enumerate(recordings):
        total = int(np.floor((recording.end - recording.start) / dt * (1.0 + 1e-9)))
        if total < FEWEST:
            raise InputError(
                f"{recording.name}: {recording.end - recording.start:g} s are less than {FEWEST} steps of scene.dt = {dt:g} s."
            )
        length = total if wanted is None else min(wanted, total)
        stride = max(1, round(length * (1.0 - shooting.overlap)))
        first, before = 0, -1
        while first == 0 or total - first >= max(FEWEST, length // 2):
            steps = min(length, total - first)
            made.append(Window(k, recording.start + first * dt, steps, before))
            before = len(made) - 1 if shooting.overlap == 0.0 else -1
            first += stride
    return made


def batches(windows: Sequence[Window], most: int = 4096) -> list[list[int]]:
    """Windows grouped by length, longest first, each group within `PADDING` and at most ``most`` windows."""
    order = sorted(range(len(windows)), key=lambda i: -windows[i].steps)
    groups: list[list[int]] = []
    for i in order:
        if groups and len(groups[-1]) < most and windows[groups[-1][0]].steps <= PADDING * windows[i].steps:
            groups[-1].append(i)
        else:
            groups.append([i])
    return [sorted(group) for group in groups]


def samples_of(batch: Batch, windows: Sequence[Window], recordings: Sequence[Recording], name: str, dt: float) -> Samples | None:
    """The measured instants of a channel inside the windows of a batch; each at most once but where windows overlap."""
    env, time, values, owner, order = [], [], [], [], []
    for b, w in enumerate(batch.windows):
        window = windows[w]
        series = recordings[window.recording].channels.get(name)
        if series is None:
            continue
        length = window.steps * dt
        since = series.time - window.start
        # the instant where a window ends belongs to the next one
        rows = np.flatnonzero((since >= -1e-9) & (since < length - 1e-9 * (1 + dt)) & np.isfinite(series.values).any(1))
        env.append(np.full(len(rows), b))
        time.append(np.maximum(since[rows], 0.0))
        values.append(series.values[rows])
        owner.append(np.full(len(rows), window.recording))
        order.append(rows)
    if not env or not sum(len(e) for e in env):
        return None
    return Samples(
        indices(np.concatenate(env).tolist()), tensor(np.concatenate(time)), tensor(np.concatenate(values)),
        np.concatenate(owner), np.concatenate(order),
    )  # fmt: skip


def grid_times(batch: Batch, dt: float) -> np.ndarray:
    """(T, B) middles of the time steps [s], where inputs are read: second order for inputs that are lines between samples."""
    return batch.start[None] + (np.arange(batch.horizon)[:, None] + 0.5) * dt
