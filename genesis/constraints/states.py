"""Constraints on states: the last one is given, or it is the first one again."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from genesis.constraints.constraint import Constraint, RangedQuantity, grouped
from genesis.errors import InputError
from genesis.grad.rotation import rotate_inverse
from genesis.losses.joint_tracking import seen_by_difference
from genesis.losses.term import Columns, TimeRows
from genesis.losses.terminal_state import target_configuration
from genesis.selection import SceneJoint, chosen_joints, coordinates, difference, dofs, match, vector
from genesis.setting import Setting
from genesis.view import View

POSITION, VELOCITY = 0.1, 1.0  # differences that are much [rad | m, rad/s | m/s]


class TerminalStateEquality(Constraint):
    """The last state is qpos and qvel, of which null leaves one out; one number for each degree of freedom of the chosen joints."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        qpos: Any = "home",
        qvel: Any = 0.0,
        periodic: bool = False,
        joints: Any = ("*",),
        tolerance: float = 1e-4,
        entity: str | None = None,
    ) -> None:
        if qpos is None and qvel is None:
            raise InputError(f"{where}: qpos and qvel are null, so nothing is asked of the last state.")
        body = setting.entity(where, entity)
        self.joints = chosen_joints(where, body, joints)
        self.periodic, self.horizon = periodic, setting.horizon
        self.dofs = dofs(self.joints)
        self.qpos = None if qpos is None else target_configuration(f"{where}.qpos", setting, qpos, coordinates(self.joints))
        self.qvel = None if qvel is None else vector(f"{where}.qvel", qvel, len(self.dofs))
        self.parts = state_parts(self.joints, self.qpos is not None, self.qvel is not None)
        self.quantities = [equality(unit, labels, tolerance, self.dofs_type(setting)) for unit, labels, _, _ in self.parts]

    @staticmethod
    def dofs_type(setting: Setting) -> Tensor:
        """Of the type of states."""
        return setting.start_qvel

    def measure(self, trajectory: View) -> list[TimeRows]:
        made = []
        for _, _, kind, index in self.parts:
            if kind == "position":
                assert self.qpos is not None
                target = trajectory.own(self.qpos, 0) if self.qpos.ndim == 2 else self.qpos
                off = difference(self.joints, trajectory.qpos[-1:], target, self.periodic)[..., index]
                seen = seen_by_difference(self.joints)
                made.append(TimeRows(off, self.horizon, sees=None if seen is None else ("qpos", [seen[1][k] for k in index])))
            else:
                assert self.qvel is not None
                columns = [self.dofs[k] for k in index]
                made.append(TimeRows(trajectory.qvel[-1:][..., columns] - self.qvel[index], self.horizon, sees=("qvel", columns)))
        return made


