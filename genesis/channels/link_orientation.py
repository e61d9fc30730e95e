"""Orientations of links and sites."""

import torch
from torch import Tensor

from genesis.channels.channel import BaseChannel
from genesis.channels.frames import frames
from genesis.channels.sample import Sample
from genesis.selection import quaternion_error
from genesis.setting import Setting


class LinkOrientation(BaseChannel):
    """q_WF, wxyz. Residual: 2 sin(angle / 2) times the axis of the turn from the measured orientation to the predicted one [rad]."""

    kind = "link_orientation"
    plain = False

    def __init__(self, setting: Setting, where: str, names: list[str], *, entity: str | None = None) -> None:
        super().__init__(names, "1")
        self.frames = frames(setting, where, names, entity)

    def predict(self, sample: Sample) -> Tensor:
        """(N, 4 frames)"""
        return self.frames.orientation(sample.kinematics).flatten(1)

    def residual(self, predicted: Tensor, measured: Tensor) -> Tensor:
        """(N, 3 frames) in the measured axes, of the quaternion of the pair ±q that is nearer."""
        here, there = predicted.unflatten(1, (-1, 4)), measured.unflatten(1, (-1, 4))
        nearer = torch.where((here * there).sum(-1, keepdim=True) < 0.0, -1.0, 1.0)
        return (2.0 * nearer * quaternion_error(here, there)).flatten(1)
