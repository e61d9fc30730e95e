"""Calibration of a robot's geometry: how joints sit on their parent links, and where their zero is."""

from typing import Any

import torch
from torch import Tensor

from genesis.description.kinds import SCALARS
from genesis.errors import InputError
from genesis.parameters.rows import rows_of
from genesis.scene.rotation import from_rotation_vector, multiply, rotate
from genesis.selection import Joint, chosen_joints, indices, tensor
from genesis.setting import Setting
from genesis.sysid.target import Target
from genesis.sysid.unknowns.unknown import Options, Unknown


class LinkRotation(Unknown):
    """A small turn of chosen links in their parents' frames, as rotation vectors in link axes [rad]: quat = quat0 exp(r)."""

    def __init__(self, setting: Setting, where: str, *, options: Options, names: Any = ("*",)) -> None:
        places, found = rows_of(f"{where}.names", setting, "link_quat", names)
        self.places = indices(places or range(len(found)))
        labels = [f"{name}.{axis}" for name in found for axis in "xyz"]
        super().__init__(where, labels, "rad", tensor([0.0] * len(labels)), options)

    def apply(self, z: Tensor, target: Target) -> None:
        base = target.value("link_quat")
        turned = multiply(base[self.places], from_rotation_vector(self.rows_of(z).reshape(-1, 3)))
        target.physical["link_quat"] = base.index_copy(0, self.places, turned)


class JointOffset(Unknown):
    """The joint coordinate at which the described zero configuration stands [rad | m]: the joint is moved by this at q = 0.

    The shift lies in the placement of the link, along or about the joint's axis, so that limits and springs keep their coordinates.
    """

    def __init__(self, setting: Setting, where: str, *, options: Options, names: Any = ("*",), entity: str | None = None) -> None:
        joints = chosen_joints(f"{where}.names", setting.entity(where, entity), names)
        model = setting.scene.rigid_solver.model
        placed = [(order, *_placement(where, model, joint)) for order, joint in enumerate(joints)]
        self.turned = [(order, link, axis) for order, link, axis, _ in placed if joints[order].turns]
        self.shifted = [(order, link, axis * advance) for order, link, axis, advance in placed if advance]
        unit = "m" if not self.turned else "rad | m" if any(joint.slides for joint in joints) else "rad"
        super().__init__(where, [joint.name for joint in joints], unit, tensor([0.0] * len(joints)), options)

    def apply(self, z: Tensor, target: Target) -> None:
        offsets = self.rows_of(z)
        if self.turned:
            orders, links, axes = (list(column) for column in zip(*self.turned, strict=True))
            base = target.value("link_quat")
            spin = from_rotation_vector(offsets[orders][:, None] * torch.stack(axes))
            target.physical["link_quat"] = base.index_copy(0, indices(links), multiply(base[links], spin))
        if self.shifted:
            orders, links, axes = (list(column) for column in zip(*self.shifted, strict=True))
            base = target.value("link_pos")
            shift = rotate(target.value("link_quat")[links], offsets[orders][:, None] * torch.stack(axes))
            target.physical["link_pos"] = base.index_add(0, indices(links), shift)


def _placement(where: str, model: Any, joint: Joint) -> tuple[int, Tensor, float]:
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
