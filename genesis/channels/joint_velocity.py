"""Velocities of joints of one coordinate."""

from torch import Tensor

from genesis.channels.channel import BaseChannel
from genesis.channels.joints import scalar_joints, units_of
from genesis.channels.sample import Sample
from genesis.selection import dofs
from genesis.setting import Setting


class JointVelocity(BaseChannel):
    """v [rad/s | m/s]"""

    kind = "joint_velocity"

    def __init__(self, setting: Setting, where: str, names: list[str], *, entity: str | None = None) -> None:
        joints = scalar_joints(setting, where, names, entity)
        super().__init__(names, units_of(joints, "angular velocity", "velocity"))
        self.dofs = dofs(joints)
        first = setting.start_qpos.shape[-1]
        self.selection = [first + dof for dof in self.dofs]

    def predict(self, sample: Sample) -> Tensor:
        """(N, joints)"""
        return sample.qvel[:, self.dofs]
