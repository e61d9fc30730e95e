"""The start velocity as a parameter."""

from typing import Any

from genesis.errors import InputError
from genesis.parameters.bounds import read_bounds
from genesis.parameters.parameter import Inputs
from genesis.parameters.scalars import ScalarGroup, Scalars
from genesis.selection import Joint, chosen_joints, indices, vector
from genesis.setting import Setting


class InitialVelocity(ScalarGroup):
    """qvel of the chosen joints, or the linear or angular part of free joints, the same in every environment."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        joints: Any = ("*",),
        entity: str | None = None,
        part: str = "all",
        init: Any = None,
        bounds: Any = None,
        transform: str = "smooth",
        learn: bool = True,
        lr: float | None = None,
    ) -> None:
        self.learn, self.lr = learn, lr
        self.dofs, self._labels = velocity_dofs(chosen_joints(where, setting.entity(where, entity), joints), part)
        if not self.dofs:
            raise InputError(f"{where}: part is {part}, but none of the chosen joints is free; allowed here: all.")
        size = len(self.dofs)
        start = setting.one_start()[1][self.dofs] if init is None else vector(f"{where}.init", init, size)
        self.scalars = Scalars(where, start, read_bounds(where, bounds, size, transform, {}), log=False, learn=learn)

    def apply(self, inputs: Inputs) -> None:
        value = self.scalars.value()
        index = indices(self.dofs)
        inputs.qvel = inputs.qvel.index_copy(-1, index, value.expand(*inputs.qvel.shape[:-1], -1))


def velocity_dofs(joints: list[Joint], part: str) -> tuple[list[int], list[str]]:
    """Indices into qvel, and a name for each; `part` linear or angular takes only that half of free joints."""
    index: list[int] = []
    names: list[str] = []
    for joint in joints:
        if part != "all" and not joint.is_free:
            continue
        chosen = {"all": slice(None), "linear": slice(joint.kind.plain), "angular": slice(joint.kind.plain, None)}[part]
        index.extend(joint.dofs[chosen])
        names.extend([joint.name] if joint.is_scalar else [f"{joint.name}.{axis}" for axis in joint.kind.labels[chosen]])
    return index, names
