"""Residuals that are correlated in time: their autocovariance, and what it makes of the scores of an estimate.

    E[z^T r r^T z] = sum over series of z_s^T Gamma_s z_s,    Gamma_s[i, j] = gamma_s(|i - j|)

gamma: of an autoregressive process, one for each measured number over all its windows, of the order that Akaike's criterion chooses; its
first lags are those of the residuals, freed of what the fit has taken from them: r = (1 - F F^T) e, with the noise e and an orthonormal
basis F of what the fit can follow.
Source: Morelli, Klein, Accuracy of aerodynamic model parameters estimated from flight test data, 1997 (coloured residuals); den Haan, Levin,
A practitioner's guide to robust covariance matrix estimation, 1997 (autoregressive spectra); Gourieroux, Monfort, Renault, Indirect
inference, 1993 (the correction); Ljung, Box, 1978 (the test).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats
from scipy.linalg import matmul_toeplitz

from genesis.methods.residuals import ResidualBlock

ORDER = 8  # of an autoregressive process, at most
SHARE = 10  # samples that each of its numbers needs
ROUNDS = 20  # of the correction
CLOSEST = 0.995  # partial correlation: beyond it the memory would be longer than any window
LAGS = 10  # of the test
SIGNIFICANT = 0.01
BLACK = 1e-300


@dataclass
class ResidualSeries:
    """Weighted residuals of one measured number in one window, in the order of time: r (N,), z (N, n), what the fit can follow f (N, m).

    f holds first `split` columns of the window's own start state, then those of the shared numbers.
    """

    key: tuple[str, int]
    window: int
    r: np.ndarray
    z: np.ndarray
    f: np.ndarray


def series_of(data: Sequence[ResidualBlock], follow: Sequence[np.ndarray]) -> list[ResidualSeries]:
    """Of the blocks of channels, weighted; follow: f of the rows of each block."""
    made = []
    for block, f in zip(data, follow, strict=True):
        place = block.window * (block.column.max(initial=0) + 1) + block.column
        order = np.argsort(place, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(place[order])) + 1):
            if len(rows):
                key = block.label, int(block.column[rows[0]])
                made.append(ResidualSeries(key, int(block.window[rows[0]]), block.r[rows], block.z[rows], f[rows]))
    return made


@dataclass
class Autocovariance:
    """gamma (order + 1,) of the first lags; coefficients (order,) of the process that goes on from there."""

    gamma: np.ndarray
    coefficients: np.ndarray

    def lags(self, count: int) -> np.ndarray:
        """(count,) of the lags 0, 1, …"""
        made = np.zeros(max(count, len(self.gamma)))
        made[: len(self.gamma)] = self.gamma
        order = len(self.coefficients)
        for k in range(len(self.gamma), count if order else 0):
            made[k] = self.coefficients @ made[k - order : k][::-1]
        return made[:count]


def levinson(gamma: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Coefficients of the orders 0, 1, … that these autocovariances (p + 1,) ask for, and the variances (p + 1,) of their errors."""
    a, error = np.zeros(0), max(float(gamma[0]), BLACK)
    found, errors = [a], [error]
    for k in range(1, len(gamma)):
        partial = float(np.clip((gamma[k] - a @ gamma[k - 1 : 0 : -1]) / error, -CLOSEST, CLOSEST))
        a = np.r_[a - partial * a[::-1], partial]
        error *= 1.0 - partial**2
        found.append(a)
        errors.append(error)
    return found, np.array(errors)


def process(gamma: np.ndarray, count: int) -> Autocovariance:
    """The autoregressive process whose order has the least information criterion, of `count` samples. gamma (p + 1,)"""
    coefficients, errors = levinson(gamma)
    order = int(np.argmin(count * np.log(np.maximum(errors, BLACK)) + 2.0 * np.arange(len(errors))))
    a = coefficients[order]
    made = np.zeros(order + 1)
    made[0] = max(float(gamma[0]), 0.0)
    for k in range(1, order + 1):  # those that the (clipped) coefficients mean
        made[k] = coefficients[k] @ made[k - 1 :: -1][:k]
    return Autocovariance(made, a)


def _products(x: np.ndarray, y: np.ndarray, lags: int) -> np.ndarray:
    """(lags,) sum over columns and over t of (x_t y_(t + k) + y_t x_(t + k)) / 2."""
    count = len(x)
    return np.array(
        [0.5 * float((x[: count - k] * y[k:]).sum() + (y[: count - k] * x[k:]).sum()) if k < count else 0.0 for k in range(lags)]
    )