class Periodic(Constraint):
    """The last state is the first one: the motion can go on for ever. `free`: degrees of freedom ("joint", or "joint.vx" of several) whose
    positions may differ, by default how far and where to a floating base has gone ahead (vx, vy); their velocities may not.

    free_heading: a floating base may also have turned about the vertical: of its orientation the vertical in its own axes is compared, and its
    linear velocity in these axes too.

    Where the start is given, it is a constant, and rows are of the last state alone; where it is learned, they see both ends.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        free: Any = None,
        free_heading: bool = False,
        joints: Any = ("*",),
        tolerance: float = 1e-3,
        entity: str | None = None,
    ) -> None:
        self.joints = chosen_joints(where, setting.entity(where, entity), joints)
        self.horizon, self.dofs = setting.horizon, dofs(self.joints)
        names = [name for joint in self.joints for name in names_of(joint)]
        ahead = [f"{joint.name}.{axis}" for joint in self.joints if joint.is_free for axis in ("vx", "vy")]
        given = ahead if free is None else free
        self.free = set(match(f"{where}.free", "degree of freedom", given, names)) if given else set()
        self.turned = [joint for joint in self.joints if joint.is_free] if free_heading else []
        if free_heading and not self.turned:
            raise InputError(
                f"{where}.free_heading: none of the chosen joints is that of a floating base, which alone has a heading."
            )
        turning = {self.dofs.index(dof) for joint in self.turned for dof in joint.dofs[3:]}
        moving = {self.dofs.index(dof) for joint in self.turned for dof in joint.dofs[:3]}
        left_out = {"position": self.free | turning, "velocity": moving}
        self.parts = [
            (unit, labels, kind, [k for k in index if k not in left_out[kind]])
            for unit, labels, kind, index in state_parts(self.joints, True, True)
        ]
        self.parts = [(unit, [names[k] for k in index], kind, index) for unit, _, kind, index in self.parts if index]
        self.quantities = [equality(unit, labels, tolerance, setting.start_qvel) for unit, labels, _, _ in self.parts]
        for joint in self.turned:
            for what, unit in (("tilt", "1"), ("speed in own axes", "m/s")):
                labels = [f"{joint.name}: {what}, {axis}" for axis in "xyz"]
                self.quantities.append(equality(unit, labels, tolerance, setting.start_qvel))
        self.start = None if setting.start_is_learned else (setting.start_qpos, setting.start_qvel)

    def measure(self, trajectory: View) -> list[TimeRows]:
        if self.start is None:  # rows of the first and the last state
            first, reach, begin = 0, self.horizon, (trajectory.qpos[:1], trajectory.qvel[:1])
        else:
            q, v = (trajectory.own(x, 0) if x.ndim == 2 else x for x in self.start)
            first, reach, begin = self.horizon, 0, (q.unsqueeze(0), v.unsqueeze(0))
        last = trajectory.qpos[-1:], trajectory.qvel[-1:]
        seen, made = seen_by_difference(self.joints), []
        for _, _, kind, index in self.parts:
            sees: Columns | None
            if kind == "position":
                off = difference(self.joints, last[0], begin[0])[..., index]
                sees = None if seen is None else ("qpos", [seen[1][k] for k in index])
            else:
                columns = [self.dofs[k] for k in index]
                off, sees = last[1][..., columns] - begin[1][..., columns], ("qvel", columns)
            made.append(TimeRows(off, first, reach, sees, ends=True))
        for joint in self.turned:
            now, then = _in_own_axes(joint, *last), _in_own_axes(joint, *begin)
            made += [TimeRows(a - b, first, reach, ends=True) for a, b in zip(now, then, strict=True)]
        return made


def _in_own_axes(joint: SceneJoint, qpos: Tensor, qvel: Tensor) -> tuple[Tensor, Tensor]:
    """The vertical, and the linear velocity of a free joint's body, (..., 3) each."""
    quat = qpos[..., list(joint.qs[3:])]
    return rotate_inverse(quat, quat.new_tensor([0.0, 0.0, 1.0])), rotate_inverse(quat, qvel[..., list(joint.dofs[:3])])


def names_of(joint: SceneJoint) -> list[str]:
    """Of its degrees of freedom: "joint", or "joint.vx" of several."""
    return [joint.name] if joint.is_scalar else [f"{joint.name}.{label}" for label in joint.kind.labels]


def state_parts(joints: Sequence[SceneJoint], position: bool, velocity: bool) -> list[tuple[str, list[str], str, list[int]]]:
    """Unit, labels, whether position or velocity, and places among the degrees of freedom of the joints: one part for each unit."""
    names = [name for joint in joints for name in names_of(joint)]
    units = [unit for joint in joints for unit in joint.kind.dofs]
    made = []
    for kind, wanted in (("position", position), ("velocity", velocity)):
        for unit, index in grouped([getattr(one, kind) for one in units]) if wanted else []:
            made.append((unit, [names[k] for k in index], kind, index))
    return made


def equality(unit: str, labels: Sequence[str], tolerance: float, like: Tensor) -> RangedQuantity:
    """Differences that must be zero."""
    zero = like.new_zeros(len(labels))
    scale = torch.full_like(zero, VELOCITY if unit.endswith("/s") else POSITION)
    return RangedQuantity(unit, labels, zero, zero, scale, tolerance)
