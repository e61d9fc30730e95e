"""Keeping values within bounds, smoothly or by projection."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from genesis.errors import InputError
from genesis.selection import tensor


class Bounds:
    """Low and high (±inf: none) of each value, and how they are kept.

    smooth: free numbers z are mapped into the open interval, with slope 1 in the middle (two sides: tanh; one side: softplus).
    Otherwise values are cut off, and projected after a step.
    """

    def __init__(self, low: Tensor, high: Tensor, smooth: bool) -> None:
        self.low, self.high, self.smooth = low, high, smooth
        has_low, has_high = torch.isfinite(low), torch.isfinite(high)
        self._two, self._only_low, self._only_high = has_low & has_high, has_low & ~has_high, has_high & ~has_low
        self._all_two = bool(self._two.all())
        # Harmless numbers where a side is missing: `where` computes both branches, and infinities make NaN gradients.
        zero, one = torch.zeros_like(low), torch.ones_like(low)
        self._low, self._high = torch.where(has_low, low, zero), torch.where(has_high, high, zero)
        self._middle = torch.where(self._two, 0.5 * (self._low + self._high), zero)
        self._half = torch.where(self._two, 0.5 * (self._high - self._low), one)

    def apply(self, free: Tensor) -> Tensor:
        """Free numbers to values within the bounds; shapes (..., n)."""
        if not self.smooth:
            return torch.clamp(free, self.low, self.high)
        inside = self._middle + self._half * torch.tanh((free - self._middle) / self._half)
        if self._all_two:
            return inside
        value = torch.where(self._two, inside, free)
        value = torch.where(self._only_low, self._low + softplus(free - self._low), value)
        return torch.where(self._only_high, self._high - softplus(self._high - free), value)

    def slope(self, free: Tensor) -> Tensor:
        """Derivative of `apply` to each free number."""
        if not self.smooth:
            return ((free >= self.low) & (free <= self.high)).to(free)
        inside = 1.0 - torch.tanh((free - self._middle) / self._half).square()
        if self._all_two:
            return inside
        slope = torch.where(self._two, inside, torch.ones_like(free))
        slope = torch.where(self._only_low, torch.sigmoid(free - self._low), slope)
        return torch.where(self._only_high, torch.sigmoid(self._high - free), slope)

    def invert(self, value: Tensor) -> Tensor:
        """Free numbers that give these values (values on the edge are moved inside by 1e-9 of the interval, or by their last digit)."""
        if not self.smooth:
            return torch.clamp(value, self.low, self.high)
        edge = max(1e-9, torch.finfo(value.dtype).eps)  # 1 - 1e-9 is 1 in 32 bits
        ratio = torch.clamp((value - self._middle) / self._half, edge - 1.0, 1.0 - edge)
        free = torch.where(self._two, self._middle + self._half * torch.atanh(ratio), value)
        above, below = torch.clamp(value - self._low, min=1e-9), torch.clamp(self._high - value, min=1e-9)
        free = torch.where(self._only_low, self._low + above + torch.log(-torch.expm1(-above)), free)
        return torch.where(self._only_high, self._high - below - torch.log(-torch.expm1(-below)), free)

    def project(self, free: Tensor) -> None:
        """Put free numbers back within the bounds, in place (clamp only)."""
        if not self.smooth:
            free.clamp_(self.low, self.high)


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
            raise InputError(
                f'{where}.bounds: "{given}" is not allowed; allowed: {", ".join(named) or "no name"}, [low, high], or null.'
            )
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
