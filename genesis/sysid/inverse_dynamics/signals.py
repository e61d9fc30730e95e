"""Positions, velocities and accelerations of a recording on one even grid, without phase, and the filter of both sides of the equations.

    q -> zero-phase low-pass (Butterworth, forwards and backwards) -> v, a by central differences
    torques and every column of the regressor -> means over short intervals -> a lower zero-phase low-pass -> every few of them

The second filter is the same for both sides, so that it takes noise and no truth; it is lower than the first, above which motion lacks.

Source: Gautier, Numerical calculation of the base inertial parameters of robots, 1991; Gautier, Khalil, Exciting trajectories for the
identification of base inertial parameters of robots, 1992 (parallel filtering and decimation).
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfiltfilt, welch

from genesis.errors import InputError
from genesis.observations import Recording, Series

FLOOR_SHARE = 0.5  # of the band, at its upper end, that holds nothing but noise
ABOVE = 4.0  # power over that of the noise that counts as motion
FEWEST = 32  # samples of a recording
EDGE = 2.0  # periods of the cutoff that are cut where the filter begins and ends
GAP = 2.5  # median steps without a sample that count as a gap
SHARE = 0.5  # of the cutoff of positions, that of the equations
MEANS, ROWS = 16.0, 4.0  # in a second for each Hz of the cutoff of the equations: means, and equations


@dataclass(frozen=True)
class TorqueFilter:
    """cutoff: of the low-pass of positions [Hz], None: from their spectrum. order: of the filters, which act twice.

    equations: cutoff of both sides of the equations [Hz], None: half of the other; inf: no filter, every sample is an equation.
    """

    cutoff: float | None = None
    order: int = 4
    equations: float | None = None


@dataclass
class TorqueSamples:
    """A recording as instants of an even grid, and the filter that makes equations of them.

    time (N,) [s], q, v, a (N, n) of the measured joints, in pieces without a gap of ``lengths`` samples.
    rate: of the grid [Hz]; cutoff, equations [Hz]: of both filters. width: samples in a mean; stride: means for each equation.
    """

    time: np.ndarray
    q: np.ndarray
    v: np.ndarray
    a: np.ndarray
    lengths: list[int]
    rate: float
    cutoff: float
    equations: float
    order: int
    width: int
    stride: int

    def __post_init__(self) -> None:
        self.instants = self.filtered(self.time[:, None])[:, 0]
        self.piece = (
            self.filtered(np.repeat(np.arange(float(len(self.lengths))), self.lengths)[:, None])[:, 0].round().astype(int)
        )

    @property
    def rows(self) -> int:
        """Equations for each joint."""
        return len(self.instants)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Values (N, ...) of a multiple of ``width`` as means of each so many."""
        return values if self.width == 1 else values.reshape(-1, self.width, *values.shape[1:]).mean(1)

    def filtered(self, values: np.ndarray) -> np.ndarray:
        """(rows, ...) of values (N, ...)."""
        return self.thinned(self.means(values))

    def thinned(self, means: np.ndarray) -> np.ndarray:
        """(rows, ...) of means (N / width, ...)."""
        if not np.isfinite(self.equations):
            return means
        low_pass = butter(self.order, self.equations, fs=self.rate / self.width, output="sos")
        made, first = [], 0
        for length in self.lengths:
            piece = means[first : first + length // self.width]
            first += length // self.width
            cut = self.edge
            smooth = sosfiltfilt(low_pass, piece, axis=0, padlen=min(len(piece) - 1, 3 * cut))
            made.append(smooth[cut : len(piece) - cut : self.stride])
        return np.concatenate(made)

    @property
    def edge(self) -> int:
        """Means that are cut at both ends of a piece."""
        return int(np.ceil(EDGE * self.rate / self.width / self.equations)) if np.isfinite(self.equations) else 0


def torque_samples(recording: Recording, columns: list[tuple[str, int]], filtering: TorqueFilter) -> TorqueSamples:
    """The motion of a recording whose joint positions are these columns (channel, number).

    Raises: InputError for a recording that is too short, and a cutoff that the samples do not reach.
    """
    series = [_column(recording, channel, k) for channel, k in columns]
    step = max(float(np.median(np.diff(s.time))) if len(s.time) > 1 else np.inf for s in series)
    first, last = max(s.time[0] for s in series), min(s.time[-1] for s in series)
    first, last = max(first, recording.start), min(last, recording.end)
    count = int(np.floor((last - first) / step + 1e-9)) + 1 if np.isfinite(step) and last > first else 0
    if count < FEWEST:
        raise InputError(
            f"{recording.name}: {max(count, 0)} instants at which every joint is measured; residual=torque needs {FEWEST} or more to take "
            "accelerations from."
        )
    grid = first + step * np.arange(count)
    raw = np.stack([np.interp(grid, s.time, s.values[:, 0]) for s in series], 1)
    known = ~np.any([_in_gap(grid, s.time, step) for s in series], axis=0)
    rate = 1.0 / step
    pieces = _pieces(known)
    longest = max(pieces, key=lambda piece: piece.stop - piece.start)
    cutoff = filtering.cutoff if filtering.cutoff is not None else chosen_cutoff(raw[longest], rate)
    if not cutoff < 0.5 * rate:
        raise InputError(
            f"torque.cutoff: {cutoff:g} Hz; {recording.name} has {rate:.4g} samples a second, allowed: less than {0.5 * rate:.4g} Hz, or null."
        )
    equations = filtering.equations if filtering.equations is not None else SHARE * cutoff
    width = max(1, int(rate / (MEANS * equations)))
    parts = [_filtered(grid[p], raw[p], rate, cutoff, filtering.order, width) for p in pieces]
    least = 2.0 * EDGE / equations + 1.0 / (ROWS * equations)
    kept = [part for part in parts if part is not None and len(part[0]) / rate > least]
    if not kept:
        raise InputError(
            f"{recording.name}: {count * step:.4g} s without a gap are too short for filters of {cutoff:.4g} and {equations:.4g} Hz, which "
            f"take {2.0 * EDGE * (1.0 / cutoff + 1.0 / equations):.3g} s at the ends; give a higher torque.cutoff, or a longer recording."
        )
    time, q, v, a = (np.concatenate(x) for x in zip(*kept, strict=True))
    stride = max(1, int(rate / width / (ROWS * equations)))
    return TorqueSamples(
        time, q, v, a, [len(part[0]) for part in kept], rate, cutoff, equations, filtering.order, width, stride
    )  # fmt: skip


def chosen_cutoff(values: np.ndarray, rate: float) -> float:
    """[Hz] above which the positions (N, n) hold nothing but noise.

    The lowest frequency from which on the power of no joint is four times that of the noise, which is what the upper half of the
    band holds; spectra are taken of differences, which keep slow motion from leaking into fast one.
    """
    count = len(values)
    size = min(count - 1, max(64, 2 ** int(np.log2(max(count / 8, 64)))))
    edges = []
    for column in values.T:
        frequency, power = welch(np.diff(column), rate, window="hann", nperseg=size, detrend="constant")
        inside = (frequency > 0.0) & (frequency < 0.5 * rate)
        f, of_position = frequency[inside], power[inside] / np.sin(np.pi * frequency[inside] / rate) ** 2
        noise = float(np.median(of_position[f > (1.0 - FLOOR_SHARE) * 0.5 * rate]))
        over = np.flatnonzero(of_position > ABOVE * noise)
        if len(over):
            apart = np.flatnonzero(np.diff(over) > max(2, size // 100))  # lone peaks further up are noise or ripple
            edges.append(float(f[over[apart[0]] if len(apart) else over[-1]]))
    least, most = 4.0 * rate / count, 0.2 * rate
    return float(np.clip(max(edges, default=most), min(least, most), most))


def _column(recording: Recording, channel: str, k: int) -> Series:
    """One number of a channel where it is known."""
    series = recording.channels[channel]
    known = np.isfinite(series.values[:, k])
    return Series(series.time[known], series.values[known, k : k + 1], series.columns[k : k + 1])


def _in_gap(grid: np.ndarray, time: np.ndarray, step: float) -> np.ndarray:
    """(N,) whether an instant lies between two samples that are far apart."""
    after = np.clip(np.searchsorted(time, grid), 1, len(time) - 1)
    gap: np.ndarray = time[after] - time[after - 1] > GAP * step
    return gap


def _pieces(known: np.ndarray) -> list[slice]:
    """Runs of instants that are known."""
    edges = np.flatnonzero(np.diff(np.r_[False, known, False].astype(int)))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _filtered(
    time: np.ndarray, raw: np.ndarray, rate: float, cutoff: float, order: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """(time, q, v, a) without the edges, a multiple of ``width`` long; None where nothing is left."""
    cut = max(1, int(np.ceil(EDGE * rate / cutoff)))
    count = (len(time) - 2 * cut) // width * width
    if count < width:
        return None
    low_pass = butter(order, cutoff, fs=rate, output="sos")
    padding = min(len(time) - 1, 3 * cut)
    smooth = sosfiltfilt(low_pass, raw, axis=0, padlen=padding)
    v = np.gradient(smooth, 1.0 / rate, axis=0)
    a = np.zeros_like(smooth)
    a[1:-1] = (smooth[2:] - 2.0 * smooth[1:-1] + smooth[:-2]) * rate**2
    inside = slice(cut, cut + count)
    return time[inside], smooth[inside], v[inside], a[inside]
