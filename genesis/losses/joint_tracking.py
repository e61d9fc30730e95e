"""Distance of joint positions to a target or path."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from genesis.losses.targets import reference
from genesis.losses.term import Columns, Squares, SumOfSquares, window
from genesis.paths import target_path
from genesis.selection import SceneJoint, chosen_joints, coordinates, difference
from genesis.setting import Setting
from genesis.view import View


class JointTracking(SumOfSquares):
    """mean over joints, time and environments of (q − target)² [rad² | m²]; angles modulo full turns if `periodic`."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        target: Any = "home",
        period: float | None = None,
        joints: Any = ("*",),
        periodic: bool = False,
        at: Any = "all",
        entity: str | None = None,
    ) -> None:
        self.joints = chosen_joints(where, setting.entity(where, entity), joints)
        self.periodic = periodic
        self.steps = window(where, at, setting.horizon)
        self.target = joint_path(where, setting, target, coordinates(self.joints), period)[self.steps]

    def residuals(self, trajectory: View) -> list[Squares]:
        qpos = trajectory.qpos[self.steps]
        target = trajectory.own(self.target, 1) if self.target.ndim == qpos.ndim else self.target.unsqueeze(1)
        return [
            Squares(
                difference(self.joints, qpos, target, self.periodic), first=self.steps.start, sees=seen_by_difference(self.joints)
            )
        ]


def seen_by_difference(joints: Sequence[SceneJoint]) -> Columns | None:
    """`Squares.sees` of `difference`: a turn about a point sees its whole quaternion."""
    return ("qpos", coordinates(joints)) if all(joint.is_scalar for joint in joints) else None


def joint_path(where: str, setting: Setting, target: Any, chosen: list[int], period: float | None = None) -> Tensor:
    """Configurations of the scene (T+1,[B,]nq) whose chosen coordinates follow the target."""
    if isinstance(target, str) and target == "reference":
        return reference(where, setting.reference, "qpos")
    if isinstance(target, str) and target == "home":
        return setting.start_qpos.expand(setting.horizon + 1, *setting.start_qpos.shape)
    full = setting.one_start()[0].expand(setting.horizon + 1, -1).clone()
    full[:, chosen] = target_path(setting, where, target, len(chosen), period)
    return full
