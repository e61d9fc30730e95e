"""Velocities of links and sites."""

from torch import Tensor

from genesis.channels.channel import BaseChannel
from genesis.channels.frames import frames, in_frame
from genesis.channels.sample import Sample
from genesis.grad.rotation import rotate_inverse
from genesis.setting import Setting


class LinkVelocity(BaseChannel):
    """Velocity of the frame's origin [m/s]; axes: world or frame."""

    kind = "link_velocity"

    def __init__(self, setting: Setting, where: str, names: list[str], *, entity: str | None = None, axes: str = "world") -> None:
        super().__init__(names, "m/s")
        self.frames = frames(setting, where, names, entity)
        self.own = in_frame(where, axes)

    def predict(self, sample: Sample) -> Tensor:
        """(N, 3 frames)"""
        velocity = self.frames.velocity(sample.kinematics)
        if self.own:
            velocity = rotate_inverse(self.frames.orientation(sample.kinematics), velocity)
        return velocity.flatten(1)
