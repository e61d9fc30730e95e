"""Observations with mean 0 and variance 1, as far as they are known."""

import torch
from torch import Tensor

SMALL = 1e-5  # variance that a number which never changes is given


class Normaliser:
    """Running mean (n,), variance (n,) and count of what was seen (Chan, Golub, LeVeque, 1983)."""

    def __init__(self, width: int, like: Tensor) -> None:
        self.mean, self.variance, self.count = like.new_zeros(width), like.new_ones(width), 0

    def frozen(self) -> tuple[Tensor, Tensor]:
        """Mean, and what to multiply differences from it by, which stay as they are."""
        return self.mean.clone(), (self.variance + SMALL).rsqrt()

    def take(self, seen: Tensor) -> None:
        """More observations (…, n), in place."""
        rows = seen.detach().reshape(-1, seen.shape[-1])
        mean, variance, count = rows.mean(0), rows.var(0, unbiased=False), len(rows)
        share = count / (self.count + count)
        off = mean - self.mean
        before = self.variance if self.count else torch.zeros_like(self.variance)
        self.variance.copy_(before + share * (variance - before) + share * (1.0 - share) * off * off)
        self.mean.copy_(self.mean + share * off)
        self.count += count
