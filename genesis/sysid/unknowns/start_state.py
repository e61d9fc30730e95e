"""Start states of windows as free variables."""

from dataclasses import dataclass

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.sysid.space import StateSpace


@dataclass
class StartState:
    """Every window starts where its data want, near what was measured.

    position_std [rad | m], velocity_std [rad/s | m/s]: Gaussian prior of the start around its measurement; None: none.
    """

    position_std: float | None = None
    velocity_std: float | None = None

    def __post_init__(self) -> None:
        for name in ("position_std", "velocity_std"):
            value = getattr(self, name)
            if value is not None and not value > 0.0:
                raise InputError(
                    f"parameter: {name} of the start states is {value:g}; it must be positive, or null for no prior."
                )

    def weights(self, space: StateSpace) -> Tensor:
        """(nt,) one over the standard deviation of each tangent; zero without a prior."""
        made = space.plain_q.new_zeros(space.nt, dtype=torch.float64)
        made[: space.nv] = 0.0 if self.position_std is None else 1.0 / self.position_std
        made[space.nv :] = 0.0 if self.velocity_std is None else 1.0 / self.velocity_std
        return made
