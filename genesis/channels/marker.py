"""Markers of motion capture, in the world or in the image of a camera."""

from typing import Any

import torch
from torch import Tensor

from genesis.channels.channel import BaseChannel
from genesis.channels.frames import frames as frames_of
from genesis.channels.sample import Sample
from genesis.errors import InputError
from genesis.selection import vector
from genesis.setting import Setting


class Marker(BaseChannel):
    """Position of a point fixed in a link or site [m]. frames: name of a marker -> its link or site, where it is not its own."""

    kind = "marker"

    def __init__(
        self,
        setting: Setting,
        where: str,
        names: list[str],
        *,
        entity: str | None = None,
        local_pos: Any = None,
        frames: dict[str, str] | None = None,
    ) -> None:
        super().__init__(names, "m")
        self.frames = frames_of(setting, where, names, entity, local_pos, held_by=frames)

    def predict(self, sample: Sample) -> Tensor:
        """(N, 3 markers)"""
        return self.frames.position(sample.kinematics).flatten(1)


class Camera(BaseChannel):
    """Pixels matrix p + origin of a point p [m] fixed in a link or site: an affine camera, far away compared with the scene.

    matrix (2, 3) [px/m] and origin (2,) [px] are the calibration.
    """

    kind = "camera"

    def __init__(
        self,
        setting: Setting,
        where: str,
        names: list[str],
        *,
        matrix: Any,
        origin: Any,
        entity: str | None = None,
        local_pos: Any = None,
        frames: dict[str, str] | None = None,
    ) -> None:
        super().__init__(names, "px")
        self.frames = frames_of(setting, where, names, entity, local_pos, held_by=frames)
        if not isinstance(matrix, (list, tuple)) or len(matrix) != 2:
            raise InputError(f"{where}.matrix: {matrix!r}; allowed: two rows of three numbers.")
        self.matrix = torch.stack([vector(f"{where}.matrix[{k}]", row, 3) for k, row in enumerate(matrix)])
        self.origin = vector(f"{where}.origin", origin, 2)

    def predict(self, sample: Sample) -> Tensor:
        """(N, 2 markers)"""
        return (self.frames.position(sample.kinematics) @ self.matrix.T + self.origin).flatten(1)
