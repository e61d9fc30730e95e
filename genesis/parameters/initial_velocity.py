"""The start velocity as a parameter."""

from typing import Any

from genesis.errors import InputError
from genesis.parameters.initial_position import unit_of
from genesis.parameters.numbers import DescribedNumbers, NumberOptions, Numbers
from genesis.parameters.parameter import Changes, Inputs
from genesis.selection import SceneJoint, chosen_joints, indices
from genesis.setting import Setting


class InitialVelocity(Numbers):
    """qvel of the chosen joints, or the linear or angular part of free joints, the same in every environment."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        joints: Any = ("*",),
        entity: str | None = None,
        part: str = "all",
        **common: Any,
    ) -> None:
        chosen = chosen_joints(where, setting.entity(where, entity), joints)
        self.dofs, labels = velocity_dofs(chosen, part)
        if not self.dofs:
            raise InputError(f"{where}: part is {part}, but none of the chosen joints is free; allowed here: all.")
        pushes = [
            joint.slides or (joint.is_free and k < 3) for joint in chosen for k, dof in enumerate(joint.dofs) if dof in self.dofs
        ]
        described = DescribedNumbers(labels, unit_of(pushes, "m/s", "rad/s"), setting.one_start()[1][self.dofs])
        super().__init__(setting, where, described, NumberOptions(**common), Changes(start=True))

    def apply(self, inputs: Inputs) -> None:
        value = self.of_rows()
        index = indices(self.dofs)
        inputs.qvel = inputs.qvel.index_copy(-1, index, value.expand(*inputs.qvel.shape[:-1], -1))


def velocity_dofs(joints: list[SceneJoint], part: str) -> tuple[list[int], list[str]]:
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
