"""Forces of the joints as their drives measure them."""

from typing import Any

import torch
from torch import Tensor

from genesis.channels.channel import BaseChannel
from genesis.channels.joints import scalar_joints, units_of
from genesis.channels.sample import Sample
from genesis.grad.friction import friction_force
from genesis.selection import dofs, indices
from genesis.setting import Setting


class JointForces:
    """clamp(dof_ctrl - kp q - kv v + sum of coef f, lo, hi) of every degree of freedom [Nm | N]: joint controllers and actuators f of the file.

    Source: `genesis.dynamics.actuation`.
    """

    def __init__(self, model: Any) -> None:
        integers = model.integers
        qadr = [int(i) for i in integers["dof_qadr"]]
        self.hinged = indices([dof for dof, q in enumerate(qadr) if q >= 0])
        self.coordinates = indices([q for q in qadr if q >= 0])
        counts = torch.as_tensor(integers["act_trnnum"].astype("int64"))
        self.actuator = torch.repeat_interleave(torch.arange(len(counts)), counts).to(self.hinged.device)  # of a transmission
        self.count = len(counts)
        self.driven = indices([int(i) for i in integers["trn_dof"]])

    def of(self, sample: Sample) -> Tensor:
        """(N, nv)"""
        value = sample.parameter
        position = torch.zeros_like(sample.qvel).index_copy(-1, self.hinged, sample.qpos[:, self.coordinates])
        force = sample.dof_ctrl - value("dof_kp") * position - value("dof_kv") * sample.qvel
        if sample.act_ctrl is not None and len(self.driven):
            force = force + self._actuators(sample, sample.act_ctrl, position)
        return torch.minimum(torch.maximum(force, value("dof_force_lo")), value("dof_force_hi"))

    def friction(self, sample: Sample, v: Tensor) -> Tensor:
        """Joint forces (N, nv) that friction laws of actuators take from the motion at velocities v (N, nv)."""
        if not len(self.driven):
            return torch.zeros_like(v)
        coefficient, law = sample.parameter("trn_coef"), sample.parameter("act_frictionlaw").unflatten(-1, (self.count, -1))
        speed = v.new_zeros(len(v), self.count).index_add(-1, self.actuator, coefficient * v[:, self.driven])
        return torch.zeros_like(v).index_add(-1, self.driven, coefficient * friction_force(law, speed)[:, self.actuator])

    def _actuators(self, sample: Sample, act_ctrl: Tensor, position: Tensor) -> Tensor:
        """Joint forces (N, nv) of the actuators of the file."""
        value = sample.parameter
        coefficient = value("trn_coef")

        def along(x: Tensor) -> Tensor:
            """Coordinates or velocities (N, nv) as lengths or their rates (N, nu)."""
            return x.new_zeros(len(x), act_ctrl.shape[1]).index_add(-1, self.actuator, coefficient * x[:, self.driven])

        act_ctrl = torch.minimum(torch.maximum(act_ctrl, value("ctrl_lo")), value("ctrl_hi"))
        force = value("act_gain") * act_ctrl + value("act_bias0")
        force = force + value("act_bias1") * along(position) + value("act_bias2") * along(sample.qvel)
        force = torch.minimum(torch.maximum(force, value("force_lo")), value("force_hi"))
        return torch.zeros_like(sample.qvel).index_add(-1, self.driven, coefficient * force[:, self.actuator])


class JointTorque(BaseChannel):
    """Force of the joint's controller and of the actuators of the file, inside the bounds [Nm | N].

    Friction, damping and springs of the joint are not in it.
    """

    kind = "joint_torque"

    def __init__(self, setting: Setting, where: str, names: list[str], *, entity: str | None = None) -> None:
        joints = scalar_joints(setting, where, names, entity)
        super().__init__(names, units_of(joints, "torque", "force"))
        self.dofs = dofs(joints)
        self.uses_acceleration = True  # the controls are those of the time step
        self.forces = JointForces(setting.scene.rigid_solver.model)

    def predict(self, sample: Sample) -> Tensor:
        """(N, joints)"""
        return self.forces.of(sample)[:, self.dofs]
