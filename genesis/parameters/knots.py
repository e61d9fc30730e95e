"""Controls by a spline through knots."""

from typing import Any

from genesis.errors import InputError
from genesis.parameters.open_loop import OpenLoop
from genesis.selection import tensor
from genesis.setting import Setting
from genesis.splines import cubic_weights, linear_weights


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
        transform: str | None = None,
        learn: bool = True,
        lr: float | None = None,
    ) -> None:
        if count > setting.horizon:
            raise InputError(f"{where}.count: {count} knots are more than the {setting.horizon} steps of the horizon.")
        weights = (
            linear_weights(setting.horizon, count) if spline == "linear" else cubic_weights(setting.horizon, count, at_rest=False)
        )
        super().__init__(
            setting, where, tensor(weights), joints=joints, entity=entity, init=init,
            noise=noise, scale=scale, bounds=bounds, transform=transform, learn=learn, lr=lr,
        )  # fmt: skip
