"""General minimisers on the same residuals and exact derivatives: SciPy's least squares and L-BFGS-B."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from scipy.optimize import least_squares, minimize

from genesis.methods.residuals import LOSSES, Block, cost
from genesis.sysid.linearization import Point
from genesis.sysid.solvers.solver import After, LeastSquares, Report, held


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
        count = sum(len(block.r) for block in squares.blocks(squares.unflat(x0)))

        def residual(x: np.ndarray) -> np.ndarray:
            blocks = told.at(x)  # infinite residuals make the trust region smaller
            return np.full(count, np.inf) if blocks is None else np.concatenate([_robust(block) for block in blocks])

        def jacobian(x: np.ndarray) -> sparse.csr_matrix | np.ndarray:
            return matrix_of(squares, told.accepted(x), _robust_rows)  # SciPy asks for it at every point that it accepts

        left = self.iterations - told.count
        if left < 1:
            told.accepted(x0)
            return False, f"the {self.iterations} iterations are used up"
        made = least_squares(
            residual, x0, jacobian, bounds=bounds, x_scale="jac", max_nfev=left, ftol=self.cost_tolerance,
            xtol=self.step_tolerance, gtol=self.gradient_tolerance,
        )  # fmt: skip
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
        low, high = squares.flat_bounds()
        x0 = np.clip(squares.flat(start), low, high)
        first = told.accepted(x0)
        scale = 1.0 / np.maximum(squares.normal(first).scale(), 1e-150)
        wall = 1e3 * (cost(first) + 1.0)  # in place of the cost where there is none, so that the line search turns back

        def both(y: np.ndarray) -> tuple[float, np.ndarray]:
            blocks = told.at(y * scale)
            if blocks is None:
                return wall, np.zeros_like(y)
            return cost(blocks), squares.normal(blocks).gradient() * scale

        left = self.iterations - told.count + 1
        if left < 1:
            return False, f"the {self.iterations} iterations are used up"
        made = minimize(
            both, x0 / scale, jac=True, method="L-BFGS-B", bounds=list(zip(low / scale, high / scale, strict=True)),
            callback=lambda y: told.accepted(y * scale),
            options={"maxiter": left, "ftol": self.cost_tolerance,
                     "gtol": self.gradient_tolerance * max(float(np.sqrt(2.0 * cost(first))), 1e-300), "maxfun": 10**6},
        )  # fmt: skip
        return bool(made.success), str(made.message)


class _Told:
    """Blocks at the last point that was asked for, and the report of points that were accepted."""

    def __init__(self, squares: LeastSquares, after: After, state: dict[str, Any] | None) -> None:
        self.squares, self.after = squares, after
        self.count: int = (state or {}).get("iteration", 0)
        self.x: np.ndarray | None = None
        self.blocks: list[Block] | None = None
        self.before: np.ndarray | None = None

    def at(self, x: np.ndarray) -> list[Block] | None:
        """None where it cannot be simulated."""
        if self.x is None or not np.array_equal(self.x, x):
            self.blocks, self.x = self.squares.try_blocks(self.squares.unflat(x)), x.copy()
        return self.blocks

    def accepted(self, x: np.ndarray) -> list[Block]:
        """The next iterate, which is reported. Raises: what the first one raises if it cannot be simulated."""
        point, blocks = self.squares.unflat(x), self.at(x)
        if blocks is None:
            blocks = self.squares.blocks(point)
        length = 0.0 if self.before is None else float(np.linalg.norm(x - self.before))
        self.before = x.copy()
        value, normal = cost(blocks), self.squares.normal(blocks)
        fixed = held(self.squares, point, normal)
        report = Report(self.count, value, point, length, float("nan"), normal.slope(fixed, value))
        self.after(report, {"iteration": self.count, "point": point})
        self.count += 1
        return blocks


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


def matrix_of(squares: LeastSquares, blocks: list[Block], factor: Callable[[Block], np.ndarray]) -> Any:
    """The whole Jacobian, each row times a factor (M, 1) of its block: dense without free start states, sparse with them."""
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
