"""A short vector of learned numbers with bounds, prior and names, natural or logarithmic: the body of most parameters."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.parameters.bounds import Bounds, read_bounds
from genesis.parameters.parameter import Changes, Inputs
from genesis.selection import tensor, vector
from genesis.setting import Setting


@dataclass(frozen=True)
class DescribedNumbers:
    """What is known of k numbers before anything is learned.

    labels (k): a name for each; unit: of all, or one each; values (k,): where they start; least: the smallest value that means anything.
    ranges: bounds (k,), (k,) that have a name. natural: the least value where a real machine may have it (no damping), else None; of all,
    or one each.
    """

    labels: Sequence[str]
    unit: str | Sequence[str]
    values: Tensor
    least: float = -torch.inf
    ranges: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    natural: float | None | Sequence[float | None] = None


@dataclass(frozen=True)
class NumberOptions:
    """What every kind of numbers may be told.

    init: start, a number or one each; None: the described value. bounds: [low, high], each a number, a list or None, or a name.
    log: learn the logarithm: the value stays positive and steps are relative. prior: [mean, std] (Gaussian on the natural scale;
    mean None: the start), each a number or a list. learn: False holds the start. tie: one number for all rows.
    each_recording: a number for every recording of its own. lr: learning rate of their own.
    transform: how bounds are kept, smooth or clamp; None: smooth in a task, clamp for recordings.
    """

    init: Any = None
    bounds: Any = None
    log: bool = False
    prior: Any = None
    learn: bool = True
    tie: bool = False
    each_recording: bool = False
    lr: float | None = None
    transform: str | None = None


class Numbers:
    """k values of one group; free numbers z (k,) are these, or their logarithms, mapped into the bounds or cut off at them.

    where: its place in the config; name: the last part of that. rows: how many rows the values are for, more than k where they are tied.
    least: the smallest value that means anything. low, high (k,): bounds of the values, infinite where there
    are none: those given, and the least value of the quantity where bounds are kept by projection or some are given. (A smooth map alone
    would bend every value that nobody has bounded.)
    prior: mean and standard deviation (k,), (k,) of the values, or None. coupled: a value depends on several free numbers.
    """

    coupled = False

    def __init__(
        self, setting: Setting, where: str, described: DescribedNumbers, options: NumberOptions, changes: Changes
    ) -> None:
        if options.each_recording and setting.recorded is None:
            raise InputError(f"{where}.each_recording: a task has no recordings; leave it out, or identify with genesis sysid.")
        self.where, self.name, self.changes = where, where.rpartition(".")[2], changes
        self._natural = described.natural
        self.units = [described.unit] * len(described.labels) if isinstance(described.unit, str) else list(described.unit)
        self.learn, self.lr, self.log, self.each_recording = options.learn, options.lr, options.log, options.each_recording
        self.rows, self.least = len(described.labels), described.least
        self._labels = ["all"] if options.tie and self.rows > 1 else list(described.labels)
        size = len(self._labels)
        own = described.values.reshape(-1)[:size]
        start = own.clone() if options.init is None else vector(f"{where}.init", options.init, size)
        usual = "smooth" if setting.recorded is None else "clamp"
        smooth = (options.transform or usual) == "smooth"
        self.low, self.high, self.limits = self._bounds(described, options.bounds, size, smooth)
        self._check_start(start)
        self.prior = None if options.prior is None else self._prior(options.prior, start)
        self.free = self.free_of(start).requires_grad_(options.learn)

    # ---- free numbers and values

    def values_of(self, free: Tensor) -> Tensor:
        """Values (k,) of free numbers (k,)."""
        inside = free if self.limits is None else self.limits.apply(free)
        return torch.exp(inside) if self.log else inside

    def free_of(self, values: Tensor) -> Tensor:
        """Free numbers (k,) that give these values (k,)."""
        inside = torch.log(values) if self.log else values
        return (inside if self.limits is None else self.limits.invert(inside)).detach().clone()

    def value(self) -> Tensor:
        """(k,)"""
        return self.values_of(self.free)

    def set_value(self, value: Tensor) -> None:
        with torch.no_grad():
            self.free.copy_(self.free_of(value.to(self.free)))

    def of_rows(self) -> Tensor:
        """Values of all rows (rows,): a tied one repeated."""
        value = self.value()
        return value if len(self._labels) == self.rows else value.expand(self.rows)

    @property
    def smooth(self) -> bool:
        """Bounds are kept by a smooth map, so that free numbers are not the values, or their logarithms."""
        return self.limits is not None and self.limits.smooth

    # ---- leaves

    def leaves(self) -> list[Tensor]:
        return [self.free]

    def leaf_bounds(self) -> list[tuple[Tensor, Tensor] | None]:
        return [None if self.limits is None or self.smooth else (self.limits.low, self.limits.high)]

    def free_bounds(self) -> tuple[Tensor, Tensor]:
        """Low and high of the free numbers (k,), infinite where there are none."""
        kept = self.leaf_bounds()[0]
        return (torch.full_like(self.free, -torch.inf), torch.full_like(self.free, torch.inf)) if kept is None else kept

    def with_leaves(self, leaves: list[Tensor]) -> Self:
        made = copy(self)
        (made.free,) = leaves
        return made

    def project(self) -> None:
        if self.limits is not None:
            with torch.no_grad():
                self.limits.project(self.free)

    # ---- what a report wants to know

    def bounds(self) -> tuple[Tensor, Tensor] | None:
        return None if bool(torch.isinf(self.low).all() and torch.isinf(self.high).all()) else (self.low, self.high)

    def labels(self) -> list[str]:
        return self._labels

    def unit_of(self, k: int) -> str:
        """Of the k-th value."""
        return self.units[k] if len(self._labels) == self.rows else " | ".join(dict.fromkeys(self.units))

    def natural_of(self, k: int) -> float | None:
        """The least k-th value where a real machine may have it; None: an answer at its lower bound is none."""
        return self._natural[k] if isinstance(self._natural, Sequence) else self._natural

    def sizes(self, values: Tensor) -> Tensor:
        """A reasonable size of a change of each of the values (k,): the prior's, else that of the value, of its bounds, or one."""
        low, high = self.low, self.high
        size = torch.where(torch.isfinite(high - low), 0.1 * (high - low), torch.ones_like(values))
        size = torch.where(values.abs() > 1e-9, values.abs(), size)
        return size if self.log or self.prior is None else self.prior[1]

    def free_sizes(self) -> Tensor | None:
        """(k,) reasonable sizes of changes of the free numbers, where they are no values or logarithms of values; else None."""
        return None

    def prior_residuals(self) -> Tensor | None:
        """(k,) (value - mean) / standard deviation."""
        return None if self.prior is None else (self.value() - self.prior[0]) / self.prior[1]

    def described_residuals(self) -> Tensor | None:
        """(m,) how far the value is from the described one, weakly: what no measurement tells stays there. None: nothing is kept so."""
        return None

    def apply(self, inputs: Inputs) -> None:
        """Put the values into the inputs."""
        raise NotImplementedError

    # ---- making

    def _bounds(self, described: DescribedNumbers, given: Any, size: int, smooth: bool) -> tuple[Tensor, Tensor, Bounds | None]:
        """Low and high of the values, and how the free numbers are kept within them."""
        read = read_bounds(self.where, given, size, "clamp", dict(described.ranges))
        nothing = tensor([-torch.inf] * size), tensor([torch.inf] * size)
        if read is None and smooth:
            return *nothing, None
        low, high = nothing if read is None else (read.low, read.high)
        low = torch.maximum(low, tensor([described.least] * size))
        if bool((low >= high).any()):
            k = int((low >= high).nonzero()[0])
            raise InputError(
                f"{self.where}.bounds: {self._labels[k]} is at least {described.least:g}; {high[k].item():g} is not above."
            )
        inner = (
            (torch.where(low > 0.0, torch.log(low.clamp(min=1e-300)), -torch.inf), torch.log(high)) if self.log else (low, high)
        )
        bounded = bool((torch.isfinite(inner[0]) | torch.isfinite(inner[1])).any())
        return low, high, Bounds(*inner, smooth) if bounded else None

    def _check_start(self, start: Tensor) -> None:
        """Raises: InputError for a start outside the bounds, or one that has no logarithm."""
        outside = ((start < self.low) | (start > self.high)).nonzero()
        if len(outside):
            k = int(outside[0])
            raise InputError(
                f"{self.where}: {self._labels[k]} starts at {start[k].item():g}, outside its bounds "
                f"[{self.low[k].item():g}, {self.high[k].item():g}]; change init or bounds."
            )
        if self.log and bool((start <= 0.0).any()):
            k = int((start <= 0.0).nonzero()[0])
            raise InputError(
                f"{self.where}: log is true, but {self._labels[k]} starts at {start[k].item():g}; give a positive init."
            )

    def _prior(self, given: Any, start: Tensor) -> tuple[Tensor, Tensor]:
        where, size = f"{self.where}.prior", len(start)
        if not isinstance(given, (list, tuple)) or len(given) != 2 or given[1] is None:
            raise InputError(f"{where}: {given!r} is not allowed; write [mean, std]; a mean of null is the start.")
        mean = start.clone() if given[0] is None else vector(where, given[0], size)
        deviation = vector(where, given[1], size)
        if bool((deviation <= 0.0).any()):
            raise InputError(f"{where}: a standard deviation is {deviation.min().item():g}; it must be positive.")
        return mean, deviation
