"""Constraints on how motors are driven: how fast torques change, and mechanical power."""

from typing import Any

from torch import Tensor

from genesis.constraints.constraint import Constraint, RangedQuantity, grouped, size_of
from genesis.constraints.frames import open_range
from genesis.constraints.joints import step_window
from genesis.errors import InputError
from genesis.losses.term import TimeRows
from genesis.selection import dofs, driven_joints, vector
from genesis.setting import Setting
from genesis.view import View


class TorqueRate(Constraint):
    """(τ(t + 1) − τ(t)) / dt within ±limit [Nm/s | N/s]; τ: what joint controllers ask for, under force control the controls."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        limit: Any,
        at: Any = "all",
        joints: Any = ("*",),
        tolerance: float = 1e-6,
        entity: str | None = None,
    ) -> None:
        if setting.horizon < 2:
            raise InputError(f"{where}: a horizon of one step has no change of torque; needs task.horizon >= 2.")
        chosen = driven_joints(where, setting.entity(where, entity), joints)
        columns, labels = dofs(chosen), [joint.kind.label(joint.name, k) for joint in chosen for k in range(len(joint.dofs))]
        most = vector(f"{where}.limit", limit, len(columns)).abs()
        units = [f"{unit.force}/s" for joint in chosen for unit in joint.kind.dofs]
        self.dt, self.control = setting.dt, setting.control
        steps = step_window(where, at, setting.horizon)
        self.steps = slice(min(steps.start, setting.horizon - 2), max(min(steps.stop, setting.horizon - 1), 1))
        self.groups = [[columns[k] for k in index] for _, index in grouped(units)]
        self.quantities = [
            RangedQuantity(
                unit, [labels[k] for k in index], -most[index], most[index], size_of(-most[index], most[index]), tolerance
            )
            for unit, index in grouped(units)
        ]

    def measure(self, trajectory: View) -> list[TimeRows]:
        force, made = trajectory.controller_force, []
        for own in self.groups:
            rate = (force[1:][..., own] - force[:-1][..., own]) / self.dt
            sees = ("controls", own) if self.control == "force" else None
            made.append(TimeRows(rate[self.steps], self.steps.start, reach=1, sees=sees))  # type: ignore[arg-type]
        return made


class Power(Constraint):
    """Mechanical power τ q̇ of each joint, or of all together (`total`), within [low, high] [W]; q̇ is that at the start of a step."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        low: Any = None,
        high: Any = None,
        total: bool = False,
        at: Any = "all",
        joints: Any = ("*",),
        tolerance: float = 1e-6,
        entity: str | None = None,
    ) -> None:
        chosen = driven_joints(where, setting.entity(where, entity), joints)
        self.columns, self.total = dofs(chosen), total
        labels = ["all"] if total else [joint.kind.label(joint.name, k) for joint in chosen for k in range(len(joint.dofs))]
        least, most = open_range(where, low, high, len(labels))
        self.steps = step_window(where, at, setting.horizon)
        self.quantities = [RangedQuantity("W", labels, least, most, size_of(least, most), tolerance)]

    def measure(self, trajectory: View) -> list[TimeRows]:
        power: Tensor = trajectory.controller_force[..., self.columns] * trajectory.qvel[:-1][..., self.columns]
        if self.total:
            power = power.sum(-1, keepdim=True)
        return [TimeRows(power[self.steps], self.steps.start)]
