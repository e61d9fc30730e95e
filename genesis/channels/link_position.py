"""Positions of links and sites."""

from torch import Tensor

from genesis.channels.channel import BaseChannel
from genesis.channels.frames import frames
from genesis.channels.sample import Sample
from genesis.setting import Setting


class LinkPosition(BaseChannel):
    """p_WF [m]"""

    kind = "link_position"

    def __init__(self, setting: Setting, where: str, names: list[str], *, entity: str | None = None) -> None:
        super().__init__(names, "m")
        self.frames = frames(setting, where, names, entity)

    def predict(self, sample: Sample) -> Tensor:
        """(N, 3 frames)"""
        return self.frames.position(sample.kinematics).flatten(1)
