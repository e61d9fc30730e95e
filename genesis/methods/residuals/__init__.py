"""Sums of squares: residual blocks, robust losses, Gauss-Newton equations."""

from genesis.methods.residuals.block import ResidualBlock, cost, expect_finite
from genesis.methods.residuals.normal import Normal
from genesis.methods.residuals.robust import LOSSES

__all__ = ["LOSSES", "ResidualBlock", "Normal", "cost", "expect_finite"]
