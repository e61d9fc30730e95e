"""What a channel is."""

from typing import Protocol

from torch import Tensor

from genesis.channels.kinds import CHANNEL_KINDS
from genesis.channels.sample import Sample


class Channel(Protocol):
    """Measured numbers as a function of simulated motion.

    kind: as in the config; labels: one for each measured number; unit: SI.
    width, residual_width: numbers of a measurement and of its residual.
    selection: predict is x[selection] of x = (qpos, qvel) put together, or None.
    plain: whether residual is predicted - measured.
    uses_acceleration: whether predict reads the time step around the instant (left, right, qacc, controls) and not the instant alone.
    """

    kind: str
    labels: list[str]
    unit: str
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

    def __init__(self, names: list[str], unit: str) -> None:
        about = CHANNEL_KINDS[self.kind]
        self.names, self.unit = list(names), unit
        self.labels = about.labels(self.names)
        self.width = about.width * len(self.names)
        self.residual_width = about.residual_width * len(self.names)

    def residual(self, predicted: Tensor, measured: Tensor) -> Tensor:
        """predicted - measured"""
        return predicted - measured