def times(gamma: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Gamma x (N, m), of lags gamma (N,)."""
    made: np.ndarray = matmul_toeplitz(gamma, x) if x.shape[1] else x
    return made


class Noise:
    """The noise of all series: one process for each measured number.

    own: columns of f that belong to the start of a window; the others are shared by all. believed: window -> (m, m) of these columns, what
    priors add to F^T e e^T F. before: window -> the one that it goes on from without a gap, where there is one.
    """

    def __init__(
        self,
        series: Sequence[ResidualSeries],
        own: int,
        believed: Mapping[int, np.ndarray],
        before: Mapping[int, int] | None = None,
    ) -> None:
        self.series, self.own, self.believed, self.before = list(series), own, believed, before or {}
        self.groups: dict[tuple[str, int], list[ResidualSeries]] = {}
        for one in self.series:
            self.groups.setdefault(one.key, []).append(one)
        self.counts = {key: sum(len(s.r) for s in group) for key, group in self.groups.items()}
        self.lags = {key: 1 + int(np.clip(self.counts[key] // SHARE, 0, ORDER)) for key in self.groups}
        self.lags = {key: min(lags, max(len(s.r) for s in self.groups[key])) for key, lags in self.lags.items()}
        self.seen = {key: self._summed(key, [_products(s.r[:, None], s.r[:, None], n) for s in self.groups[key]])
                     for key, n in self.lags.items()}  # fmt: skip

    def _summed(self, key: tuple[str, int], parts: Sequence[np.ndarray]) -> np.ndarray:
        """Per pair of samples that far apart."""
        lags = self.lags[key]
        pairs = sum(np.maximum(len(s.r) - np.arange(lags), 0) for s in self.groups[key])
        made: np.ndarray = np.sum(parts, 0) / np.maximum(pairs, 1)
        return made

    @cached_property
    def processes(self) -> dict[tuple[str, int], Autocovariance]:
        """Those whose residuals would have the autocovariances that are seen."""
        wanted = {key: seen.copy() for key, seen in self.seen.items()}
        for _ in range(ROUNDS):
            made = {key: process(wanted[key], self.counts[key]) for key in wanted}
            expected = self.expected(made)
            for key in wanted:
                wanted[key] = self.seen[key] + made[key].lags(self.lags[key]) - expected[key]
                wanted[key][0] = max(wanted[key][0], self.seen[key][0])
        return {key: process(wanted[key], self.counts[key]) for key in wanted}

    def expected(self, noise: dict[tuple[str, int], Autocovariance]) -> dict[tuple[str, int], np.ndarray]:
        """Autocovariances of residuals that a fit leaves of such a noise: E[(1 - F F^T) e e^T (1 - F F^T)]."""
        moved = [times(noise[s.key].lags(len(s.r)), s.f) for s in self.series]
        inner = {w: table.copy() for w, table in self.believed.items()}  # F^T Gamma F of each window, over the series in it
        for s, gf in zip(self.series, moved, strict=True):
            inner[s.window] += s.f.T @ gf
        shared = np.sum([table[self.own :, self.own :] for table in inner.values()], 0)
        parts: dict[tuple[str, int], list[np.ndarray]] = {}
        for s, gf in zip(self.series, moved, strict=True):
            middle = inner[s.window].copy()
            middle[self.own :, self.own :] = shared
            lags = self.lags[s.key]
            clean = noise[s.key].lags(lags) * np.maximum(len(s.r) - np.arange(lags), 0)
            parts.setdefault(s.key, []).append(clean - 2.0 * _products(s.f, gf, lags) + _products(s.f @ middle, s.f, lags))
        return {key: self._summed(key, own) for key, own in parts.items()}

    def spread(self) -> np.ndarray:
        """(n, n) covariance of the scores z^T r. The noise does not begin anew where a window goes on from another one."""
        made: list[np.ndarray] = []
        for key, group in self.groups.items():
            for rows in self._lasting(group):
                z = np.concatenate([s.z for s in rows])
                made.append(z.T @ times(self.processes[key].lags(len(z)), z))
        found: np.ndarray = np.sum(made, 0)
        return found

    def _lasting(self, group: Sequence[ResidualSeries]) -> list[list[ResidualSeries]]:
        """The windows of one number as runs without a break, in the order of time."""
        made: list[list[ResidualSeries]] = []
        for s in sorted(group, key=lambda s: s.window):
            if made and self.before.get(s.window, -1) == made[-1][-1].window:
                made[-1].append(s)
            else:
                made.append([s])
        return made

    def correlated(self) -> bool:
        """Whether the residuals of some measured number are no white noise (Ljung and Box, at one in a hundred)."""
        white = {key: Autocovariance(seen[:1], np.zeros(0)) for key, seen in self.seen.items()}
        expected, found = self.expected(white), []
        for key, seen in self.seen.items():
            lags = min(self.lags[key], LAGS + 1)
            if lags < 2 or seen[0] <= 0.0:
                continue
            pairs = sum(np.maximum(len(s.r) - np.arange(1, lags), 0) for s in self.groups[key])
            rho = (seen[1:lags] - expected[key][1:lags]) / seen[0]
            found.append(float(stats.chi2.sf(float((pairs * rho**2).sum()), lags - 1)))
        return bool(found) and min(found) < SIGNIFICANT / len(found)
