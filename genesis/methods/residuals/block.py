"""Residuals with their Jacobian, in blocks that share a robust loss."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genesis.errors import DivergenceError
from genesis.methods.residuals.robust import LOSSES

NOT_FINITE = "the Jacobian of the residuals {} is not finite; a shorter horizon, or a start nearer to the solution, may help."


@dataclass
class ResidualBlock:
    """Residuals with their own Jacobian: r (M,), to z (M, n), to the start of their window (M, nt) or None.

    window (M,): whose start they depend on, -1: none. loss, loss_scale: robust loss. label: channel, "prior", "start" or "gap".
    after (M, nt), after_window (M,): of gaps, the start of the window that follows. column (M,): of samples, which number of the channel;
    those of one column and window are in the order of time.
    """

    label: str
    r: np.ndarray
    z: Any = None  # None until Jacobians are asked for
    start: Any = None
    window: Any = None
    loss: str = "linear"
    loss_scale: float = 1.0
    after: Any = None
    after_window: Any = None
    column: Any = None

    def cost(self) -> float:
        """½ Σ scale² ρ((r / scale)²)"""
        square = (self.r / self.loss_scale) ** 2
        return 0.5 * self.loss_scale**2 * float(LOSSES[self.loss](square)[0].sum())

    def weighted(self) -> "ResidualBlock":
        """The block whose squared norm has the gradient and the Gauss-Newton Hessian of the robust loss.

        Source: Triggs et al., Bundle adjustment, 2000, §4.3; with the second derivative where that is positive.
        """
        if self.loss == "linear":
            return self
        _, first, second = LOSSES[self.loss]((self.r / self.loss_scale) ** 2)
        square = (self.r / self.loss_scale) ** 2
        jacobian = np.sqrt(np.maximum(first + 2.0 * second * square, 1e-12))
        z, start, after = (None if x is None else x * jacobian[:, None] for x in (self.z, self.start, self.after))
        return replace(self, r=self.r * first / jacobian, z=z, start=start, after=after, loss="linear")


def expect_finite(blocks: Sequence[ResidualBlock]) -> None:
    """Raises: DivergenceError for a Jacobian that is not finite, where the residuals are."""
    for block in blocks:
        if not all(table is None or np.isfinite(table).all() for table in (block.r, block.z, block.start, block.after)):
            raise DivergenceError(NOT_FINITE.format(block.label), quantity=f"Jacobian of {block.label}")


def cost(blocks: Sequence[ResidualBlock]) -> float:
    """Half the (robust) sum of squares."""
    return sum(block.cost() for block in blocks)
