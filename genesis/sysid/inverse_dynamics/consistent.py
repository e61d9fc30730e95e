"""The nearest bodies that exist: least squares under positive definite pseudo-inertias, a convex problem solved by Newton's method.

    minimise ½ |X x - y|² + mu sum of D(J_i | J_i0),   D(J | J0) = tr(J0^-1 J) - log det(J0^-1 J) - 4,   low <= x <= high

D is the entropic divergence to the described body: zero there, infinite where a density would have to be negative, and the same in
every frame and unit. What the forces do not tell stays at the description.
Source: Lee, Wensing, Park, Geometric robot dynamic identification: a convex programming approach, IEEE T-RO 36(2), 2020, eq. (17), (29);
Boyd, Vandenberghe, Convex Optimization (2004), §11.3 (barrier path); Bertsekas, Projected Newton methods, 1982 (bounds).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genesis.sysid.inverse_dynamics.regressor import pseudo_basis

STEPS = 60  # of Newton at one weight of the divergence
PATH = 10.0  # factor between two weights
DECREMENT = 1e-16  # of the cost that a Newton step still promises, relative
BASIS = pseudo_basis()


@dataclass(frozen=True)
class BodyPrior:
    """A body among the numbers x: places (10,) of its phi, described (4, 4) its pseudo-inertia J0."""

    places: np.ndarray
    described: np.ndarray

    def pseudo(self, x: np.ndarray) -> np.ndarray:
        """J (4, 4)."""
        made: np.ndarray = np.einsum("k,kij->ij", x[self.places], BASIS)
        return made


@dataclass(frozen=True)
class Consistent:
    """x (n,) of the minimum; cost: half the squares there; divergence: sum of D; steps: of Newton."""

    x: np.ndarray
    cost: float
    divergence: float
    steps: int


def consistent(
    columns: np.ndarray, target: np.ndarray, start: np.ndarray, bodies: Sequence[BodyPrior], weight: float,
    low: np.ndarray, high: np.ndarray, tell: Callable[[int], None] = lambda step: None,
) -> Consistent:  # fmt: skip
    """The minimum from a start (n,) whose bodies exist, for equations columns x = target, along falling weights of the divergence."""
    hessian, slope = columns.T @ columns, columns.T @ target

    def squares(x: np.ndarray) -> float:
        return 0.5 * float(((columns @ x - target) ** 2).sum())

    x, count = np.clip(start, low, high), 0
    most = max(weight, squares(x) / max(4.0 * len(bodies), 1.0))
    weights = [weight * PATH**k for k in range(int(np.ceil(np.log10(most / weight))), -1, -1)] if bodies else [0.0]
    for mu in weights:
        for _ in range(STEPS):
            gradient = hessian @ x - slope
            curvature = hessian.copy()
            for body in bodies:
                _add_divergence(body, x, mu, gradient, curvature)
            held = ((x <= low) & (gradient > 0.0)) | ((x >= high) & (gradient < 0.0))
            step = np.zeros_like(x)
            step[~held] = _newton(curvature[np.ix_(~held, ~held)], gradient[~held])
            moved, fall = _searched(x, step, gradient, low, high, lambda at, mu=mu: _value(at, bodies, mu, squares))  # type: ignore[misc]
            count += 1
            tell(count)
            x = moved
            if fall <= DECREMENT * max(squares(x), 1e-300) or not np.any(step):
                break
    return Consistent(x, squares(x), sum(divergence(body.pseudo(x), body.described) for body in bodies), count)


def divergence(pseudo: np.ndarray, described: np.ndarray) -> float:
    """D(J | J0); infinite where J is not positive definite."""
    try:
        factor = np.linalg.cholesky(pseudo)
    except np.linalg.LinAlgError:
        return float("inf")
    relative = np.linalg.solve(np.linalg.cholesky(described), factor)
    return float((relative**2).sum() - np.log(np.linalg.det(relative) ** 2) - 4.0)


def _add_divergence(body: BodyPrior, x: np.ndarray, mu: float, gradient: np.ndarray, curvature: np.ndarray) -> None:
    """mu times the derivatives of D, tr(J0^-1 E_k) - tr(J^-1 E_k) and tr(J^-1 E_k J^-1 E_l), in place."""
    inverse = np.linalg.inv(body.pseudo(x))
    turned = np.einsum("ij,kjl->kil", inverse, BASIS)
    first = np.einsum("ij,kji->k", np.linalg.inv(body.described), BASIS) - np.einsum("kii->k", turned)
    gradient[body.places] += mu * first
    curvature[np.ix_(body.places, body.places)] += mu * np.einsum("kij,lji->kl", turned, turned)


def _newton(curvature: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """-curvature^-1 gradient, in units in which the diagonal is one."""
    size = np.sqrt(np.maximum(np.diag(curvature), 1e-300))
    scaled = curvature / np.outer(size, size)
    try:
        made: np.ndarray = -np.linalg.solve(scaled, gradient / size) / size
    except np.linalg.LinAlgError:
        made = -np.linalg.lstsq(scaled, gradient / size, rcond=1e-14)[0] / size
    if not float(made @ gradient) < 0.0:  # rounding in directions that nothing depends on
        made = -np.linalg.lstsq(scaled, gradient / size, rcond=1e-13)[0] / size
    return made


def _value(x: np.ndarray, bodies: Sequence[BodyPrior], mu: float, squares: Callable[[np.ndarray], float]) -> float:
    return squares(x) + mu * sum(divergence(body.pseudo(x), body.described) for body in bodies)


def _searched(
    x: np.ndarray, step: np.ndarray, gradient: np.ndarray, low: np.ndarray, high: np.ndarray, value: Callable[[np.ndarray], float]
) -> tuple[np.ndarray, float]:
    """The first of ever shorter steps, cut off at the bounds, that lowers the value enough; and by how much."""
    before, length = value(x), 1.0
    for _ in range(50):
        moved = np.clip(x + length * step, low, high)
        after = value(moved)
        if after <= before + 1e-4 * float(gradient @ (moved - x)) and np.isfinite(after):
            return moved, before - after
        length *= 0.5
    return x, 0.0


def divergence_rows(factor: Tensor, described: Tensor, weight: float) -> Tensor:
    """(10,) residuals of which half the squares add up to mu D, for J = U U^T, J0 = U0 U0^T with U (4, 4) upper triangular.

    T = U0^-1 U:   D = sum of T_ij² above the diagonal + sum of T_ii² - 2 log T_ii - 1
    """
    relative = torch.linalg.solve_triangular(described, factor, upper=True)
    above = torch.triu_indices(4, 4, 1)
    x = torch.log(relative.diagonal())
    small = x.abs() < 1e-3
    safe = torch.where(small, torch.ones_like(x), x)
    share = torch.where(
        small, 2.0 * (1.0 + 2.0 * x / 3.0 + x * x / 3.0 + 2.0 * x**3 / 15.0), (torch.expm1(2.0 * safe) - 2.0 * safe) / safe**2
    )
    diagonal = x * torch.sqrt(share)  # its square is exp(2 x) - 1 - 2 x
    return (2.0 * weight) ** 0.5 * torch.cat([diagonal, relative[above[0], above[1]]])
