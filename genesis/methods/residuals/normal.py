"""Gauss-Newton normal equations with the structure of the problem: a few shared numbers, and a start state for each window.

    H = [[Hzz, Hzs], [Hsz, Hss]],   Hss block diagonal, or block tridiagonal where windows go on from each other

Without gaps the start states are eliminated window by window (Schur complement); with gaps a sparse factorisation does it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sparse
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import splu

from genesis.errors import DivergenceError
from genesis.methods.residuals.block import ResidualBlock

OVERFLOWS = "the squares of the Jacobian overflow; a shorter horizon, or a start nearer to the solution, may help."
FLOOR = 1e-12  # of the damping, relative to the largest entry of the diagonal
RIDGE = 1e-14  # on the diagonal of start states, so that one that nothing depends on stays where it is


@dataclass
class Normal:
    """zz (n, n), zs (W, n, nt), ss (W, nt, nt), between: (i, j) -> (nt, nt) of windows i < j; gradients gz (n,), gs (W, nt)."""

    zz: np.ndarray
    gz: np.ndarray
    zs: Any = None  # these three: None without free start states
    ss: Any = None
    gs: Any = None
    between: dict[tuple[int, int], Any] = field(default_factory=dict)

    @classmethod
    def of(cls, blocks: Sequence[ResidualBlock], n: int, windows: int, nt: int) -> "Normal":
        """Of blocks with Jacobians; nt = 0: no free start states."""
        made = cls(np.zeros((n, n)), np.zeros(n))
        if nt:
            made.zs, made.ss, made.gs = np.zeros((windows, n, nt)), np.zeros((windows, nt, nt)), np.zeros((windows, nt))
        with np.errstate(over="ignore", invalid="ignore"):  # who asks says what is not finite
            for block in (b.weighted() for b in blocks):
                made.zz += block.z.T @ block.z
                made.gz += block.z.T @ block.r
                if block.start is not None and nt:
                    made._add_starts(block)
        return made

    def expect_finite(self) -> "Normal":
        """Itself. Raises: DivergenceError where squares of the Jacobian overflow: every slope would read as zero."""
        tables = (self.zz, self.gz, self.zs, self.ss, self.gs, *self.between.values())
        if not all(table is None or np.isfinite(table).all() for table in tables):
            raise DivergenceError(OVERFLOWS, quantity="normal equations")
        return self

    def _add_starts(self, block: ResidualBlock) -> None:
        order = np.argsort(block.window, kind="stable")
        window = block.window[order]
        first = np.flatnonzero(np.r_[True, window[1:] != window[:-1]])
        for rows in np.split(order, first[1:]):
            i = int(block.window[rows[0]])
            own = block.start[rows]
            self._add(i, own, block.z[rows], block.r[rows])
            if block.after is not None:
                j, later = int(block.after_window[rows[0]]), block.after[rows]
                self._add(j, later, block.z[rows], block.r[rows])
                key = (i, j)
                self.between[key] = self.between.get(key, 0.0) + own.T @ later

    def _add(self, i: int, own: np.ndarray, z: np.ndarray, r: np.ndarray) -> None:
        self.ss[i] += own.T @ own
        self.zs[i] += z.T @ own
        self.gs[i] += own.T @ r

    def diagonal(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Diagonals of Hzz (n,) and Hss (W, nt), with a floor for numbers that nothing depends on."""
        z = np.diag(self.zz).copy()
        floored = np.maximum(z, FLOOR * max(z.max(initial=0.0), 1e-300))
        if self.ss is None:
            return floored, None
        s = np.diagonal(self.ss, axis1=1, axis2=2)
        return floored, np.maximum(s, FLOOR * max(s.max(initial=0.0), 1e-300))

    def step(self, damping: float, fixed: np.ndarray) -> tuple[np.ndarray, float]:
        """(dx, predicted fall of the cost) of (H + damping diag H) dx = -g, flat over z and the start states; numbers ``fixed`` stay."""
        n = len(self.gz)
        if self.ss is not None and fixed[n:].any():
            return self._held(fixed[n:].reshape(self.gs.shape)).step(damping, np.r_[fixed[:n], np.zeros(self.gs.size, bool)])
        dz, ds = self._step(damping, fixed[:n])
        return dz if ds is None else np.concatenate([dz, ds.reshape(-1)]), self._fall(dz, ds)

    def _step(self, damping: float, fixed: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """dz (n,) and the steps of the start states (W, nt)."""
        dz_diagonal, ds_diagonal = self.diagonal()
        free = np.flatnonzero(~fixed)
        zz = self.zz[np.ix_(free, free)] + damping * np.diag(dz_diagonal[free])
        dz = np.zeros_like(self.gz)
        if self.ss is None:
            dz[free] = -_solve(zz, self.gz[free])
            return dz, None
        assert ds_diagonal is not None
        nt = self.ss.shape[1]
        ss = self.ss + (damping + RIDGE) * ds_diagonal[:, :, None] * np.eye(nt)
        zs = self.zs[:, free]
        if self.between:
            dz[free], ds = self._sparse(zz, zs, ss, free)
            return dz, ds
        inverse_g = np.linalg.solve(ss, self.gs[:, :, None])[:, :, 0]
        inverse_z = np.linalg.solve(ss, zs.transpose(0, 2, 1))  # (W, nt, free)
        schur = zz - np.einsum("wnt,wtm->nm", zs, inverse_z)
        right = self.gz[free] - np.einsum("wnt,wt->n", zs, inverse_g)
        dz[free] = -_solve(schur, right)
        return dz, -inverse_g - inverse_z @ dz[free]

    def _held(self, fixed: np.ndarray) -> "Normal":
        """The same with start states (W, nt) that nothing moves: their gradient and all but their diagonal is zero."""
        free = ~fixed
        own = np.eye(self.ss.shape[1]) * np.diagonal(self.ss, axis1=1, axis2=2)[:, :, None] * fixed[:, :, None]
        between = {(i, j): block * free[i][:, None] * free[j] for (i, j), block in self.between.items()}
        ss = self.ss * free[:, :, None] * free[:, None, :] + own
        return Normal(self.zz, self.gz, self.zs * free[:, None, :], ss, self.gs * free, between)

    def information(self) -> np.ndarray:
        """(n, n) information about z when the start states are estimated along: the Schur complement."""
        if self.ss is None or self.zs is None:
            return self.zz
        _, diagonal = self.diagonal()
        assert diagonal is not None
        ss = self.ss + RIDGE * diagonal[:, :, None] * np.eye(self.ss.shape[1])
        if not self.between:
            inverse = np.linalg.solve(ss, self.zs.transpose(0, 2, 1))
            return self.zz - np.einsum("wnt,wtm->nm", self.zs, inverse)
        stacked = self.zs.transpose(0, 2, 1).reshape(-1, self.zs.shape[1])
        return self.zz - stacked.T @ splu(self._starts_matrix(ss)).solve(stacked)

    def slope(self, fixed: np.ndarray, value: float) -> float:
        """Largest gradient in units in which the Hessian has a unit diagonal, relative to sqrt(2 cost); numbers ``fixed`` left out."""
        dz, ds = self.diagonal()
        diagonal = dz if ds is None else np.concatenate([dz, ds.reshape(-1)])
        slopes = np.abs(np.where(fixed, 0.0, self.gradient())) / np.sqrt(np.maximum(diagonal, 1e-300))
        return float(slopes.max(initial=0.0) / max(np.sqrt(2.0 * value), 1e-300))

    def scale(self) -> np.ndarray:
        """Square roots of the diagonal, of z and then of the start states: lengths in them do not depend on units."""
        dz, ds = self.diagonal()
        return np.sqrt(dz if ds is None else np.concatenate([dz, ds.reshape(-1)]))

    def gradient(self) -> np.ndarray:
        """To z, then to the start states."""
        return self.gz if self.gs is None else np.concatenate([self.gz, self.gs.reshape(-1)])

    def _starts_matrix(self, ss: np.ndarray) -> sparse.csc_matrix:
        count = len(ss)
        grid: list[list] = [[None] * count for _ in range(count)]
        for i in range(count):
            grid[i][i] = sparse.coo_matrix(ss[i])  # all dense, two windows would be taken for one array
        for (i, j), block in self.between.items():
            grid[i][j], grid[j][i] = block, block.T
        return sparse.bmat(grid, format="csc")

    def _sparse(self, zz: np.ndarray, zs: np.ndarray, ss: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        factor = splu(self._starts_matrix(ss))
        stacked = zs.transpose(0, 2, 1).reshape(-1, len(free))
        inverse_z, inverse_g = factor.solve(stacked), factor.solve(self.gs.reshape(-1))
        dz = -_solve(zz - stacked.T @ inverse_z, self.gz[free] - stacked.T @ inverse_g)
        return dz, (-inverse_g - inverse_z @ dz).reshape(self.gs.shape)

    def _fall(self, dz: np.ndarray, ds: np.ndarray | None) -> float:
        """-(g step + step H step / 2)"""
        value = self.gz @ dz + 0.5 * dz @ self.zz @ dz
        if ds is not None:
            value += (self.gs * ds).sum() + 0.5 * np.einsum("wi,wij,wj->", ds, self.ss, ds)
            value += np.einsum("n,wnt,wt->", dz, self.zs, ds)
            value += sum(float(ds[i] @ block @ ds[j]) for (i, j), block in self.between.items())
        return -float(value)


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of a symmetric matrix that should be positive definite; least squares where rounding has taken that away."""
    if not len(right):
        return right
    try:
        return cho_solve(cho_factor(matrix), right)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(matrix, right, rcond=1e-12)[0]
