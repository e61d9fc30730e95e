"""Numbers that change over time: a constant, waypoints, or a file."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.selection import finite, tensor
from genesis.setting import Setting
from genesis.splines import cubic_weights, linear_weights

FILES = (".csv", ".npy", ".npz")


def path(where: str, given: Any, size: int, horizon: int) -> Tensor:
    """The target at each of the `horizon` + 1 states, (T+1, size); a constant is repeated.

    Args:
        where: config key, for messages.
        given: number, list (size,), list of waypoints (n, size) evenly spaced in time, or a file of such
            (.csv, .npy, .npz with one array or one called "path"), time first.
        size: how many numbers one target has.
    """
    values = _read(where, given) if isinstance(given, (str, Path)) else _array(where, given)
    if values.ndim == 0:
        values = np.full(size, float(values))
    if values.ndim == 2 and len(values) >= 2 and values.shape[1] == size:
        return finite(where, tensor(resample(values, horizon + 1)))
    if values.shape != (size,):
        raise InputError(
            f"{where}: target has shape {values.shape}; allowed: ({size},) or (n, {size}) with n >= 2 points of a path."
        )
    return finite(where, tensor(values)).expand(horizon + 1, size)


def target_path(setting: Setting, where: str, given: Any, size: int, period: float | None = None) -> Tensor:
    """The target at each state of a setting (T+1, size): as `path` gives it over the whole motion, of which a plan sees its part.

    Beyond the end it stays where it is. period: time [s] after which it begins anew, which it then spans.
    """
    clock, horizon = setting.clock, setting.horizon
    if clock is None and period is None:
        return path(where, given, size, horizon)
    whole = horizon if clock is None else clock.whole
    span = whole if period is None else max(round(period / setting.dt), 1)
    values = path(where, given, size, span)
    steps = torch.arange(horizon + 1, device=values.device) + (0 if clock is None else clock.begins)
    return values[steps.clamp(max=span) if period is None else steps % span]


def is_path(given: Any) -> bool:
    """Waypoints or a file of them, not one constant."""
    if isinstance(given, (str, Path)):
        return Path(given).suffix in FILES
    return isinstance(given, (list, tuple)) and bool(given) and isinstance(given[0], (list, tuple))


def resample(points: np.ndarray, count: int) -> np.ndarray:
    """`count` points at even times of the curve through evenly timed `points` (n, size): linear if denser, else cubic."""
    if len(points) == count:
        return points
    if len(points) > count or len(points) == 2:
        return linear_weights(count, len(points)) @ points
    # At rest at both ends, as a robot is.
    return cubic_weights(count, len(points), at_rest=True) @ points


def _array(where: str, given: Any) -> np.ndarray:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: target {given!r} is not made of numbers in equal rows.") from error


def _read(where: str, name: str | Path) -> np.ndarray:
    file = Path(name)
    if not file.is_file():
        raise InputError(f"{where}: file {file} not found.")
    try:
        if file.suffix == ".npy":
            return np.asarray(np.load(file), dtype=np.float64)
        if file.suffix == ".npz":
            with np.load(file) as arrays:
                name = "path" if "path" in arrays.files else arrays.files[0]
                return np.asarray(arrays[name], dtype=np.float64)
        if file.suffix == ".csv":
            return np.loadtxt(file, delimiter=",", comments="#", ndmin=2)
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: {file} cannot be read as numbers: {error}.") from error
    raise InputError(f'{where}: {file} has the ending "{file.suffix}"; allowed: {", ".join(FILES)}.')
