"""Controls by a finite Fourier series."""

import math
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.parameters.open_loop import OpenLoop
from genesis.selection import tensor
from genesis.setting import Setting


class Fourier(OpenLoop):
    """u(t) = base + Σ_l (a_l sin lωt + b_l cos lωt) / l with ω = 2π frequency: nothing above the highest harmonic is excited.

    With `rest` the series starts and ends at the base with slope and curvature zero, and stays there for the last `settle` seconds.
    Without it a constant is learned too. Learned numbers are scaled so that standard normal ones make a curve of root mean square 1.

    Source: Swevers, Ganseman, Tükel, De Schutter, Van Brussel, Optimal robot excitation and identification, IEEE Trans. Robotics and
    Automation 13 (1997), eq. 15.
    """

    in_time = False

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        harmonics: int = 5,
        frequency: float | None = None,
        rest: bool = True,
        settle: float = 0.0,
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
        duration = setting.horizon * setting.dt - settle
        base = _base_frequency(where, frequency, duration, rest, settle)
        highest = harmonics * base
        if highest * setting.dt >= 0.5:
            raise InputError(
                f"{where}.harmonics: harmonic {harmonics} of {base:g} Hz is {highest:g} Hz; a control step of {setting.dt:g} s "
                f"shows less than {0.5 / setting.dt:g} Hz."
            )
        if rest and harmonics < 2:
            raise InputError(f"{where}.harmonics: one harmonic cannot start at rest; needs 2 or more, or rest: false.")
        times = np.minimum(np.arange(setting.horizon) * setting.dt, duration)
        super().__init__(
            setting, where, tensor(series(times, base, harmonics, rest)), joints=joints, entity=entity, init=init, noise=noise,
            scale=scale, bounds=bounds, transform=transform, learn=learn, lr=lr,
        )  # fmt: skip


def series(times: np.ndarray, frequency: float, harmonics: int, rest: bool) -> np.ndarray:
    """W (T, K): the curve is W times the learned numbers; see `Fourier`."""
    period = np.arange(4 * harmonics) / (4.0 * harmonics)  # enough for the exact mean of a square
    size = math.sqrt(np.square(_waves(period, harmonics, rest)).sum(1).mean())
    waves = _waves(frequency * times, harmonics, rest) / size
    return waves if rest else np.concatenate([np.ones((len(times), 1)), waves], 1)


def _waves(turns: np.ndarray, harmonics: int, rest: bool) -> np.ndarray:
    """Sines and cosines (T, 2 harmonics) over their order at times in units of the period; with `rest` (T, 2 harmonics − 2)
    combinations of them without slope and curvature where they begin, which is zero."""
    order = np.arange(1, harmonics + 1)
    phase = 2.0 * math.pi * turns[:, None] * order
    sines, cosines = np.sin(phase) / order, np.cos(phase) / order
    if rest:
        # Slope: Σ a_l = 0. Curvature: Σ l b_l = 0.
        sines, cosines = sines @ _orthogonal_to(np.ones(harmonics)), (cosines - 1.0 / order) @ _orthogonal_to(order)
    return np.concatenate([sines, cosines], 1)


def _orthogonal_to(vector: np.ndarray) -> np.ndarray:
    """(n, n − 1): an orthonormal basis of everything orthogonal to a vector (n,)."""
    found: np.ndarray = np.linalg.svd(vector[None, :].astype(float))[2][1:].T
    return found


def _base_frequency(where: str, given: float | None, duration: float, rest: bool, settle: float) -> float:
    """[Hz]; null: one period in the time that there is."""
    if duration <= 0.0:
        raise InputError(f"{where}.settle: {settle:g} s at rest leave nothing of the horizon; choose less.")
    if settle and not rest:
        raise InputError(f"{where}.settle: a series that does not end at rest has no time at rest; set rest: true or settle: 0.")
    if given is None:
        return 1.0 / duration
    periods = given * duration
    if rest and (round(periods) < 1 or abs(periods - round(periods)) > 1e-6 * periods):
        raise InputError(
            f"{where}.frequency: {given:g} Hz has {periods:g} periods in {duration:g} s; to end at rest they must be whole, "
            f"e.g. {max(round(periods), 1) / duration:g} Hz."
        )
    return given
