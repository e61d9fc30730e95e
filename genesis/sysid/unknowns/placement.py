"""Calibration of a robot's geometry: how joints sit on their parent links, and where their zero is."""

from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.parameters.rows import rows_of
from genesis.scene.rotation import from_rotation_vector, multiply, rotate
from genesis.selection import chosen_joints, indices, tensor
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
        body = setting.entity(where, entity)
        joints = chosen_joints(f"{where}.names", body, names)
        model = setting.scene.rigid_solver.model
        info = {joint.name: k for k, joint in enumerate(model.joints)}
        turned: list[tuple[int, int, Tensor]] = []
        shifted: list[tuple[int, int, Tensor]] = []
        for order, joint in enumerate(joints):
            if not joint.is_scalar:
                raise InputError(f'{where}: joint "{joint.name}" is a ball or free joint; only hinges and slides have an offset.')
            k = info[joint.name]
            row = next(
                i for i, dof in enumerate(model.integers["jnt_dof"]) if dof == joint.dofs[0] and model.integers["jnt_owner"][i]
            )
            link = model.joints[k].link
            axis = tensor(model.parameters["jnt_axis"][row])
            if joint.turns and bool((abs(torch.as_tensor(model.parameters["jnt_pos"][row])) > 0).any()):
                raise InputError(
                    f'{where}: the axis of joint "{joint.name}" does not pass through its link\'s origin; use link_rotation.'
                )
            (turned if joint.turns else shifted).append((order, link, axis))
        self.turned, self.shifted = turned, shifted
        super().__init__(where, [joint.name for joint in joints], "rad | m", tensor([0.0] * len(joints)), options)

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
