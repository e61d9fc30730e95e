"""The start configuration as a parameter."""

from typing import Any

from genesis.errors import InputError
from genesis.parameters.bounds import read_bounds
from genesis.parameters.parameter import Inputs
from genesis.parameters.scalars import ScalarGroup, Scalars
from genesis.selection import Joint, chosen_joints, indices, limits, vector
from genesis.setting import Setting


class InitialPosition(ScalarGroup):
    """qpos of joints of one coordinate, and the position (not the orientation) of free joints, the same in every environment."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        joints: Any = ("*",),
        entity: str | None = None,
        init: Any = None,
        bounds: Any = None,
        transform: str = "smooth",
        learn: bool = True,
        lr: float | None = None,
    ) -> None:
        self.learn, self.lr = learn, lr
        body = setting.entity(where, entity)
        chosen = chosen_joints(where, body, joints)
        self.coordinates, self._labels = vector_coordinates(chosen)
        if not self.coordinates:
            raise InputError(f"{where}: the chosen joints have no coordinate that is a plain number (ball joints have none).")
        size = len(self.coordinates)
        start = setting.one_start()[0][self.coordinates] if init is None else vector(f"{where}.init", init, size)
        scalar = [joint for joint in chosen if joint.is_scalar]
        named = {"limits": limits(body, scalar, "position")} if len(scalar) == size else {}
        self.scalars = Scalars(where, start, read_bounds(where, bounds, size, transform, named), log=False, learn=learn)

    def apply(self, inputs: Inputs) -> None:
        value = self.scalars.value()
        index = indices(self.coordinates)
        inputs.qpos = inputs.qpos.index_copy(-1, index, value.expand(*inputs.qpos.shape[:-1], -1))


def vector_coordinates(joints: list[Joint]) -> tuple[list[int], list[str]]:
    """Indices into qpos of coordinates that are plain numbers (no quaternions), and a name for each."""
    index: list[int] = []
    names: list[str] = []
    for joint in joints:
        index.extend(joint.qs[: joint.kind.plain])
        names.extend([joint.name] if joint.is_scalar else [f"{joint.name}.{axis}" for axis in "xyz"[: joint.kind.plain]])
    return index, names
