"""Positions of joints of one coordinate."""

from math import tau

import torch
from torch import Tensor

from genesis.channels.channel import BaseChannel
from genesis.channels.joints import scalar_joints, units_of
from genesis.channels.sample import Sample
from genesis.selection import coordinates
from genesis.setting import Setting


class JointPosition(BaseChannel):
    """q [rad | m]; periodic: angles a full turn apart count as equal."""

    kind = "joint_position"

    def __init__(
        self, setting: Setting, where: str, names: list[str], *, entity: str | None = None, periodic: bool = False
    ) -> None:
        joints = scalar_joints(setting, where, names, entity)
        super().__init__(names, units_of(joints, "angle", "length"))
        self.selection = coordinates(joints)
        self.turning = torch.tensor([periodic and joint.is_periodic for joint in joints])
        self.plain = not bool(self.turning.any())

    def predict(self, sample: Sample) -> Tensor:
        """(N, joints)"""
        return sample.qpos[:, self.selection]

    def residual(self, predicted: Tensor, measured: Tensor) -> Tensor:
        """predicted - measured, of periodic angles the nearest turn."""
        difference = predicted - measured
        if self.plain:
            return difference
        turns = torch.round(difference.detach() / tau).nan_to_num() * self.turning.to(difference)
        return difference - tau * turns
