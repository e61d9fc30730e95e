"""Motions of many environments in one launch, whatever number of them the scene was built for."""

from collections.abc import Callable, Mapping

import torch

from genesis.errors import InputError
from genesis.grad.controllers import parameter
from genesis.scene.linear import GAINS
from genesis.scene.physical import Loops
from genesis.scene.solver import RigidSolver
from genesis.scene.trajectory import Trajectory


def roll_out_batch(
    solver: RigidSolver,
    kind: str,
    qpos: torch.Tensor,
    qvel: torch.Tensor,
    controls: torch.Tensor,
    physical: Mapping[str, torch.Tensor],
    policy: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    *,
    gradient: bool = False,
) -> Trajectory:
    """N motions, without gradients unless they are asked for. One that leaves the finite numbers comes back as it is, and changes nothing of
    the others.

    Args:
        kind: of the controls. qpos (N, nq), qvel (N, nv): start. controls: (T, N, nv).
        physical: core name -> (N, ...) values. Environments of a scene that differ in others repeat in their order.
        policy: controls (N, nv) at a state, added to `controls`; what acted is in those of the result.
    Raises: ContactOverflowError.
    """
    solver.alive()
    physics, count = solver.physics, len(qpos)
    with torch.set_grad_enabled(gradient):
        theta = _theta(solver, kind, count, physical)
        gain = parameter(physics, theta, GAINS[kind]) if kind in GAINS else None
        if policy is None:
            dof_ctrl = controls if gain is None else gain * controls
            q, v, a = physics.rollout(theta, qpos.contiguous(), qvel.contiguous(), dof_ctrl.contiguous())
        else:
            steps, acted = [(qpos.contiguous(), qvel.contiguous(), torch.zeros_like(qvel))], []
            for open_loop in controls:
                acted.append(open_loop + policy(*steps[-1][:2]))
                dof_ctrl = acted[-1] if gain is None else gain * acted[-1]
                steps.append(physics.step(theta, *steps[-1][:2], dof_ctrl))
            (q, v, a), controls = (torch.stack(series) for series in zip(*steps, strict=True)), torch.stack(acted)
            a = a[1:]
    return Trajectory(solver, theta, (q, v, a), controls, solver.scene.dt, 0, kind)


def allowed_rows(solver: RigidSolver, name: str, values: torch.Tensor) -> list[bool]:
    """Whether each of the values (N, ...) of a physical parameter can be simulated."""

    def good(rows: torch.Tensor) -> bool:
        try:
            solver.parameters.check(name, rows, name)
        except InputError:
            return False
        return True

    return [True] * len(values) if good(values) else [good(row[None]) for row in values]


def _theta(solver: RigidSolver, kind: str, count: int, physical: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """(P,) or (N, P)"""
    parameters, loops = solver.parameters, Loops.of(kind, solver.model.nv)
    own = {name: value for name in parameters.names if len(value := parameters.value(name)) > 1 and name not in physical}
    if not own and not physical:
        return parameters.theta(loops)
    repeated = {name: value.repeat(count // len(value), *[1] * (value.dim() - 1)) for name, value in own.items()}
    return parameters.packed(loops, {**repeated, **physical})
