"""A fast start: parameters for which the measured motion needs the measured torques.

    r = (inverse dynamics(q, v, a; theta) + D v + K (q - q_s) + F tanh(v / v_F) - u) / s,    q, v, a smoothed from the positions

Linear in inertial parameters (of mass moments), damping, stiffness and friction, so that one or two Gauss-Newton steps solve it. Noise
and stick-slip shrink its estimates, hence a start, not an answer; no simulation is run.
Source: Atkeson, An, Hollerbach, Estimation of inertial parameters of manipulator loads and links, 1986; Ljung (1999), §7.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.sysid.linearization import Block, Point, _prior_blocks
from genesis.sysid.problem import Problem
from genesis.sysid.sensitivity import Outside, outside
from genesis.sysid.solvers.solver import LeastSquares

SLIP = 0.05  # [rad/s | m/s] at which dry friction has turned over
CHUNK = 2**22  # numbers of theta copied at once


@dataclass
class Smoothed:
    """Motion of one batch on the middles of its steps: q, v, a, u, each (T, B, n), control or None, used (T, B) bool."""

    q: Tensor
    v: Tensor
    a: Tensor
    u: Tensor
    control: Tensor | None
    used: Tensor


class EquationError(LeastSquares):
    """The least-squares problem of the torques.

    Raises: InputError where the positions of some driven joint are not measured, or there are free bodies.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        space = problem.space
        measured = {
            q for channel in problem.channels.values() if channel.kind == "joint_position" for q in channel.selection or []
        }
        if space.quats or measured != set(range(space.nq)) or not problem.dataset.inputs:
            raise InputError(
                "solver.equation_error: needs the measured position of every joint (channels of kind joint_position), no ball or free "
                "joint, and an input; switch it off."
            )
        self.motions = [self._smoothed(i) for i in range(len(problem.batches))]
        self.scale: Tensor | None = None

    @property
    def nt(self) -> int:
        return 0

    def _smoothed(self, i: int) -> Smoothed:
        problem, batch = self.problem, self.problem.batches[i]
        steps = np.arange(batch.horizon + 1)[:, None] * problem.dt + batch.start[None]
        q, v = np.zeros((*steps.shape, problem.space.nq)), np.zeros((*steps.shape, problem.space.nv))
        for b, r in enumerate(batch.recording.tolist()):
            q[:, b], v[:, b] = problem.start_states(problem.recordings[r], steps[:, b])[:2]
        q_middle, v_middle = (torch.as_tensor(0.5 * (x[1:] + x[:-1])) for x in (q, v))
        u, control = problem.commands(batch, problem.targets(problem.z0))
        used = torch.as_tensor(np.arange(batch.horizon)[:, None] < batch.steps[None])
        return Smoothed(q_middle, v_middle, torch.as_tensor((v[1:] - v[:-1]) / problem.dt), u, control, used)

    def blocks(self, point: Point) -> list[Block]:
        return self._evaluate(point, True)

    def cost(self, point: Point) -> float:
        from genesis.sysid.linearization import cost

        value = cost(self._evaluate(point, False))
        return value if np.isfinite(value) else float("inf")

    def _evaluate(self, point: Point, jacobian: bool) -> list[Block]:
        problem, z = self.problem, torch.as_tensor(point.z)
        with torch.no_grad():
            targets = problem.targets(z)
            theta = problem.theta(targets)
        made = []
        for batch, motion in zip(problem.batches, self.motions, strict=True):
            where = motion.used.nonzero()
            out = outside(problem, batch, z, None) if jacobian else None
            target = batch.target[where[:, 1]]
            with torch.no_grad():
                u, control = problem.commands(batch, targets)
            most = max(1, CHUNK // problem.solver.model.parameter_size)
            for first in range(0, len(where), most):
                t, e = where[first : first + most].T
                rows = theta[target[first : first + most]] if theta.dim() == 2 else theta.expand(len(t), -1)
                made.append(
                    self._block(motion, (t, e), rows.contiguous(), u, control, out, target[first : first + most], jacobian)
                )
        return made + _prior_blocks(problem, z, jacobian)

    def _block(
        self, motion: Smoothed, where, theta: Tensor, u: Tensor, control, out: Outside | None, target: Tensor, jacobian: bool
    ) -> Block:
        problem = self.problem
        t, e = where
        theta = theta.detach().requires_grad_(jacobian)
        command = u[t, e].clone().requires_grad_(jacobian)
        r = self._residual(
            motion.q[t, e], motion.v[t, e], motion.a[t, e], command, None if control is None else control[t, e], theta
        )
        if self.scale is None:  # each joint in units of its torques
            self.scale = r.detach().square().mean(0).sqrt().clamp(min=1e-9)
        r = r / self.scale
        block = Block("torque", r.detach().numpy().reshape(-1), window=np.zeros(r.numel(), int))
        if not jacobian or out is None:
            return block
        table = r.new_zeros(*r.shape, problem.n)
        own = out.theta[target] if out.theta.shape[0] > 1 else out.theta[0]
        for k in range(r.shape[1]):
            grads = torch.autograd.grad(r[:, k].sum(), (theta, command), retain_graph=True, allow_unused=True)
            chosen = grads[0].index_select(1, out.columns)
            table[:, k] = torch.einsum("nf,nfm->nm", chosen, own) if own.dim() == 3 else chosen @ own
            if out.command is not None and grads[1] is not None:
                table[:, k, out.driving] += torch.einsum("nv,nvk->nk", grads[1], out.command[t, e])
        block.z = table.detach().numpy().reshape(-1, problem.n)
        return block

    def _residual(self, q: Tensor, v: Tensor, a: Tensor, command: Tensor, control: Tensor | None, theta: Tensor) -> Tensor:
        """(N, nv)"""
        physics, model = self.problem.physics, self.problem.solver.model

        def named(name: str) -> Tensor:
            first, count = model.parameter_offsets[name]
            return theta[..., first : first + count]

        needed = physics.inverse_dynamics(theta, q, v, a)
        needed = needed + (named("dof_damping") + named("dof_kv")) * v + named("dof_frictionloss") * torch.tanh(v / SLIP)
        places = torch.as_tensor([int(model.integers["dof_qadr"][i]) for i in range(model.nv)])
        needed = needed + named("dof_kp") * q[:, places] + named("dof_stiffness") * (q - named("qpos_spring"))[:, places]
        return needed - command


def usable(problem: Problem) -> Sequence[str]:
    """Why the equation error cannot serve here, nothing if it can."""
    try:
        EquationError(problem)
    except InputError as error:
        return [str(error)]
    return []
