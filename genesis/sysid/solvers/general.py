"""General minimisers on the same residuals and exact derivatives: SciPy's least squares and L-BFGS-B."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from scipy.optimize import least_squares, minimize

from genesis.sysid.linearization import Block, Point, cost
from genesis.sysid.robust import LOSSES
from genesis.sysid.solvers.solver import After, LeastSquares, Report


@dataclass
class TrustRegion:
    """`scipy.optimize.least_squares` (trf): trust region within bounds, robust losses already in the residuals."""

    iterations: int = 100
    cost_tolerance: float = 1e-9
    step_tolerance: float = 1e-8
    gradient_tolerance: float = 1e-9

    def run(self, squares: LeastSquares, start: Point, after: After, state: dict[str, Any] | None = None) -> tuple[bool, str]:
        """See `Solver.run`."""
        told = _Told(squares, after, state)
        bounds = squares.flat_bounds()
        x0 = _inside(squares.flat(start), *bounds)

        def residual(x: np.ndarray) -> np.ndarray:
            return np.concatenate([_robust(block) for block in told.at(x)])

        def jacobian(x: np.ndarray) -> sparse.csr_matrix | np.ndarray:
            return matrix_of(squares, told.at(x), lambda block: _robust_rows(block))

        made = least_squares(
            residual, x0, jacobian, bounds=bounds, x_scale="jac", max_nfev=max(self.iterations, 1), ftol=self.cost_tolerance,
            xtol=self.step_tolerance, gtol=self.gradient_tolerance, callback=told.iteration,
        )  # fmt: skip
        told.iteration(made)
        return made.status > 0, str(made.message)


@dataclass
class Lbfgsb:
    """L-BFGS-B of SciPy on the cost with its exact gradient, numbers in units of their uncertainty at the start."""

    iterations: int = 500
    cost_tolerance: float = 1e-12
    gradient_tolerance: float = 1e-10

    def run(self, squares: LeastSquares, start: Point, after: After, state: dict[str, Any] | None = None) -> tuple[bool, str]:
        """See `Solver.run`."""
        told = _Told(squares, after, state)
        x0 = np.clip(squares.flat(start), *squares.flat_bounds())
        dz, ds = squares.normal(told.at(x0)).diagonal()
        scale = 1.0 / np.sqrt(np.maximum(np.concatenate([dz, np.zeros(0) if ds is None else ds.reshape(-1)]), 1e-300))

        def both(y: np.ndarray) -> tuple[float, np.ndarray]:
            blocks = told.at(y * scale)
            normal = squares.normal(blocks)
            gradient = np.concatenate([normal.gz, np.zeros(0) if normal.gs is None else normal.gs.reshape(-1)])
            return cost(blocks), gradient * scale

        low, high = squares.flat_bounds()
        made = minimize(
            both, x0 / scale, jac=True, method="L-BFGS-B", bounds=list(zip(low / scale, high / scale, strict=True)),
            callback=lambda intermediate_result: told.iteration(intermediate_result, scale),
            options={"maxiter": self.iterations, "ftol": self.cost_tolerance,
                     "gtol": self.gradient_tolerance * told.size(x0), "maxfun": 10**6},
        )  # fmt: skip
        return bool(made.success), str(made.message)


class _Told:
    """Blocks at the last point that was asked for, and the report of iterations."""

    def __init__(self, squares: LeastSquares, after: After, state: dict[str, Any] | None) -> None:
        self.squares, self.after = squares, after
        self.count = (state or {}).get("iteration", 0)
        self.x: np.ndarray | None = None
        self.blocks: list[Block] = []
        self.before: np.ndarray | None = None

    def at(self, x: np.ndarray) -> list[Block]:
        if self.x is None or not np.array_equal(self.x, x):
            self.blocks, self.x = self.squares.blocks(self.squares.unflat(x)), x.copy()
        return self.blocks

    def size(self, x: np.ndarray) -> float:
        """Norm of all residuals, which makes the tolerance of a gradient relative."""
        return max(float(np.sqrt(2.0 * cost(self.at(x)))), 1e-300)

    def iteration(self, intermediate_result: Any, scale: np.ndarray | float = 1.0) -> None:
        """Callback of SciPy."""
        x = intermediate_result.x * scale
        point, blocks = self.squares.unflat(x), self.at(x)
        step = 0.0 if self.before is None else float(np.linalg.norm(x - self.before))
        self.before = x.copy()
        normal = self.squares.normal(blocks)
        self.after(
            Report(self.count, cost(blocks), point, step, float("nan"), float(np.abs(normal.gz).max(initial=0.0))),
            {"iteration": self.count, "point": point},
        )
        self.count += 1


def _robust(block: Block) -> np.ndarray:
    """Residuals whose squared norm is twice the robust cost."""
    if block.loss == "linear":
        return block.r
    value = LOSSES[block.loss]((block.r / block.loss_scale) ** 2)[0]
    return block.loss_scale * np.sign(block.r) * np.sqrt(value)


def _robust_rows(block: Block) -> np.ndarray:
    """Derivative of `_robust` to the residual, (M, 1)."""
    if block.loss == "linear":
        return np.ones((len(block.r), 1))
    s = (block.r / block.loss_scale) ** 2
    value, first, _ = LOSSES[block.loss](s)
    return np.where(s > 1e-16, first * np.sqrt(s / np.maximum(value, 1e-300)), 1.0)[:, None]


def matrix_of(squares: LeastSquares, blocks: list[Block], factor=lambda block: np.ones((len(block.r), 1))) -> Any:
    """The whole Jacobian: dense without free start states, sparse with them."""
    if not squares.nt:
        return np.concatenate([block.z * factor(block) for block in blocks])
    n, nt, count = squares.problem.n, squares.nt, len(squares.problem.windows)
    parts = []
    for block in blocks:
        rows = factor(block)
        left = sparse.csr_matrix(block.z * rows)
        right = sparse.csr_matrix((len(block.r), count * nt))
        for table, window in ((block.start, block.window), (block.after, block.after_window)):
            if table is not None:
                columns = (window[:, None] * nt + np.arange(nt)).reshape(-1)
                where = np.repeat(np.arange(len(block.r)), nt)
                right = right + sparse.csr_matrix(((table * rows).reshape(-1), (where, columns)), shape=right.shape)
        parts.append(sparse.hstack([left, right]))
    made = sparse.vstack(parts, format="csr")
    assert made.shape[1] == n + count * nt
    return made


def _inside(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Strictly within the bounds, as the trust region wants its start."""
    room = np.where(np.isfinite(high - low), high - low, 1.0)
    return np.clip(x, low + 1e-8 * room, high - 1e-8 * room)
