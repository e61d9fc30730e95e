"""Angular velocities of links and sites, and gyroscopes."""

from typing import Any

from torch import Tensor

from genesis.channels.channel import BaseChannel
from genesis.channels.frames import frames, in_frame
from genesis.channels.sample import Sample
from genesis.grad.rotation import rotate_inverse
from genesis.setting import Setting


class LinkAngularVelocity(BaseChannel):
    """Angular velocity of the frame [rad/s]; axes: world or frame."""

    kind = "link_angular_velocity"

    def __init__(self, setting: Setting, where: str, names: list[str], *, entity: str | None = None, axes: str = "world") -> None:
        super().__init__(names, "rad/s")
        self.frames = frames(setting, where, names, entity)
        self.own = in_frame(where, axes)

    def predict(self, sample: Sample) -> Tensor:
        """(N, 3 frames)"""
        velocity = self.frames.angular(sample.kinematics)
        if self.own:
            velocity = rotate_inverse(self.frames.orientation(sample.kinematics), velocity)
        return velocity.flatten(1)


class Gyro(BaseChannel):
    """Angular velocity in the axes of a sensor fixed in a link or site [rad/s]."""

    kind = "gyro"

    def __init__(
        self,
        setting: Setting,
        where: str,
        names: list[str],
        *,
        entity: str | None = None,
        local_quat: Any = None,
    ) -> None:
        super().__init__(names, "rad/s")
        self.frames = frames(setting, where, names, entity, local_quat=local_quat)

    def predict(self, sample: Sample) -> Tensor:
        """(N, 3 sensors)"""
        k = sample.kinematics
        return rotate_inverse(self.frames.orientation(k), self.frames.angular(k)).flatten(1)
