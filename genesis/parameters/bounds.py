"""Keeping values within bounds, smoothly or by projection."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.selection import tensor


@dataclass(frozen=True)
class Bounds:
    """Low and high (±inf: none) of each value, and how they are kept.

    smooth: free numbers z are mapped into the open interval; slope 1 in the middle. clamp: values are cut off, and projected after a step.
    """

    low: Tensor
    high: Tensor
    smooth: bool

    def apply(self, free: Tensor) -> Tensor:
        """Free numbers to values within the bounds; shapes (..., n)."""
        if not self.smooth:
            return torch.clamp(free, self.low, self.high)
        both, only_low, only_high = self._cases()
        middle, half = self._middle_and_half()
        value = torch.where(both, middle + half * torch.tanh((free - middle) / half), free)
        one = torch.ones_like(half)
        low = torch.where(only_low, self.low, torch.zeros_like(self.low))
        high = torch.where(only_high, self.high, torch.zeros_like(self.high))
        value = torch.where(only_low, low + one * torch.nn.functional.softplus(free - low), value)
        return torch.where(only_high, high - one * torch.nn.functional.softplus(high - free), value)

    def invert(self, value: Tensor) -> Tensor:
        """Free numbers that give these values (values on the edge are moved inside by 1e-9 of the interval)."""
        if not self.smooth:
            return torch.clamp(value, self.low, self.high)
        both, only_low, only_high = self._cases()
        middle, half = self._middle_and_half()
        ratio = torch.clamp((value - middle) / half, -1.0 + 1e-9, 1.0 - 1e-9)
        free = torch.where(both, middle + half * torch.atanh(ratio), value)
        above = torch.clamp(torch.where(only_low, value - self.low, torch.ones_like(value)), min=1e-9)
        below = torch.clamp(torch.where(only_high, self.high - value, torch.ones_like(value)), min=1e-9)
        low = torch.where(only_low, self.low, torch.zeros_like(self.low))
        high = torch.where(only_high, self.high, torch.zeros_like(self.high))
        free = torch.where(only_low, low + above + torch.log(-torch.expm1(-above)), free)
        return torch.where(only_high, high - below - torch.log(-torch.expm1(-below)), free)

    def project(self, free: Tensor) -> None:
        """Put free numbers back within the bounds, in place (clamp only)."""
        if not self.smooth:
            free.clamp_(self.low, self.high)

    def _cases(self) -> tuple[Tensor, Tensor, Tensor]:
        has_low, has_high = torch.isfinite(self.low), torch.isfinite(self.high)
        return has_low & has_high, has_low & ~has_high, has_high & ~has_low

    def _middle_and_half(self) -> tuple[Tensor, Tensor]:
        both = self._cases()[0]
        zero, one = torch.zeros_like(self.low), torch.ones_like(self.low)
        low, high = torch.where(both, self.low, -one), torch.where(both, self.high, one)
        return torch.where(both, 0.5 * (low + high), zero), 0.5 * (high - low)


def read_bounds(where: str, given: Any, size: int, transform: str, named: dict[str, tuple[Tensor, Tensor]]) -> Bounds | None:
    """Bounds from a config: null, [low, high] with numbers or lists (null for none), or a name such as limits.

    Args:
        size: how many values there are.
        named: what names mean here.
    """
    if given is None:
        return None
    if isinstance(given, str):
        if given not in named:
            raise InputError(f'{where}.bounds: "{given}" is not allowed; allowed: {", ".join(named) or "no name"}, [low, high], or null.')
        low, high = named[given]
    else:
        if not isinstance(given, (list, tuple)) or len(given) != 2:
            raise InputError(f"{where}.bounds: {given!r} is not allowed; write [low, high], each a number or a list of {size}.")
        low, high = (_side(where, side, size, end) for side, end in zip(given, (-torch.inf, torch.inf), strict=True))
    if bool((low >= high).any()):
        index = int((low >= high).nonzero()[0])
        raise InputError(f"{where}.bounds: entry {index}: low {low[index].item():g} is not below high {high[index].item():g}.")
    if not bool((torch.isfinite(low) | torch.isfinite(high)).any()):
        return None
    return Bounds(low, high, smooth=transform == "smooth")


def _side(where: str, side: Any, size: int, missing: float) -> Tensor:
    try:
        entries = [missing if x is None else float(x) for x in (side if isinstance(side, (list, tuple)) else [side])]
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}.bounds: {side!r} is neither a number nor a list of numbers.") from error
    values = tensor(entries)
    if bool(torch.isnan(values).any()) or len(entries) not in (1, size):
        raise InputError(f"{where}.bounds: {side!r} needs a number or {size} of them.")
    return values.expand(size).clone()
