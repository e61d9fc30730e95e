"""Accelerometers."""

from typing import Any

from torch import Tensor

from genesis.channels.channel import BaseChannel
from genesis.channels.frames import frames
from genesis.channels.sample import Sample
from genesis.grad.rotation import rotate_inverse
from genesis.setting import Setting


class Accelerometer(BaseChannel):
    """Specific force R^T (dv/dt - gravity) of a sensor fixed in a link or site [m/s²].

    dv/dt is the change of the sensor's velocity over the time step that holds the instant, so that impacts count as the sensor, which
    averages over its own sampling time, sees them.
    """

    kind = "accelerometer"
    uses_acceleration = True

    def __init__(
        self,
        setting: Setting,
        where: str,
        names: list[str],
        *,
        entity: str | None = None,
        local_pos: Any = None,
        local_quat: Any = None,
    ) -> None:
        super().__init__(names, "m/s2")
        self.frames = frames(setting, where, names, entity, local_pos, local_quat)

    def predict(self, sample: Sample) -> Tensor:
        """(N, 3 sensors)"""
        change = self.frames.velocity(sample.kinematics_right) - self.frames.velocity(sample.kinematics_left)
        gravity = sample.parameter("gravity").unsqueeze(-2)  # (1, 3) or (N, 1, 3)
        return rotate_inverse(self.frames.orientation(sample.kinematics), change / sample.dt - gravity).flatten(1)
