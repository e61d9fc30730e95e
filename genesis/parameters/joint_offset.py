"""Where the zero of joints is."""

from typing import Any

import torch
from torch import Tensor

from genesis.description.kinds import SCALARS
from genesis.errors import InputError
from genesis.grad.rotation import from_rotation_vector, multiply, rotate
from genesis.parameters.numbers import DescribedNumbers, NumberOptions, Numbers
from genesis.parameters.parameter import Changes, Inputs
from genesis.selection import SceneJoint, chosen_joints, indices, tensor
from genesis.setting import Setting


class JointOffset(Numbers):
    """The joint coordinate at which the described zero configuration stands [rad | m]: the joint is moved by this at q = 0.

    The shift lies in the placement of the link, along or about the joint's axis, so that limits and springs keep their coordinates.
    """

    def __init__(self, setting: Setting, where: str, *, names: Any = ("*",), entity: str | None = None, **common: Any) -> None:
        joints = chosen_joints(f"{where}.names", setting.entity(where, entity), names)
        model = setting.scene.rigid_solver.model
        placed = [(order, *_placement(where, model, joint)) for order, joint in enumerate(joints)]
        self.turned = [(order, link, axis) for order, link, axis, _ in placed if joints[order].turns]
        self.shifted = [(order, link, axis * advance) for order, link, axis, advance in placed if advance]
        unit = ["m" if joint.slides else "rad" for joint in joints]
        described = DescribedNumbers([joint.name for joint in joints], unit, tensor([0.0] * len(joints)))
        changes = Changes(physical=(*(("link_quat",) if self.turned else ()), *(("link_pos",) if self.shifted else ())))
        super().__init__(setting, where, described, NumberOptions(**common), changes)

    def apply(self, inputs: Inputs) -> None:
        offsets = self.of_rows()
        if self.turned:
            orders, links, axes = (list(column) for column in zip(*self.turned, strict=True))
            base = inputs.value("link_quat")
            spin = from_rotation_vector(offsets[orders][:, None] * torch.stack(axes))
            inputs.physical["link_quat"] = base.index_copy(0, indices(links), multiply(base[links], spin))
        if self.shifted:
            orders, links, axes = (list(column) for column in zip(*self.shifted, strict=True))
            base = inputs.value("link_pos")
            shift = rotate(inputs.value("link_quat")[links], offsets[orders][:, None] * torch.stack(axes))
            inputs.physical["link_pos"] = base.index_add(0, indices(links), shift)


def _placement(where: str, model: Any, joint: SceneJoint) -> tuple[int, Tensor, float]:
    """The link that a joint moves, its axis (3,) in the link's frame, and how far a unit of the coordinate moves it along that.

    Raises: InputError where that says not all of the offset.
    """
    if not joint.is_scalar:
        raise InputError(f'{where}: joint "{joint.name}" is a {joint.kind.name} joint; only {SCALARS} have an offset.')
    k, link = next((k, info.link) for k, info in enumerate(model.joints) if info.nv and info.dof_adr == joint.dofs[0])
    if any(other.link == link and other.nv for other in model.joints[:k]):
        raise InputError(
            f'{where}: joint "{joint.name}" moves its link after another joint of the same link; only the offset of the first one lies '
            "in the placement of the link."
        )
    owners = zip(model.integers["jnt_dof"], model.integers["jnt_owner"], strict=True)
    row = next(i for i, (dof, owner) in enumerate(owners) if dof == joint.dofs[0] and owner)
    if joint.turns and model.parameters["jnt_pos"][row].any():
        raise InputError(
            f'{where}: the axis of joint "{joint.name}" does not pass through its link\'s origin; use link_rotation.'
        )
    advance = joint.kind.either(float(model.parameters["jnt_pitch"][row]), 1.0)
    return link, tensor(model.parameters["jnt_axis"][row]), advance
