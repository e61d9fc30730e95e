"""What an unknown is: a group of numbers to be identified, with bounds, priors and the way from free numbers to what they change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.parameters.bounds import read_bounds
from genesis.selection import tensor, vector
from genesis.sysid.target import Target


@dataclass
class Options:
    """What every kind of unknown may be told.

    init: start, a number or one each; None: the described value. bounds: [low, high], each a number, a list or None.
    log: identify the logarithm: the value stays positive and steps are relative. prior: [mean, std] (Gaussian on the natural scale;
    mean None: the start), each a number or a list. learn: False holds the start. tie: one number for all rows.
    each_recording: a number for every recording of its own.
    """

    init: Any = None
    bounds: Any = None
    log: bool = False
    prior: Any = None
    learn: bool = True
    tie: bool = False
    each_recording: bool = False


class Unknown:
    """k natural values of one group; free numbers z (k,) are these, or their logarithms.

    where: its place in the config. labels: a name for each value. unit: of the values. start (k,): natural values at the start.
    low, high (k,): bounds of z. mean, deviation (k,): Gaussian prior on the natural scale, deviation inf where there is none.
    """

    reported: str = ""  # unit

    def __init__(
        self, where: str, labels: Sequence[str], unit: str, described: Tensor, options: Options, least: float = -torch.inf
    ) -> None:
        self.where, self.group, self.unit, self.options = where, where.rpartition(".")[2], unit, options
        self.rows = described.numel()
        self.labels = ["all"] if options.tie and self.rows > 1 else list(labels)
        self.learn, self.log, self.each_recording = options.learn, options.log, options.each_recording
        size = len(self.labels)
        own = described.reshape(-1)
        start = own if options.init is None else vector(f"{where}.init", options.init, size)
        self.start = start[:1].clone() if options.tie and options.init is None else start.clone()
        self.low, self.high = self._bounds(size, least)
        self._check_start()
        self.mean, self.deviation = self._prior(size)

    def natural(self, z: Tensor) -> Tensor:
        """Values (k,) that are reported, of free numbers (k,)."""
        return torch.exp(z) if self.log else z

    def free(self) -> Tensor:
        """z (k,) at the start."""
        return torch.log(self.start) if self.log else self.start.clone()

    def free_bounds(self) -> tuple[Tensor, Tensor]:
        """Low and high of z (k,)."""
        if not self.log:
            return self.low, self.high
        return torch.where(self.low > 0.0, torch.log(self.low.clamp(min=1e-300)), -torch.inf), torch.log(self.high)

    def rows_of(self, z: Tensor) -> Tensor:
        """Values of all rows (rows,): a tied one repeated."""
        value = self.natural(z)
        return value.expand(self.rows) if self.options.tie else value

    def apply(self, z: Tensor, target: Target) -> None:
        """Put the values of free numbers (k,) into the target."""
        raise NotImplementedError

    def pseudo_measurements(self, z: Tensor) -> Tensor | None:
        """Further residuals (in standard deviations) that the group brings along, or None."""
        return None

    def _bounds(self, size: int, least: float) -> tuple[Tensor, Tensor]:
        given = read_bounds(self.where, self.options.bounds, size, "clamp", {})
        low, high = tensor([least] * size), tensor([torch.inf] * size)
        return (low, high) if given is None else (torch.maximum(given.low, low), given.high)

    def _check_start(self) -> None:
        """Raises: InputError for a start outside the bounds, or one that has no logarithm."""
        outside = ((self.start < self.low) | (self.start > self.high)).nonzero()
        if len(outside):
            k = int(outside[0])
            raise InputError(
                f"{self.where}: {self.labels[k]} starts at {self.start[k].item():g}, outside its bounds "
                f"[{self.low[k].item():g}, {self.high[k].item():g}]; change init or bounds."
            )
        if self.log and bool((self.start <= 0.0).any()):
            k = int((self.start <= 0.0).nonzero()[0])
            raise InputError(
                f"{self.where}: log is true, but {self.labels[k]} starts at {self.start[k].item():g}; give a positive init."
            )

    def _prior(self, size: int) -> tuple[Tensor, Tensor]:
        if self.options.prior is None:
            return self.start.clone(), tensor([torch.inf] * size)
        given = self.options.prior
        if not isinstance(given, (list, tuple)) or len(given) != 2 or given[1] is None:
            raise InputError(f"{self.where}.prior: {given!r} is not allowed; write [mean, std]; a mean of null is the start.")
        mean = self.start.clone() if given[0] is None else vector(f"{self.where}.prior", given[0], size)
        deviation = vector(f"{self.where}.prior", given[1], size)
        if bool((deviation <= 0.0).any()):
            raise InputError(f"{self.where}.prior: a standard deviation is {deviation.min().item():g}; it must be positive.")
        return mean, deviation
