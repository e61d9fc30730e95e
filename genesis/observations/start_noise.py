"""How well measured start states are known: the noise of the samples, through the filter that reads the start from them.

    std of a start = sigma |k|_2,    k: the weights of the samples in the value, or in the rate, that `smoothed` gives

Samples count as independent, with the sigma of their channel; what a filter smooths away of the motion itself is not in it.
"""

import numpy as np
from scipy.signal import savgol_filter

from genesis.observations.dataset import Dataset, Smoothing
from genesis.observations.recording import Recording
from genesis.observations.start import StateLayout


def start_noise(recording: Recording, dataset: Dataset, layout: StateLayout, times: np.ndarray) -> np.ndarray:
    """(S, 2 nv) standard deviation of the measured state at times (S,): positions in the axes of qvel, then velocities; nan: not measured."""
    nv = len(layout.qvel)
    made = np.full((len(times), 2 * nv), np.nan)
    for column in layout.positions:
        dof, sigma = layout.pairs[column.index], dataset.specs[column.channel].sigma[column.column]
        made[:, dof], made[:, nv + dof] = sigma * _of(recording, column.channel, dataset.smoothing, times)
    for column in layout.velocities:
        if dataset.smoothing.velocity == "measured" or np.isnan(made[:, nv + column.index]).any():
            sigma = dataset.specs[column.channel].sigma[column.column]
            made[:, nv + column.index] = sigma * _of(recording, column.channel, dataset.smoothing, times)[0]
    for body in layout.bodies:
        for kind, first, rate in (
            ("link_position", body.v, nv + body.v), ("link_orientation", body.v + 3, nv + body.v + 3),
            ("link_velocity", nv + body.v, None), ("link_angular_velocity", nv + body.v + 3, None),
        ):  # fmt: skip
            if kind not in body.measured:
                continue
            name, at = body.measured[kind][:2]
            value, slope = _of(recording, name, dataset.smoothing, times)
            place = at if kind != "link_orientation" else at // 4 * 3  # a residual of an orientation is an angle about each axis
            for k, sigma in enumerate(dataset.specs[name].sigma[place : place + 3]):
                if rate is not None:
                    made[:, first + k], made[:, rate + k] = sigma * value, sigma * slope
                elif dataset.smoothing.velocity == "measured" or np.isnan(made[:, first + k]).any():
                    made[:, first + k] = sigma * value
    return made


def _of(recording: Recording, channel: str, smoothing: Smoothing, times: np.ndarray) -> np.ndarray:
    """(2, S) of the values and of the rates of a channel whose noise is one."""
    return amplification(recording.channels[channel].time, smoothing, times)


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
