"""Recover parameters from a trajectory that they made."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError, unknown_name
from genesis.parameters import Parameter
from genesis.selection import tensor, vector
from genesis.setting import Setting
from genesis.tasks.goal import Aim, limits_of
from genesis.tasks.rollout import inputs_of, roll_out
from genesis.view import View


@dataclass
class Reference:
    """Measured states: qpos (T+1,[B,]nq), qvel (T+1,[B,]nv)."""

    qpos: Tensor
    qvel: Tensor


class Fit:
    """Relative error of each learned parameter. Makes the recording that losses with target `reference` compare with."""

    least: tuple[str, ...] = ()

    def __init__(
        self,
        setting: Setting,
        parameters: dict[str, Parameter],
        *,
        truth: dict[str, Any],
        noise: float = 0.0,
        tolerance: float | None = 1e-3,
    ) -> None:
        learned = {name: parameter for name, parameter in parameters.items() if parameter.learn}
        for name in truth:
            if name not in parameters:
                raise unknown_name("task.truth", "parameter", name, parameters)
        missing = [name for name in learned if name not in truth]
        if missing:
            raise InputError(f"task.truth: no value for the learned parameter {missing[0]}; give task.truth.{missing[0]}.")
        self.parameters = learned
        self.truth = {
            name: vector(f"task.truth.{name}", value, parameters[name].value().numel()) for name, value in truth.items()
        }
        for name in learned:
            if bool((self.truth[name] == 0).any()):
                raise InputError(f"task.truth.{name}: zero has no relative error; give a value other than zero.")
        setting.reference = self._record(setting, parameters, noise)
        self.limits = limits_of(relative_error=tolerance)

    def aim(self) -> Aim | None:
        """The recording is not to be seen."""
        return None

    def metrics(self, trajectory: View) -> dict[str, float]:
        errors = {}
        for name, parameter in self.parameters.items():
            value = parameter.value().detach().reshape(-1)
            errors[f"relative_error_{name}"] = float(((value - self.truth[name]) / self.truth[name]).abs().max())
        return {"relative_error": max(errors.values(), default=0.0), **errors}

    def over_time(self, trajectory: View) -> dict[str, Tensor]:
        """None: they are of the parameters."""
        return {}

    def _record(self, setting: Setting, parameters: dict[str, Parameter], noise: float) -> Reference:
        """Roll out with the true values, then put the start values back."""
        before = {name: parameters[name].value().detach().clone() for name in self.truth}
        with torch.no_grad():
            for name, value in self.truth.items():
                parameters[name].set_value(value.reshape(before[name].shape))
            trajectory = roll_out(setting, inputs_of(setting, parameters))
            for name, value in before.items():
                parameters[name].set_value(value)

        def measured(exact: Tensor) -> Tensor:
            disturbance = torch.randn(exact.shape, generator=setting.generator, dtype=torch.float64)
            return exact.detach().clone() + noise * tensor(disturbance)

        return Reference(measured(trajectory.qpos), measured(trajectory.qvel))
