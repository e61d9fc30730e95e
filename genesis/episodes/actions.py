"""What the numbers of a policy, each in [-1, 1], do to the robot."""

from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.selection import driven_joints, indices, vector
from genesis.setting import Setting


class Actions:
    """Controls of joints: middle + scale · action; of `force` tasks torques, of `position` tasks targets of the joints' PD control.

    Args:
        joints: names or glob patterns, in the order of the model. scale: of each or of all [N | Nm, or rad | m].
        middle: what action 0 means, of each or all; null: no force, or the configuration at the start.
    Raises: InputError, UnknownNameError naming the key.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        joints: Any = ("*",),
        scale: Any = 1.0,
        middle: Any = None,
        entity: str | None = None,
    ) -> None:
        chosen = driven_joints(f"{where}.joints", setting.entity(f"{where}.entity", entity), joints)
        chosen = [joint for joint in chosen if joint.is_scalar]
        if not chosen:
            raise InputError(f"{where}.joints: {joints!r} means joints of one coordinate, and there is none.")
        self.labels, self.kind = [joint.name for joint in chosen], setting.control
        self.dofs, self.nv = indices([joint.dofs[0] for joint in chosen]), setting.start_qvel.shape[-1]
        self.scale = vector(f"{where}.scale", scale, len(chosen))
        if bool((self.scale <= 0.0).any()):
            raise InputError(f"{where}.scale: {scale!r} is not allowed; allowed: numbers above 0.")
        start = setting.one_start()[0][[joint.qs[0] for joint in chosen]]
        usual = start if setting.control == "position" else torch.zeros_like(start)
        self.middle = usual if middle is None else vector(f"{where}.middle", middle, len(chosen))

    def __len__(self) -> int:
        return len(self.labels)

    def controls(self, action: Tensor, rest: Tensor) -> Tensor:
        """(B, nv) of actions (B, n); rest (B, nv): of the degrees of freedom that no action drives."""
        return rest.index_copy(-1, self.dofs, self.middle + self.scale * action)
