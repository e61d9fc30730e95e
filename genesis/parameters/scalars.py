"""A short vector of learned numbers with bounds, natural or logarithmic: the body of most parameters."""

from copy import copy
from typing import Self

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.parameters.bounds import Bounds


class Scalars:
    """value = bounds(z), or exp(bounds(z)) for a logarithmic one."""

    def __init__(self, where: str, start: Tensor, limits: Bounds | None, *, log: bool, learn: bool) -> None:
        if log and bool((start <= 0).any()):
            raise InputError(f"{where}: log is true, but a start value is {start.min().item():g}; it must be positive.")
        self.log, self.limits = log, limits
        if log and limits is not None:
            low = torch.where(limits.low > 0, torch.log(limits.low.clamp(min=1e-300)), torch.full_like(limits.low, -torch.inf))
            self.limits = Bounds(low, torch.log(limits.high), limits.smooth)
        self.outer = limits
        self.free = self._invert(start).requires_grad_(learn)

    def value(self) -> Tensor:
        """(n,)"""
        free = self.free if self.limits is None else self.limits.apply(self.free)
        return torch.exp(free) if self.log else free

    def set_value(self, value: Tensor) -> None:
        """Choose z so that `value()` is this."""
        with torch.no_grad():
            self.free.copy_(self._invert(value.to(self.free)))

    def project(self) -> None:
        """After a step."""
        if self.limits is not None:
            with torch.no_grad():
                self.limits.project(self.free)

    def leaf_bounds(self) -> tuple[Tensor, Tensor] | None:
        """For optimizers that keep bounds themselves."""
        return None if self.limits is None or self.limits.smooth else (self.limits.low, self.limits.high)

    def bounds(self) -> tuple[Tensor, Tensor] | None:
        """Of the value, in its own units."""
        return None if self.outer is None else (self.outer.low, self.outer.high)

    def _invert(self, value: Tensor) -> Tensor:
        inner = torch.log(value) if self.log else value
        return (inner if self.limits is None else self.limits.invert(inner)).detach().clone()


class ScalarGroup:
    """A parameter that is one vector of bounded numbers and makes no controls; it still has to say what `apply` does with them."""

    scalars: Scalars
    _labels: list[str]

    def leaves(self) -> list[Tensor]:
        return [self.scalars.free]

    def leaf_bounds(self) -> list[tuple[Tensor, Tensor] | None]:
        return [self.scalars.leaf_bounds()]

    def with_leaves(self, leaves: list[Tensor]) -> Self:
        made = copy(self)
        made.scalars = copy(self.scalars)
        (made.scalars.free,) = leaves
        return made

    def controlled(self) -> list[int]:
        return []

    def project(self) -> None:
        self.scalars.project()

    def value(self) -> Tensor:
        return self.scalars.value()

    def set_value(self, value: Tensor) -> None:
        self.scalars.set_value(value)

    def bounds(self) -> tuple[Tensor, Tensor] | None:
        return self.scalars.bounds()

    def labels(self) -> list[str]:
        return self._labels
