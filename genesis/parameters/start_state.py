"""Start states of windows as free numbers."""

import math
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.parameters.parameter import Changes
from genesis.setting import Setting

MEASURED = "measured"  # a standard deviation that follows from the noise of the samples
POSITION_STD, VELOCITY_STD = 0.01, 0.1  # of what was not measured


class StartState:
    """Every window of a recording starts where its data want, near what was measured.

    Its free numbers are tangents of the start of each window, which only the windows know of: here is what is known of them beforehand.
    position_std [rad | m], velocity_std [rad/s | m/s]: Gaussian prior of the start around its measurement; "measured": the noise of the
    samples through the filter that reads the start from them, and 0.01 and 0.1 for what is not measured; None: none.
    learn: False holds the starts at their measurements, whose noise then adds to that of the residuals (None: they are exact).
    implied: nobody has asked for them, so that a method that cannot move them may hold them.
    """

    changes = Changes(start=True)
    implied = False

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        position_std: float | str | None = MEASURED,
        velocity_std: float | str | None = MEASURED,
        learn: bool = True,
    ) -> None:
        self.learn = learn
        self.position_std = _checked(f"{where}.position_std", position_std)
        self.velocity_std = _checked(f"{where}.velocity_std", velocity_std)

    def std(self, measured: np.ndarray) -> np.ndarray:
        """(W, 2 nv) standard deviation of each tangent: of positions, of velocities.

        measured (W, 2 nv): noise of the measured starts, nan where they are not measured. Where there is no prior, or what is held is not
        measured: infinite if starts are free, zero if they are held.
        """
        nv, without = measured.shape[1] // 2, math.inf if self.learn else 0.0
        made = np.empty_like(measured)
        for part, std, usual in (
            (slice(nv), self.position_std, POSITION_STD), (slice(nv, None), self.velocity_std, VELOCITY_STD),
        ):  # fmt: skip
            if std == MEASURED:
                made[:, part] = np.where(np.isnan(measured[:, part]), usual if self.learn else 0.0, measured[:, part])
            else:
                made[:, part] = without if std is None else std
        return made


def _checked(where: str, value: Any) -> float | str | None:
    """Raises: InputError for what is no standard deviation."""
    if value is None or value == MEASURED:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < math.inf:
        raise InputError(
            f"{where}: {value!r}; allowed: a positive number, {MEASURED} (the noise of the samples), or null for no prior."
        )
    return float(value)
