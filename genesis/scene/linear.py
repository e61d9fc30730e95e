"""A trajectory as it is seen from near by: Jacobians of its steps, and its states, controls and parameters as leaves of a graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from genesis.grad.controllers import parameter
from genesis.grad.sensitivities import along
from genesis.grad.tangent import plus, state_minus
from genesis.grad.tensor import plain
from genesis.scene.physical import Loops
from genesis.scene.solver import RigidSolver

if TYPE_CHECKING:
    from genesis.scene.trajectory import Trajectory

#: Of a start whose motion is compared: short, so that what has grown by 1e8 (in 32 bits by 1e4) is nearby still, and yet far above rounding.
SHIFT, SHIFT_32 = 1e-9, 3e-5
GAINS = {"position": "dof_kp", "velocity": "dof_kv"}  # that turn controls of a kind into what the joint controllers are given


@dataclass(frozen=True)
class LinearSteps:
    """x_(k+1) of every step of a trajectory, x = (qpos, qvel): Jacobians (T, B, nx, ·) to x_k, to the controls as they were given (nv), and to
    entries of theta (F)."""

    state: torch.Tensor
    controls: torch.Tensor
    parameters: torch.Tensor


def linear_steps(trajectory: "Trajectory", names: Sequence[str]) -> LinearSteps:
    """Linearise a `Trajectory` with controls.

    Args:
        names: physical parameters that derivatives are wanted to; F: their numbers, one after the other.
    """
    physics, theta, kind = trajectory._solver.physics, trajectory._theta, trajectory.kind
    x, controls = states(trajectory)[:-1], _controls(trajectory)
    columns = physics.columns(names)
    gain = parameter(physics, theta, GAINS[kind]) if kind in GAINS else None
    dof_ctrl = controls if gain is None else gain * controls
    qacc = batched(trajectory, plain(trajectory.qacc)).detach() if trajectory.simulated else None
    made = along(physics, theta.detach(), x, dof_ctrl.contiguous(), None, columns, qacc=qacc).next
    if gain is None:
        return LinearSteps(made.state, made.dof_ctrl, made.parameters)
    if GAINS[kind] in names:  # a gain is in them too
        first = len(physics.columns(names[: names.index(GAINS[kind])]))
        made.parameters[..., first : first + physics.nv] += made.dof_ctrl * controls.unsqueeze(-2)
    return LinearSteps(made.state, made.dof_ctrl * gain.unsqueeze(-2), made.parameters)


def deviations(trajectory: "Trajectory", directions: torch.Tensor) -> torch.Tensor:
    """How far motions from starts nearby are from a `Trajectory` with controls, in units of the start's shift: (T+1, B, k, 2nv).

    directions: k unit tangents (k, 2nv) of the start, the same in every environment. Each is one more rollout by the kernel that made the
    trajectory. Shifts are `SHIFT` long: what has grown by more than 1e8 has left the neighbourhood, and counts as about that; of `SHIFT_32` in
    32 bits, by more than 1e4.
    """
    solver, horizon = trajectory._solver, trajectory.horizon
    physics, model, dof_ctrl = solver.physics, solver.model, trajectory._dof_ctrl()
    assert dof_ctrl is not None
    shift = SHIFT if trajectory.qpos.dtype == torch.float64 else SHIFT_32
    q, v, u = (batched(trajectory, plain(x).detach()) for x in (trajectory.qpos, trajectory.qvel, dof_ctrl))
    c = None if trajectory._act_ctrl is None else batched(trajectory, trajectory._act_ctrl.detach()).contiguous()
    made = q.new_empty(horizon + 1, q.shape[1], len(directions), 2 * physics.nv)
    with torch.no_grad():
        for k, direction in enumerate(directions.to(q)):
            d = shift * direction.expand(q.shape[1], -1)
            start = plus(model, q[0], d[:, : physics.nv]).contiguous(), (v[0] + d[:, physics.nv :]).contiguous()
            run_q, run_v, _ = physics.rollout(trajectory._theta.detach(), *start, u.contiguous(), c)
            made[:, :, k] = state_minus(model, (run_q, run_v), (q, v)) / shift
    return made


def entries(solver: RigidSolver, kind: str, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Physical parameters as theta has them under controls of a kind, one after the other (F,); differentiable in any mode."""
    return solver.parameters.entries(Loops.of(kind, solver.model.nv), values)


@dataclass(frozen=True)
class Probe:
    """The same `Trajectory`, made of leaves: x (T+1, B, nx), controls (T, B, nv), theta (T+1, B, P) or None: the parameters of every state."""

    trajectory: "Trajectory"
    x: torch.Tensor
    controls: torch.Tensor
    theta: torch.Tensor | None

    def leaves(self) -> list[torch.Tensor]:
        return [self.x, self.controls] + ([] if self.theta is None else [self.theta])


def probe(trajectory: "Trajectory", *, parameters: bool) -> Probe:
    """Make the leaves; with `parameters` also of theta."""
    solver, flat = trajectory._solver, trajectory.qpos.ndim == 2
    x = states(trajectory).detach().requires_grad_()
    controls = _controls(trajectory).detach().clone().requires_grad_()
    theta = trajectory._theta.detach()
    rows = theta.expand(*x.shape[:2], -1).requires_grad_() if parameters else None
    with torch.enable_grad():
        series = [
            *x.split([solver.model.nq, solver.model.nv], -1),
            batched(trajectory, plain(trajectory.qacc)).detach(),
            controls,
        ]
        q, v, a, u = (part.squeeze(1) if flat else part.view(part.shape) for part in series)
    made = type(trajectory)(
        solver, theta if rows is None else rows, (q, v, a), u, trajectory.dt, trajectory._start, trajectory.kind
    )
    return Probe(made, x, controls, rows)


def states(trajectory: "Trajectory") -> torch.Tensor:
    """x (T+1, B, nx)"""
    return batched(trajectory, torch.cat([plain(trajectory.qpos), plain(trajectory.qvel)], -1))


def _controls(trajectory: "Trajectory") -> torch.Tensor:
    """(T, B, nv)"""
    assert trajectory._controls is not None
    return batched(trajectory, trajectory._controls)


def batched(trajectory: "Trajectory", series: torch.Tensor) -> torch.Tensor:
    """A series of a trajectory with the axis of environments."""
    return series.unsqueeze(1) if trajectory.qpos.ndim == 2 else series
