"""Constraints on what joints do: position, velocity, torque. One number for each chosen joint or degree of freedom, at each step."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor

from genesis.constraints.constraint import Constraint, RangedQuantity, grouped, magnitude, narrowed, size_of, state_window
from genesis.errors import InputError
from genesis.losses.term import Columns, TimeRows, window
from genesis.selection import SceneJoint, chosen_joints, coordinates, dofs, driven_joints, limits, vector
from genesis.setting import Setting
from genesis.view import View


class OfJoints(Constraint):
    """Numbers of joints within [low + margin, high − margin].

    Args:
        low, high: number, or list over the numbers of the chosen joints; None: the robot's limit, where `limit` does not say it.
        limit: ±limit, in place of both.
        margin: [unit] that is kept free. at: see `genesis.losses.term.window`.

    kind: which limits of the robot. controls: they are of the steps, not of the states.
    Raises: InputError where there is no limit at all, or nothing drives the joints whose controls are limited.
    """

    kind = ""
    controls = False

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        low: Any = None,
        high: Any = None,
        limit: Any = None,
        margin: float = 0.0,
        at: Any = "all",
        tolerance: float = 1e-6,
        joints: Any = ("*",),
        entity: str | None = None,
    ) -> None:
        body = setting.entity(where, entity)
        chosen = self.choose(where, body, joints)
        if self.controls:
            expect_driven(where, setting, chosen, joints)
        columns, labels, units = self.columns_of(chosen), self.labels_of(chosen), self.units_of(chosen)
        self.control = setting.control
        self.steps = step_window(where, at, setting.horizon) if self.controls else state_window(where, at, setting)
        least, most = (
            limits(body, chosen, self.kind) if self.kind else (torch.full((len(labels),), s * torch.inf) for s in (-1.0, 1.0))
        )
        if limit is not None:
            if low is not None or high is not None:
                raise InputError(f"{where}: limit is ±limit, and low and high are given too; give one or the other.")
            most = magnitude(f"{where}.limit", limit, len(labels))
            least = -most
        least = least if low is None else vector(f"{where}.low", low, len(labels))
        most = most if high is None else vector(f"{where}.high", high, len(labels))
        limited = (torch.isfinite(least) | torch.isfinite(most)).tolist()
        if not any(limited):
            raise InputError(f"{where}: {labels[0]} has no limit in the robot's file; give limit, or low and high.")
        least, most = narrowed(where, least, most, margin, labels)
        own = [(unit, [k for k in index if limited[k]]) for unit, index in grouped(units)]
        own = [(unit, index) for unit, index in own if index]
        self.groups = [[columns[k] for k in index] for _, index in own]
        self.quantities = [
            RangedQuantity(
                unit, [labels[k] for k in index], least[index], most[index], size_of(least[index], most[index]), tolerance
            )
            for unit, index in own
        ]

    def measure(self, trajectory: View) -> list[TimeRows]:
        values = self.values(trajectory)[self.steps]
        return [TimeRows(values[..., own], self.steps.start, sees=self.sees(own)) for own in self.groups]

    def values(self, trajectory: View) -> Tensor:
        """The series that `columns` are of."""
        raise NotImplementedError

    def sees(self, columns: list[int]) -> Columns | None:
        """See `TimeRows.sees`."""
        return None

    @staticmethod
    def choose(where: str, body: Any, joints: Any) -> list[SceneJoint]:
        """The joints that it is about."""
        return chosen_joints(where, body, joints)

    @staticmethod
    def columns_of(joints: Sequence[SceneJoint]) -> list[int]:
        """Of the series."""
        return dofs(joints)

    @staticmethod
    def labels_of(joints: Sequence[SceneJoint]) -> list[str]:
        """Of each number."""
        return [joint.kind.label(joint.name, k) for joint in joints for k in range(len(joint.dofs))]

    def units_of(self, joints: Sequence[SceneJoint]) -> list[str]:
        """Of each number."""
        raise NotImplementedError


class JointPositionRange(OfJoints):
    """Positions of joints of one coordinate [rad | m]."""

    kind = "position"

    @staticmethod
    def choose(where: str, body: Any, joints: Any) -> list[SceneJoint]:
        made = [joint for joint in chosen_joints(where, body, joints) if joint.is_scalar]
        if not made:
            raise InputError(f"{where}: the chosen joints have no position of one number; name hinges or slides.")
        return made

    @staticmethod
    def columns_of(joints: Sequence[SceneJoint]) -> list[int]:
        return coordinates(joints)

    def units_of(self, joints: Sequence[SceneJoint]) -> list[str]:
        return [joint.kind.dofs[0].position for joint in joints]

    def values(self, trajectory: View) -> Tensor:
        return trajectory.qpos

    def sees(self, columns: list[int]) -> Columns:
        return "qpos", columns


class JointVelocityRange(OfJoints):
    """Velocities of joints [rad/s | m/s]."""

    kind = "velocity"

    def units_of(self, joints: Sequence[SceneJoint]) -> list[str]:
        return [unit.velocity for joint in joints for unit in joint.kind.dofs]

    def values(self, trajectory: View) -> Tensor:
        return trajectory.qvel

    def sees(self, columns: list[int]) -> Columns:
        return "qvel", columns


class JointTorqueRange(OfJoints):
    """Torques and forces that joint controllers ask for [N m | N]; under force control the controls."""

    kind, controls = "force", True

    def units_of(self, joints: Sequence[SceneJoint]) -> list[str]:
        return [unit.force for joint in joints for unit in joint.kind.dofs]

    @staticmethod
    def choose(where: str, body: Any, joints: Any) -> list[SceneJoint]:
        return driven_joints(where, body, joints)

    def values(self, trajectory: View) -> Tensor:
        return trajectory.controller_force

    def sees(self, columns: list[int]) -> Columns | None:
        return ("controls", columns) if self.control == "force" else None


def step_window(where: str, at: Any, horizon: int) -> slice:
    """The steps (of 0 to horizon − 1) that `at` means: end, all, or [from, to] as fractions."""
    found = window(where, at, horizon)
    return slice(0, horizon) if at == "all" else slice(min(found.start, horizon - 1), min(found.stop, horizon))


def expect_driven(where: str, setting: Setting, chosen: Sequence[SceneJoint], patterns: Any) -> None:
    """Raises: InputError where a pattern means nothing but joints that nothing drives, so that no limit of what drives them has an effect."""
    if setting.controlled is None or setting.control != "force":
        return
    driven = [joint.name for joint in chosen if setting.controlled.intersection(joint.dofs)]
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if not any(fnmatchcase(name, pattern) for name in driven):
            remedy = f"driven are: {', '.join(driven)}" if driven else "learn controls for it (parameter.*)"
            raise InputError(f"{where}: nothing drives {pattern}, so that this limits nothing; {remedy}.")
