"""Base parameters: the combinations of parameters that forces depend on, and their weighted least squares.

    X xi = X_b beta,   beta = xi_b + K xi_d:   columns X_b are independent, X_d = X_b K are not

Which they are is a property of the robot, found on random states; the gap in the diagonal of R decides.
Source: Gautier, Numerical calculation of the base inertial parameters of robots, 1991; Newey, West, A simple, positive semi-definite,
heteroskedasticity and autocorrelation consistent covariance matrix, 1987.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

NOTHING = 1e-9  # of a unit column that is left of a dependent one: rounding
TERM = 1e-6  # coefficient of a combination that is rounding


@dataclass(frozen=True)
class ParameterBase:
    """chosen (b,): columns that are independent; others (d,): those that are combinations of them, or zero; mixing (b, d): K.

    gap: smallest part of a chosen column that no other explains, over the largest of those left out.
    """

    chosen: np.ndarray
    others: np.ndarray
    mixing: np.ndarray
    gap: float

    def of(self, xi: np.ndarray) -> np.ndarray:
        """beta (b,) of parameters (n,)."""
        made: np.ndarray = xi[self.chosen] + self.mixing @ xi[self.others]
        return made

    def matrix(self, count: int) -> np.ndarray:
        """(b, n): beta = matrix xi."""
        made = np.zeros((len(self.chosen), count))
        made[np.arange(len(self.chosen)), self.chosen] = 1.0
        made[:, self.others] = self.mixing
        return made

    def words(self, names: Sequence[str]) -> list[str]:
        """Each as a combination: "hx/forearm + 0.3 mass/hand"."""
        made = []
        for row, first in enumerate(self.chosen):
            text = names[first]
            for column, other in enumerate(self.others):
                factor = self.mixing[row, column]
                if abs(factor) > TERM:
                    size = "" if abs(abs(factor) - 1.0) < TERM else f"{abs(factor):.4g} "
                    text += f" {'+' if factor > 0.0 else '−'} {size}{names[other]}"
            made.append(text)
        return made


def base_of(columns: np.ndarray, order: Sequence[int] | None = None) -> ParameterBase:
    """Of columns (M, n) at states that leave nothing out; earlier ones of ``order`` are chosen first.

    Gram-Schmidt, twice at each column, so that rounding does not grow with the number of columns.
    """
    count = columns.shape[1]
    size = np.linalg.norm(columns, axis=0)
    known = np.zeros((columns.shape[0], 0))
    chosen: list[int] = []
    others: list[int] = []
    kept, lost = [], [0.0]
    for k in range(count) if order is None else order:
        if size[k] <= NOTHING * max(size.max(initial=0.0), 1e-300):
            others.append(k)
            continue
        left = columns[:, k] / size[k]
        for _ in range(2):
            left = left - known @ (known.T @ left)
        part = float(np.linalg.norm(left))
        if part > NOTHING:
            chosen.append(k)
            kept.append(part)
            known = np.column_stack([known, left / part])
        else:
            others.append(k)
            lost.append(part)
    upper, target = known.T @ columns[:, chosen], known.T @ columns[:, others]
    mixing = solve_triangular(upper, target) if chosen else np.zeros((0, len(others)))
    mixing[np.abs(mixing) * size[others] <= 1e-8 * size[chosen][:, None]] = 0.0
    return ParameterBase(np.array(chosen, int), np.array(others, int), mixing, min(kept, default=1.0) / max(max(lost), 1e-300))


@dataclass(frozen=True)
class Compressed:
    """Rows (k, n + 1) whose squares add up as those of many equations [X | y]: the triangle of their QR factorisation."""

    rows: np.ndarray

    @classmethod
    def of(cls, columns: np.ndarray, target: np.ndarray) -> "Compressed":
        """Of equations columns xi = target."""
        return cls(_triangle(np.column_stack([columns, target])))

    @classmethod
    def joined(cls, parts: Sequence["Compressed"]) -> "Compressed":
        """Of several."""
        return cls(_triangle(np.concatenate([part.rows for part in parts])))

    @property
    def columns(self) -> np.ndarray:
        """(k, n)"""
        return self.rows[:, :-1]

    @property
    def target(self) -> np.ndarray:
        """(k,)"""
        return self.rows[:, -1]

    def chosen(self, base: ParameterBase) -> "Compressed":
        """The equations of beta."""
        return Compressed(np.column_stack([self.columns[:, base.chosen], self.target]))

    def solved(self) -> np.ndarray:
        """(n,) least squares; the smallest in units of the columns where they do not decide."""
        size = np.linalg.norm(self.columns, axis=0)
        size = np.where(size > 0.0, size, 1.0)
        made: np.ndarray = np.linalg.lstsq(self.columns / size, self.target, rcond=1e-12)[0] / size
        return made


def _triangle(rows: np.ndarray) -> np.ndarray:
    """R of rows, with no more rows than columns."""
    if rows.shape[0] <= rows.shape[1]:
        return rows
    made: np.ndarray = np.linalg.qr(rows, mode="r")  # type: ignore[assignment]
    return made


def information(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of X^T X (n, n), zero in directions that nothing is known of, and which numbers are known (n,)."""
    size = np.linalg.norm(columns, axis=0)
    scale = np.where(size > 0.0, size, 1.0)
    _, values, right = np.linalg.svd(columns / scale, full_matrices=False)
    known = values > 1e-10 * max(values.max(initial=0.0), 1e-300)
    part = right[known].T / values[known]
    told = (right[known] ** 2).sum(0) > 1.0 - 1e-6
    return part @ part.T / np.outer(scale, scale), told & (size > 0.0)


def correlated_spread(scores: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """(n, n) covariance of the sum of scores (T, n) that are correlated in time, within pieces (T,) without a gap (Bartlett weights).

    Source: Newey, West (1987); lags by the rule of Andrews, Heteroskedasticity and autocorrelation consistent covariance matrix
    estimation, 1991, eq. (6.4), with first-order autoregressions.
    """
    count = len(scores)
    total = scores.T @ scores
    same = pieces[1:] == pieces[:-1]
    power = np.maximum((scores**2).sum(0), 1e-300)
    rho = np.clip((scores[1:] * scores[:-1] * same[:, None]).sum(0) / power, -0.97, 0.97)
    slowness = float(np.mean(4.0 * rho**2 / (1.0 - rho**2) ** 2)) if scores.shape[1] else 0.0
    lags = min(int(1.1447 * (slowness * count) ** (1.0 / 3.0)), count - 1)
    for lag in range(1, lags + 1):
        together = pieces[lag:] == pieces[:-lag]
        product = (scores[lag:] * together[:, None]).T @ scores[:-lag]
        total += (1.0 - lag / (lags + 1.0)) * (product + product.T)
    made: np.ndarray = total * count / max(count - scores.shape[1], 1)
    return made
