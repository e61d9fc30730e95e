"""The acceleration that constraints see in a time step: without what is taken at the end of the step after them.

a_1 = a + H^-1 dt (d + E + C) a,      H the matrix of the constrained problem; see docs/adjoints/constraints.md and integrate.md
"""

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genesis.description.kinds import ELEMENTARY
from genesis.dynamics.coriolis import ALL
from genesis.dynamics.schemes import SCHEMES
from genesis.dynamics.step import is_two_stage
from genesis.grad.controllers import controller_force, joint_position, parameter
from genesis.grad.friction import friction_damping

if TYPE_CHECKING:
    from genesis.grad.physics import Physics


class Seen:
    """Of one `Physics`."""

    def __init__(self, physics: "Physics") -> None:
        self.physics, self.model, self.scheme = physics, physics.model, SCHEMES[physics.kind]

    def acceleration(
        self, theta: Tensor, q: Tensor, v: Tensor, a: Tensor, dof_ctrl: Tensor | None, act_ctrl: Tensor | None
    ) -> Tensor:
        """a_1 (S, B, nv) at states and accelerations (S, B, n); dof_ctrl: None for zero, act_ctrl: None where actuators are off."""
        physics, dt = self.physics, self.physics.step_dt
        last = (physics.variant or ((), False, False))[1]
        if not is_two_stage(physics.constraints is not None, last, self.scheme.implicit_coriolis):
            return a
        damping = physics.damping_dt * self._damping(theta, q, v, dof_ctrl, act_ctrl)
        push = (damping @ a[..., None])[..., 0] if last else torch.zeros_like(a)
        if self.scheme.implicit_coriolis:
            push = push + 0.5 * self.implicit_coriolis * (physics.bias(theta, q, v + dt * a) - physics.bias(theta, q, v - dt * a))
        if not theta.requires_grad and not a.requires_grad and not bool(push.any()):
            return a
        matrix = physics.mass_matrix(theta, q)
        return a + torch.linalg.solve(matrix if last else matrix + damping, push[..., None])[..., 0]

    def _damping(self, theta: Tensor, q: Tensor, v: Tensor, dof_ctrl: Tensor | None, act_ctrl: Tensor | None) -> Tensor:
        """d + E (S, B, nv, nv), without controllers and actuators that have reached the bounds of their forces."""

        def value(name: str) -> Tensor:
            return parameter(self.physics, theta, name)

        def clamp(x: Tensor, name: str) -> Tensor:
            return torch.minimum(torch.maximum(x, value(f"{name}_lo")), value(f"{name}_hi"))

        def within(x: Tensor, name: str) -> Tensor:
            return ((x > value(f"{name}_lo")) & (x < value(f"{name}_hi"))).to(x.dtype)

        position = joint_position(self.physics, q)
        force = controller_force(self.physics, theta, 0.0 if dof_ctrl is None else dof_ctrl, q, v)
        feedback: Tensor | float = 0.0
        if act_ctrl is not None and self.model.nu > 0:
            way = self._transmission(value("trn_coef"))
            raw = value("act_gain") * clamp(act_ctrl, "ctrl") + value("act_bias0")
            raw = (
                raw + value("act_bias1") * (way @ position[..., None])[..., 0] + value("act_bias2") * (way @ v[..., None])[..., 0]
            )
            force = force + (way.transpose(-1, -2) @ clamp(raw, "force")[..., None])[..., 0]
            if self.scheme.implicit_actuators:
                yields = -value("act_bias2") * within(raw, "force")
                yields = yields * within(force, "dof_force")[..., self.driven].where(self.alone, 1.0)
                feedback = self.meets * (way.transpose(-1, -2) @ (yields[..., None] * way))
        active = (force == clamp(force, "dof_force")).to(force.dtype)
        damping = value("dof_damping") + value("dof_kv") * active
        if self.scheme.friction_laws:
            damping = damping + friction_damping(value("dof_frictionlaw").unflatten(-1, (self.model.nv, -1)), v)
        return torch.diag_embed(damping) + feedback

    def _transmission(self, coefficients: Tensor) -> Tensor:
        """(..., nu, nv) from the sparse rows."""
        model = self.model
        rows = coefficients.new_zeros(*coefficients.shape[:-1], model.nu * model.nv)
        return rows.index_add(-1, self.places, coefficients).unflatten(-1, (model.nu, model.nv))

    def _integers(self, name: str) -> Tensor:
        return torch.as_tensor(self.model.integers[name].astype("int64"), device=self.physics.device)

    @cached_property
    def places(self) -> Tensor:
        """Where each entry of a transmission lies in (nu, nv)."""
        actuator = torch.repeat_interleave(torch.arange(self.model.nu, device=self.physics.device), self._integers("act_trnnum"))
        return actuator * self.model.nv + self._integers("trn_dof")

    @cached_property
    def alone(self) -> Tensor:
        """Whether an actuator drives one degree of freedom."""
        return self._integers("act_trnnum") == 1

    @cached_property
    def driven(self) -> Tensor:
        """The first that it drives; 0 where there is none."""
        dofs = torch.cat([self._integers("trn_dof"), self._integers("trn_dof").new_zeros(1)])
        return dofs[self._integers("act_trnadr").clamp(max=len(dofs) - 1)]

    @cached_property
    def meets(self) -> Tensor:
        """(nv, nv): 1 where the mass matrix has an entry."""
        columns, found = self._integers("m_column").tolist(), torch.zeros(self.model.nv, self.model.nv)
        rows = zip(self._integers("dof_madr").tolist(), self._integers("dof_depth").tolist(), strict=True)
        for i, (first, depth) in enumerate(rows):
            for k in columns[first : first + depth + 1]:
                found[i, k] = found[k, i] = 1.0
        return found.to(self.physics.dtype).to(self.physics.device)

    @cached_property
    def implicit_coriolis(self) -> Tensor:
        """(nv,): 1 where Coriolis forces are taken at the end of the step."""
        found = torch.ones(self.model.nv) if self.scheme.implicit_coriolis == ALL else torch.zeros(self.model.nv)
        free, axes = self.model.integers["link_free"], self.model.integers
        for l in free.nonzero()[0]:  # noqa: E741
            for j in range(axes["link_jntadr"][l], axes["link_jntadr"][l] + axes["link_jntnum"][l]):
                dof = axes["jnt_dof"][j]
                found[dof : dof + ELEMENTARY[axes["jnt_type"][j]].nv] = 1.0
        return found.to(self.physics.dtype).to(self.physics.device)
