"""How well measured start states are known: the noise of the samples through the filter that reads the start from them, and its bias.

    std^2 = sigma^2 |k|^2 + (c e)^2,    k: the weights of the samples in the value, or in the rate, that `smoothed` gives

Samples count as independent, with the sigma of their channel. e: what the filter leaves of the samples around beyond their noise, since no
polynomial of its order is the motion; c: how much larger the first polynomial that it leaves out is at the ends of its window.
"""

import numpy as np
from scipy.signal import savgol_filter

from genesis.observations.clocks import sides
from genesis.observations.dataset import Dataset, Smoothing
from genesis.observations.recording import Recording
from genesis.observations.series import Series
from genesis.observations.start import StateLayout, smoothed

BEYOND = 1.5  # times sigma that samples are off their smoothed value, root mean square over a window: more is no noise


def start_noise(recording: Recording, dataset: Dataset, layout: StateLayout, times: np.ndarray) -> np.ndarray:
    """(S, 2 nv) standard deviation of the measured state at times (S,): positions in the axes of qvel, then velocities; nan: not measured."""
    nv, measured = len(layout.qvel), dataset.smoothing.velocity == "measured"
    made = np.full((len(times), 2 * nv), np.nan)

    def put(channel: str, columns: list[int], sigma: float, value: int, rate: int | None) -> None:
        """The noise of columns (one, or those of a quaternion) as that of one number, and of its rate."""
        series = recording.channels[channel]
        said = _of(Series(series.time, series.values[:, columns], []), sigma, dataset.smoothing, times)
        if rate is not None or measured or np.isnan(made[:, value]).any():
            made[:, value] = said[0]
        if rate is not None:
            made[:, rate] = said[1]

    for column in layout.positions:
        dof, sigma = layout.pairs[column.index], dataset.specs[column.channel].sigma[column.column]
        put(column.channel, [column.column], sigma, dof, nv + dof)
    for column in layout.velocities:
        put(column.channel, [column.column], dataset.specs[column.channel].sigma[column.column], nv + column.index, None)
    for body in layout.bodies:
        for kind, first, rate in (
            ("link_position", body.v, nv + body.v), ("link_orientation", body.v + 3, nv + body.v + 3),
            ("link_velocity", nv + body.v, None), ("link_angular_velocity", nv + body.v + 3, None),
        ):  # fmt: skip
            if kind in body.measured:
                name, at = body.measured[kind][:2]
                turns = kind == "link_orientation"  # a residual is an angle about each axis, twice a part of the quaternion
                for k in range(3):
                    sigma = dataset.specs[name].sigma[(at // 4 * 3 if turns else at) + k]
                    columns = list(range(at, at + 4)) if turns else [at + k]
                    put(name, columns, sigma, first + k, None if rate is None else rate + k)
    return made


def _of(series: Series, sigma: float, smoothing: Smoothing, times: np.ndarray) -> np.ndarray:
    """(2, S) of the values and of the rates of one number, measured by columns whose noise is sigma (of a quaternion half of it)."""
    made = np.zeros((2, len(times)))
    for rows, own in sides(series.time, times):
        made[:, own] = _of_stretch(Series(series.time[rows], series.values[rows], []), sigma, smoothing, times[own])
    return made


def _of_stretch(series: Series, sigma: float, smoothing: Smoothing, times: np.ndarray) -> np.ndarray:
    """The same without gaps."""
    noise = sigma * amplification(series.time, smoothing, times)
    good = np.isfinite(series.values).all(1)
    time, values = series.time[good], series.values[good]
    count = len(time)
    window = min(smoothing.window, count - (count + 1) % 2)
    if window < 2 or window <= smoothing.order:
        return noise
    off = (values - smoothed(Series(time, values, []), smoothing, time)[0]) * (1.0 if values.shape[1] == 1 else 2.0)
    left = np.sqrt(savgol_filter((off**2).max(1), window, 0, mode="nearest").clip(0.0))
    e = np.interp(times, time, np.where(left > BEYOND * sigma, left, 0.0))
    degree, half = smoothing.order + 1, 0.5 * (window - 1) * float(np.median(np.diff(time)))
    edge = (2.0 * degree + 1.0) ** 0.5  # of a Legendre polynomial at the end, over its root mean square
    return np.hypot(noise, np.stack([edge * e, edge * degree * (degree + 1.0) / (2.0 * half) * e]))


def amplification(time: np.ndarray, smoothing: Smoothing, times: np.ndarray) -> np.ndarray:
    """(2, S) standard deviation of smoothed values and of their rates at times (S,), of white noise of one at times (N,)."""
    if len(time) == 1:
        return np.stack([np.ones(len(times)), np.full(len(times), np.nan)])
    count, length = len(time), float(time[-1] - time[0])
    if smoothing.window > 1:
        count = max(round(length / float(np.median(np.diff(time)))) + 1, 2)
        time = np.linspace(time[0], time[-1], count)
    window = min(smoothing.window, count - (count + 1) % 2)
    # Rows of the filter near both ends and in the middle are those of a series just long enough to have all of them.
    reach = max(window, 3)
    small = min(count, 2 * reach + 3)
    position = np.clip(np.interp(times, time, np.arange(count)), 0.0, count - 1.0)
    left = np.minimum(position.astype(int), count - 2)
    share = position - left
    row = np.where(left < reach, left, np.where(left > count - 2 - reach, small - (count - left), reach)).clip(0, small - 2)
    made = []
    for order in (0, 1):
        step = length / (count - 1)
        if window > 1:
            table = savgol_filter(np.eye(small), window, min(smoothing.order, window - 1), deriv=order, delta=step, axis=0)
        else:
            table = np.eye(small) if order == 0 else np.gradient(np.eye(small), step, axis=0)
        weights = (1.0 - share)[:, None] * table[row] + share[:, None] * table[row + 1]
        made.append(np.linalg.norm(weights, axis=1))
    return np.stack(made)
