"""Start states of windows as free numbers."""

from torch import Tensor

from genesis.errors import InputError
from genesis.parameters.parameter import Changes
from genesis.selection import tensor
from genesis.setting import Setting


class StartState:
    """Every window of a recording starts where its data want, near what was measured.

    Its free numbers are tangents of the start of each window, which only the windows know of: here is what is known of them beforehand.
    position_std [rad | m], velocity_std [rad/s | m/s]: Gaussian prior of the start around its measurement; None: none.
    """

    changes = Changes(start=True)

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        position_std: float | None = 0.01,
        velocity_std: float | None = 0.1,
        learn: bool = True,
    ) -> None:
        for name, value in (("position_std", position_std), ("velocity_std", velocity_std)):
            if value is not None and not value > 0.0:
                raise InputError(f"{where}.{name}: {value:g} must be positive, or null for no prior.")
        self.learn, self.position_std, self.velocity_std = learn, position_std, velocity_std

    def weights(self, nv: int) -> Tensor:
        """(2 nv,) one over the standard deviation of each tangent: of positions, of velocities; zero without a prior."""
        return tensor([0.0 if std is None else 1.0 / std for std in (self.position_std, self.velocity_std) for _ in range(nv)])
