"""Positions, velocities, accelerations and torques of a recording on one even grid, without phase, and their means over short intervals.

    q -> zero-phase low-pass (Butterworth, forwards and backwards) -> v, a by central differences
    torque and every column of the regressor -> mean over the same intervals, which is the same filter for both sides of the equations

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
PER_CUTOFF = 4.0  # equations in a second for each Hz of the cutoff


@dataclass(frozen=True)
class TorqueFilter:
    """cutoff: of the low-pass of positions [Hz], None: from the spectrum of the positions. order: of the filter, which acts twice.

    rate: equations in a second [Hz], None: four times the cutoff; the torques are means over that time.
    """

    cutoff: float | None = None
    order: int = 4
    rate: float | None = None


@dataclass
class TorqueSamples:
    """A recording as instants of an even grid, in runs of ``width`` that share an equation.

    time (N,) [s], q, v, a (N, n) of the measured joints; N = rows * width. rows: equations for each joint.
    rate: of the grid [Hz]. cutoff [Hz]. piece (rows,): which piece without a gap an equation is of.
    """

    time: np.ndarray
    q: np.ndarray
    v: np.ndarray
    a: np.ndarray
    width: int
    rate: float
    cutoff: float
    piece: np.ndarray

    @property
    def rows(self) -> int:
        """Equations for each joint."""
        return len(self.time) // self.width

    def mean(self, values: np.ndarray) -> np.ndarray:
        """(rows, ...) means of values (N, ...) over the runs."""
        return values if self.width == 1 else values.reshape(self.rows, self.width, *values.shape[1:]).mean(1)


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
    wanted = filtering.rate if filtering.rate is not None else PER_CUTOFF * cutoff
    width = max(1, round(rate / wanted))
    parts = [_filtered(grid[p], raw[p], rate, cutoff, filtering.order, width) for p in pieces]
    kept = [part for part in parts if part is not None]
    if not kept:
        raise InputError(
            f"{recording.name}: {count * step:.4g} s are too short for torque.cutoff = {cutoff:.4g} Hz, whose filter takes "
            f"{2 * EDGE / cutoff:.3g} s at the ends; give a higher cutoff, or a longer recording."
        )
    time, q, v, a = (np.concatenate(x) for x in zip(*kept, strict=True))
    piece = np.concatenate([np.full(len(part[0]) // width, k) for k, part in enumerate(kept)])
    return TorqueSamples(time, q, v, a, width, rate, cutoff, piece)


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
