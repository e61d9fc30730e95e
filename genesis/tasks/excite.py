"""Move so that measurements tell the most about unknown physical parameters, within the limits of the robot."""

from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.information import Summary, check_identifiable, square_root, summary
from genesis.losses.force_limits import ForceLimits
from genesis.losses.joint_limits import JointLimits
from genesis.losses.velocity_limits import VelocityLimits
from genesis.parameters import Parameter
from genesis.selection import dofs, joints_of
from genesis.setting import Setting
from genesis.tasks.experiment import read_channels, read_unknowns
from genesis.tasks.goal import Aim, Number, largest, limits_of
from genesis.tasks.rollout import inputs_of, roll_out
from genesis.tasks.sensitivity import CentralDifferences, stride
from genesis.view import TrajectoryView, View

REMEDY = (
    "leave one of them out, measure more, start from another motion (parameter.*.noise, runtime.seed), "
    "or say what is known beforehand (task.unknowns.NAME.prior)"
)


class Excite:
    """Predicted standard deviation of each unknown in percent of its scale, and how far the limits of the robot are exceeded.

    `std_gain`: how many times smaller standard deviations are than under the start trajectory (geometric mean). `log_det`, `condition`:
    of the information matrix, unknowns in units of their scale. `decided_by_prior`: directions about which less is measured than was
    known. Makes the information that the loss `information` asks for.
    """

    least: tuple[str, ...] = ()

    def __init__(
        self,
        setting: Setting,
        parameters: dict[str, Parameter],
        *,
        unknowns: dict[str, Any],
        channels: dict[str, Any],
        rate: float | None = None,
        start_state: str = "known",
        difference: float = 1e-3,
        force_limit: Any = None,
        velocity_limit: Any = None,
        rest_tolerance: float | None = 0.05,
    ) -> None:
        if setting.batch:
            raise InputError("task.envs: an experiment is one motion; give task.envs=0.")
        inputs = inputs_of(setting, parameters)
        if inputs.policies:
            raise InputError("parameter: an experiment is played open loop; a policy is not possible here.")
        self.setting = setting
        self.channels, self.every = read_channels(setting, channels), stride(setting, rate)
        self.unknowns = read_unknowns(setting, inputs, parameters, unknowns, self.channels, difference)
        self.sensitivity = CentralDifferences(
            setting,
            inputs,
            self.unknowns,
            self.channels,
            every=self.every,
            step=difference,
            start_unknown=start_state == "estimated",
        )
        joints = joints_of(setting.robot)
        self.dofs = dofs(joints)
        ranges: dict[str, Any] = {"position_excess": JointLimits(setting, "task")} if any(j.is_scalar for j in joints) else {}
        self.bounds = {
            **ranges,
            "velocity_excess": VelocityLimits(setting, "task.velocity_limit", limit=velocity_limit),
            "force_excess": ForceLimits(setting, "task.force_limit", limit=force_limit),
        }
        self.limits = limits_of(**dict.fromkeys(self.bounds, 0.0), final_speed=rest_tolerance)
        self._known: tuple[View, Tensor] | None = None
        self.start = self._start(inputs)
        setting.information = self.root

    def root(self, trajectory: View) -> Tensor:
        """Square root (n, n) of the information about the unknowns, the prior's included; the last one is remembered, with its graph."""
        if self._known is None or self._known[0] is not trajectory:
            found = square_root(self.sensitivity.jacobian(trajectory), self.sensitivity.nuisance, self.unknowns.prior)
            self._known = trajectory, found
        return self._known[1]

    def information(self, trajectory: View) -> Summary:
        """What the trajectory tells."""
        return summary(self.root(trajectory), self.unknowns.prior)

    def aim(self) -> Aim | None:
        """Information is not to be seen."""
        return None

    def metrics(self, trajectory: View) -> dict[str, Number]:
        told = self.information(trajectory)
        gain = torch.log(self.start.std / told.std).mean().exp()
        return {
            **{name: largest(limit.excess(trajectory)) for name, limit in self.bounds.items()},
            "final_speed": largest(trajectory.qvel[-1][..., self.dofs]),
            "std_gain": float(gain),
            "log_det": told.log_det,
            "condition": told.condition,
            "decided_by_prior": float(told.decided),
            **{f"std_percent/{name}": 100.0 * float(x) for name, x in zip(self.unknowns.names, told.std, strict=True)},
        }

    def over_time(self, trajectory: View) -> dict[str, Tensor]:
        """None: they are of the whole motion."""
        return {}

    def _start(self, inputs: Any) -> Summary:
        """What the start trajectory tells. Raises: InputError if it says nothing about some combination of the unknowns."""
        with torch.no_grad():
            trajectory = TrajectoryView(roll_out(self.setting, inputs))
            jacobian = self.sensitivity.jacobian(trajectory)
            check_identifiable("task.unknowns", jacobian, self.sensitivity.names, self.sensitivity.prior, REMEDY)
            root = square_root(jacobian, self.sensitivity.nuisance, self.unknowns.prior)
            return summary(root, self.unknowns.prior)
