"""What a channel is."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from genesis.channels.kinds import CHANNEL_KINDS
from genesis.channels.sample import Sample


class Channel(Protocol):
    """Measured numbers as a function of simulated motion.

    kind: as in the config; labels: one for each measured number; units: SI, likewise; unit: of all of them ("rad | m" of both).
    width, residual_width: numbers of a measurement and of its residual.
    selection: predict is x[selection] of x = (qpos, qvel) put together, or None.
    plain: whether residual is predicted - measured.
    uses_acceleration: whether predict reads the time step around the instant (left, right, qacc, controls) and not the instant alone.
    """

    kind: str
    labels: list[str]
    unit: str
    units: list[str]
    width: int
    residual_width: int
    selection: list[int] | None
    plain: bool
    uses_acceleration: bool

    def predict(self, sample: Sample) -> Tensor:
        """(N, width), differentiable to every tensor of the sample."""
        ...

    def residual(self, predicted: Tensor, measured: Tensor) -> Tensor:
        """(N, residual_width) of what was predicted and measured, each (N, width)."""
        ...


class BaseChannel:
    """What most channels share: numbers as `kinds.CHANNEL_KINDS` says, and the difference as residual."""

    kind = ""
    selection: list[int] | None = None
    plain = True
    uses_acceleration = False

    def __init__(self, names: list[str], unit: str | Sequence[str]) -> None:
        about = CHANNEL_KINDS[self.kind]
        self.names = list(names)
        self.labels = about.labels(self.names)
        self.units = [unit] * len(self.labels) if isinstance(unit, str) else list(unit)
        self.unit = " | ".join(dict.fromkeys(self.units))
        self.width = about.width * len(self.names)
        self.residual_width = about.residual_width * len(self.names)

    def residual(self, predicted: Tensor, measured: Tensor) -> Tensor:
        """predicted - measured"""
        return predicted - measured
