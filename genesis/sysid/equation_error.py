"""A fast start: parameters for which the measured motion needs the forces that were applied.

    r = (inverse dynamics(q, v, a; theta) + D v' + K (q - q_s) + F tanh(v' / v_F) - tau) / s,    q, v, a smoothed from the positions

tau: forces of the joint controllers and actuators. States are taken where the integrator takes them: q, v at the start of a step and the
velocity v' of damping at its end (semi-implicit Euler), or all in its middle (RK4), so that the start is one for this simulation.
Linear in inertial parameters (of mass moments), damping, stiffness and friction: in these numbers, `LinearChart`, one step solves it, under
the condition that bodies exist. Noise and stick-slip shrink its estimates, hence a start, not an answer; no simulation is run.
Source: Atkeson, An, Hollerbach, Estimation of inertial parameters of manipulator loads and links, 1986; Ljung (1999), §7.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from genesis.channels.joint_torque import JointForces
from genesis.channels.sample import Sample
from genesis.errors import InputError
from genesis.methods.residuals import ResidualBlock
from genesis.sysid.force_balance import balances
from genesis.sysid.inverse_dynamics.base import Compressed
from genesis.sysid.inverse_dynamics.chart import LinearChart
from genesis.sysid.inverse_dynamics.consistent import consistent
from genesis.sysid.inverse_dynamics.solution import EXACT
from genesis.sysid.linearization import prior_blocks
from genesis.sysid.passive_forces import SLIP, passive_forces
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import Residuals
from genesis.sysid.sensitivity import RecordingDerivatives, outside
from genesis.sysid.shooting import Batch

ROUNDS = 4  # of weights of the joints, and of steps where something is not linear
ENOUGH = 1e-3  # fall of the cost, relative, that is worth another one
WEIGHT = 1.0  # of the divergence of bodies from their description
CHUNK = 2**22  # numbers of theta copied at once


def of_forces(problem: RecordingProblem) -> Residuals:
    """The residuals of the forces, of z alone.

    Raises: InputError where the positions of some joint are not measured, or there are free bodies.
    """
    return Residuals(problem, EquationError(problem).blocks, 0)


def linear_start(problem: RecordingProblem) -> np.ndarray:
    """z (n,) that explains the forces best: linear least squares under the condition that bodies exist, see `consistent`.

    Raises: InputError as `of_forces`.
    """
    error, chart = EquationError(problem), LinearChart(problem)
    count = problem.space.nv
    z = problem.z0.numpy()

    def left(at: np.ndarray) -> np.ndarray:
        """(M, nv) in units of the start's."""
        return np.concatenate([b.r for b in error.blocks(at, False) if b.label == "torque"]).reshape(-1, count)

    def cost(at: np.ndarray, sigma: np.ndarray) -> float:
        rows = chart.divergence(torch.as_tensor(at), WEIGHT).detach().numpy()
        known = problem.prior_rows(torch.as_tensor(at)).detach().numpy()
        value = 0.5 * float(((left(at) / sigma) ** 2).sum() + (rows**2).sum() + (known**2).sum())
        return value if np.isfinite(value) else float("inf")

    sigma = np.ones(count)
    for _ in range(ROUNDS):
        blocks = error.blocks(z, True)
        to_free = np.linalg.pinv(chart.slope(torch.as_tensor(z)))
        x = chart.of(torch.as_tensor(z)).detach().numpy()
        weight = {"torque": np.tile(1.0 / sigma, sum(len(b.r) for b in blocks if b.label == "torque") // count)}
        rows = []
        for label in ("torque", "prior"):
            chosen = [b for b in blocks if b.label == label]
            if chosen:
                columns, r = np.concatenate([b.z for b in chosen]) @ to_free, np.concatenate([b.r for b in chosen])
                scale = weight.get(label, np.ones(len(r)))
                rows.append(np.column_stack([columns, columns @ x - r]) * scale[:, None])
        squares = Compressed.joined([Compressed(row) for row in rows])
        found = consistent(squares.columns, squares.target, x, chart.bodies, WEIGHT, chart.low, chart.high)
        moved, before = chart.free(found.x), cost(z, sigma)
        after = cost(moved, sigma)
        if not after < before:
            break
        z, sigma = moved, np.maximum(np.sqrt((left(moved) ** 2).mean(0)), EXACT)
        if after > (1.0 - ENOUGH) * before:
            break
    return z


class EquationError:
    """The balance of forces over the smoothed motion of a problem."""

    def __init__(self, problem: RecordingProblem) -> None:
        self.problem = problem
        if not balances(problem) or not problem.dataset.inputs:
            raise InputError(
                "starts.equation_error: needs the measured position of every joint (channels of kind joint_position), no ball or free "
                "joint, and an input; switch it off."
            )
        self.forces = JointForces(problem.solver.model)
        self.motions = [self._smoothed(batch) for batch in problem.batches]
        self.scale = self._scale()

    def _smoothed(self, batch: Batch) -> tuple[Tensor, ...]:
        """q, v, a and v', each (T, B, n), of the steps of a batch."""
        problem = self.problem
        times = np.arange(batch.horizon + 1)[:, None] * problem.dt + batch.start[None]
        q, v = (np.zeros((*times.shape, n)) for n in (problem.space.nq, problem.space.nv))
        for b, r in enumerate(batch.recording.tolist()):
            q[:, b], v[:, b] = problem.start_states(problem.recordings[r], times[:, b])[:2]
        a = (v[1:] - v[:-1]) / problem.dt
        if problem.physics.stages == 1:
            made = q[:-1], v[:-1], a, v[1:] if problem.physics.damping_dt > 0.0 else v[:-1]
        else:
            made = 0.5 * (q[1:] + q[:-1]), 0.5 * (v[1:] + v[:-1]), a, 0.5 * (v[1:] + v[:-1])
        return tuple(torch.as_tensor(x) for x in made)

    def _scale(self) -> Tensor:
        """(nv,) root mean square of the force that each joint lacks at the start."""
        with torch.no_grad():
            missing = self._missing(self.problem.z0)
        return torch.cat(missing).square().mean(0).sqrt().clamp(min=1e-9)

    def _missing(self, z: Tensor) -> list[Tensor]:
        targets = self.problem.targets(z)
        theta = self.problem.theta(targets)
        made = []
        for batch, motion in zip(self.problem.batches, self.motions, strict=True):
            controls = self.problem.controls(batch, targets)
            made += [self._residual(motion, where, theta, *controls) for where in self._chunks(batch)]
        return made

    def _chunks(self, batch: Batch) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Steps that are in use: (step, window, target) each (N,), as many as theta may be copied for."""
        used = torch.as_tensor(np.arange(batch.horizon)[:, None] < batch.steps[None])
        t, e = used.nonzero().unbind(1)
        most = max(1, CHUNK // self.problem.solver.model.parameter_size)
        return list(zip(t.split(most), e.split(most), batch.target[e].split(most), strict=True))

    def blocks(self, x: np.ndarray, jacobian: bool) -> list[ResidualBlock]:
        """At x = z (n,)."""
        problem, z = self.problem, torch.as_tensor(x)
        with torch.no_grad():
            targets = problem.targets(z)
            theta = problem.theta(targets)
        made = []
        for batch, motion in zip(problem.batches, self.motions, strict=True):
            out = outside(problem, batch, z, None) if jacobian else None
            with torch.no_grad():
                dof_ctrl, act_ctrl = problem.controls(batch, targets)
            for where in self._chunks(batch):
                made.append(self._block(motion, where, theta, dof_ctrl, act_ctrl, out))
        return made + prior_blocks(problem, z, jacobian)

    def _block(
        self, motion, where, theta: Tensor, dof_ctrl: Tensor, act_ctrl: Tensor | None, out: RecordingDerivatives | None
    ) -> ResidualBlock:
        """Residuals of some steps; with their Jacobian where the derivatives `out` are given."""
        if out is None:
            r = self._residual(motion, where, theta, dof_ctrl, act_ctrl) / self.scale
            return ResidualBlock("torque", r.numpy().reshape(-1), window=np.zeros(r.numel(), int))
        t, e, target = where
        n = self.problem.n
        rows = theta[target] if theta.dim() == 2 else theta.expand(len(t), -1)
        given = {"theta": rows, "dof_ctrl": dof_ctrl[t, e], "act_ctrl": None if act_ctrl is None else act_ctrl[t, e]}
        leaves = {key: value.detach().clone().requires_grad_() for key, value in given.items() if value is not None}
        r = self._lacking([x[t, e] for x in motion], leaves["theta"], leaves["dof_ctrl"], leaves.get("act_ctrl")) / self.scale
        table = r.new_zeros(*r.shape, n)
        own = out.theta[target] if out.theta.shape[0] > 1 else out.theta[0].expand(len(t), -1, -1)
        for k in range(r.shape[1]):
            found = torch.autograd.grad(r[:, k].sum(), list(leaves.values()), retain_graph=True, allow_unused=True)
            grads = dict(zip(leaves, found, strict=True))
            table[:, k] = torch.einsum("nf,nfm->nm", grads["theta"].index_select(1, out.columns), own)
            for name, driven in (("dof_ctrl", out.dof_ctrl), ("act_ctrl", out.act_ctrl)):
                if driven is not None and grads.get(name) is not None:
                    table[:, k, out.driving] += torch.einsum("nv,nvk->nk", grads[name], driven[t, e])
        r = r.detach()
        return ResidualBlock(
            "torque", r.numpy().reshape(-1), table.detach().numpy().reshape(-1, n), window=np.zeros(r.numel(), int)
        )

    def _residual(self, motion, where, theta: Tensor, dof_ctrl: Tensor, act_ctrl: Tensor | None) -> Tensor:
        t, e, target = where
        rows = theta[target] if theta.dim() == 2 else theta.expand(len(t), -1)
        return self._lacking([x[t, e] for x in motion], rows, dof_ctrl[t, e], None if act_ctrl is None else act_ctrl[t, e])

    def _lacking(self, motion: Sequence[Tensor], theta: Tensor, dof_ctrl: Tensor, act_ctrl: Tensor | None) -> Tensor:
        """(N, nv) what the motion (q, v, a, v') needs less what was applied."""
        (q, v, a, slipping), physics = motion, self.problem.physics
        sample = Sample(physics, theta.contiguous(), self.problem.dt, q, slipping, (q, v), (q, v), a, dof_ctrl, act_ctrl)
        needed = physics.inverse_dynamics(sample.theta, q, v, a)
        return needed + passive_forces(self.forces, sample, q, v, slipping, SLIP) - self.forces.of(sample)
