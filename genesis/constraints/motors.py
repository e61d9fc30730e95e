"""Constraints on how motors are driven: how fast torques change, and mechanical power."""

from typing import Any

from torch import Tensor

from genesis.constraints.constraint import Constraint, RangedQuantity, grouped, magnitude, size_of
from genesis.constraints.frames import open_range
from genesis.constraints.joints import expect_driven, step_window
from genesis.errors import InputError
from genesis.losses.term import Columns, TimeRows
from genesis.selection import dofs, driven_joints, vector
from genesis.setting import Setting
from genesis.view import View


class TorqueRate(Constraint):
    """(τ(t + 1) − τ(t)) / dt within [low, high] or ±limit [Nm/s | N/s]; τ: what joint controllers ask for, under force control the controls.

    before: torque that acted before the start, number or list [Nm | N], with which that of the first step is compared too; None: it is free.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        limit: Any = None,
        low: Any = None,
        high: Any = None,
        before: Any = None,
        at: Any = "all",
        joints: Any = ("*",),
        tolerance: float = 1e-6,
        entity: str | None = None,
    ) -> None:
        if setting.horizon < 2:
            raise InputError(f"{where}: a horizon of one step has no change of torque; needs task.horizon >= 2.")
        chosen = driven_joints(where, setting.entity(where, entity), joints)
        expect_driven(where, setting, chosen, joints)
        columns, labels = dofs(chosen), [joint.kind.label(joint.name, k) for joint in chosen for k in range(len(joint.dofs))]
        least, most = signed_range(where, limit, low, high, len(columns))
        units = [f"{unit.force}/s" for joint in chosen for unit in joint.kind.dofs]
        self.dt, self.control = setting.dt, setting.control
        steps = step_window(where, at, setting.horizon)
        self.steps = slice(min(steps.start, setting.horizon - 2), max(min(steps.stop, setting.horizon - 1), 1))
        self.groups = [[columns[k] for k in index] for _, index in grouped(units)]
        self.before = None
        if before is not None:
            given = vector(f"{where}.before", before, len(columns))
            self.before = [given[index] for _, index in grouped(units)]
        every = [
            RangedQuantity(
                unit, [labels[k] for k in index], least[index], most[index], size_of(least[index], most[index]), tolerance
            )
            for unit, index in grouped(units)
        ]
        self.quantities = every if before is None else every + every

    def measure(self, trajectory: View) -> list[TimeRows]:
        force = trajectory.controller_force
        made = [self._rows((force[1:][..., own] - force[:-1][..., own])[self.steps], own, 1) for own in self.groups]
        if self.before is not None:
            made += [
                self._rows(force[:1][..., own] - before.to(force), own, 0)
                for own, before in zip(self.groups, self.before, strict=True)
            ]
        return made

    def _rows(self, change: Tensor, own: list[int], reach: int) -> TimeRows:
        sees: Columns | None = ("controls", own) if self.control == "force" else None
        return TimeRows(change / self.dt, self.steps.start if reach else 0, reach, sees)


class Power(Constraint):
    """Mechanical power τ q̇ of each joint, or of all together (`total`), within [low, high] or ±limit [W]; q̇ is that at the
    start of a step, and what brakes is negative."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        low: Any = None,
        high: Any = None,
        limit: Any = None,
        total: bool = False,
        at: Any = "all",
        joints: Any = ("*",),
        tolerance: float = 1e-6,
        entity: str | None = None,
    ) -> None:
        chosen = driven_joints(where, setting.entity(where, entity), joints)
        expect_driven(where, setting, chosen, joints)
        self.columns, self.total = dofs(chosen), total
        labels = ["all"] if total else [joint.kind.label(joint.name, k) for joint in chosen for k in range(len(joint.dofs))]
        least, most = signed_range(where, limit, low, high, len(labels))
        self.steps = step_window(where, at, setting.horizon)
        self.quantities = [RangedQuantity("W", labels, least, most, size_of(least, most), tolerance)]

    def measure(self, trajectory: View) -> list[TimeRows]:
        power: Tensor = trajectory.controller_force[..., self.columns] * trajectory.qvel[:-1][..., self.columns]
        if self.total:
            power = power.sum(-1, keepdim=True)
        return [TimeRows(power[self.steps], self.steps.start)]


def signed_range(where: str, limit: Any, low: Any, high: Any, size: int) -> tuple[Tensor, Tensor]:
    """(size,) each: ±limit, or low and high. Raises: InputError as `open_range`, and where both are given."""
    if limit is None:
        return open_range(where, low, high, size)
    if low is not None or high is not None:
        raise InputError(f"{where}: limit is ±limit, and low and high are given too; give one or the other.")
    most = magnitude(f"{where}.limit", limit, size)
    return -most, most
