"""Controls by zero-order hold."""

from typing import Any

from genesis.errors import InputError
from genesis.parameters.open_loop import OpenLoop
from genesis.selection import tensor
from genesis.setting import Setting


class Hold(OpenLoop):
    """Each learned value is the control for `every` steps."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        every: int = 1,
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
        if every > setting.horizon:
            raise InputError(f"{where}.every: {every} steps are more than the horizon of {setting.horizon}.")
        count = -(-setting.horizon // every)
        weights = (
            tensor([[1.0 if t // every == k else 0.0 for k in range(count)] for t in range(setting.horizon)])
            if every > 1
            else None
        )
        super().__init__(
            setting, where, weights, joints=joints, entity=entity, init=init, noise=noise, scale=scale, bounds=bounds,
            transform=transform, learn=learn, lr=lr,
        )  # fmt: skip
