"""Controls by a spline through knots."""

from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.parameters.open_loop import OpenLoop
from genesis.selection import tensor
from genesis.setting import Setting


class Knots(OpenLoop):
    """Evenly timed knots, the first at step 0 and the last at step T − 1, with a linear or natural cubic spline between."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        count: int = 16,
        spline: str = "cubic",
        joints: Any = ("*",),
        entity: str | None = None,
        init: Any = "zero",
        noise: float = 0.0,
        scale: Any = 1.0,
        bounds: Any = None,
        transform: str = "smooth",
        learn: bool = True,
        lr: float | None = None,
    ) -> None:
        if count > setting.horizon:
            raise InputError(f"{where}.count: {count} knots are more than the {setting.horizon} steps of the horizon.")
        super().__init__(
            setting, where, tensor(spline_weights(setting.horizon, count, spline)), joints=joints, entity=entity, init=init,
            noise=noise, scale=scale, bounds=bounds, transform=transform, learn=learn, lr=lr,
        )  # fmt: skip


def spline_weights(steps: int, count: int, spline: str) -> np.ndarray:
    """W (steps, count): the curve at each step is W times the knots; rows add up to one."""
    knots, times = np.linspace(0.0, 1.0, count), np.linspace(0.0, 1.0, steps)
    if spline == "linear" or count == 2:
        return np.stack([np.interp(times, knots, unit) for unit in np.eye(count)], -1)
    from scipy.interpolate import CubicSpline

    weights: np.ndarray = CubicSpline(knots, np.eye(count), bc_type="natural")(times)
    return weights
