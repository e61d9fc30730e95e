"""The start configuration as a parameter."""

from typing import Any

from genesis.errors import InputError
from genesis.parameters.numbers import DescribedNumbers, NumberOptions, Numbers
from genesis.parameters.parameter import Changes, Inputs
from genesis.selection import SceneJoint, chosen_joints, indices, limits
from genesis.setting import Setting


class InitialPosition(Numbers):
    """qpos of joints of one coordinate, and the position (not the orientation) of free joints, the same in every environment."""

    def __init__(self, setting: Setting, where: str, *, joints: Any = ("*",), entity: str | None = None, **common: Any) -> None:
        body = setting.entity(where, entity)
        chosen = chosen_joints(where, body, joints)
        self.coordinates, labels = vector_coordinates(chosen)
        if not self.coordinates:
            raise InputError(f"{where}: the chosen joints have no coordinate that is a plain number (ball joints have none).")
        scalar = [joint for joint in chosen if joint.is_scalar]
        ranges = {"limits": limits(body, scalar, "position")} if len(scalar) == len(labels) else {}
        unit = unit_of([joint.slides or not joint.is_scalar for joint in chosen], "m", "rad")
        described = DescribedNumbers(labels, unit, setting.one_start()[0][self.coordinates], ranges=ranges)
        super().__init__(setting, where, described, NumberOptions(**common), Changes(start=True))

    def apply(self, inputs: Inputs) -> None:
        value = self.of_rows()
        index = indices(self.coordinates)
        inputs.qpos = inputs.qpos.index_copy(-1, index, value.expand(*inputs.qpos.shape[:-1], -1))


def unit_of(pushes: list[bool], push: str, turn: str) -> str:
    """Of numbers that are for pushing or for turning: the unit of the one, of the other, or both."""
    return push if all(pushes) else f"{turn} | {push}" if any(pushes) else turn


def vector_coordinates(joints: list[SceneJoint]) -> tuple[list[int], list[str]]:
    """Indices into qpos of coordinates that are plain numbers (no quaternions), and a name for each."""
    index: list[int] = []
    names: list[str] = []
    for joint in joints:
        index.extend(joint.qs[: joint.kind.plain])
        names.extend([joint.name] if joint.is_scalar else [f"{joint.name}.{axis}" for axis in "xyz"[: joint.kind.plain]])
    return index, names
