"""What a scene says of steps that went wrong: divergence, a solver that stopped early."""

from typing import TYPE_CHECKING

import torch

from genesis.errors import DivergenceError, InputError
from genesis.grad.status import Unsolved
from genesis.log import logger
from genesis.model.names import coordinate_name, dof_name

if TYPE_CHECKING:
    from genesis.scene.solver import RigidSolver

QUANTITIES = ("acceleration", "velocity", "position")


def diverged(solver: "RigidSolver", before: int, qpos: torch.Tensor, qvel: torch.Tensor, qacc: torch.Tensor) -> DivergenceError:
    """The error for T steps of which something is not finite; ``before``: steps that count before them in the message.

    qpos (T, B, nq), qvel (T, B, nv) after each step, qacc (T, B, nv) in it; the first of them in time is named, and the constraint whose
    rows were not finite there, if it was one.
    """
    bad = [~torch.isfinite(x.detach()) for x in (qacc, qvel, qpos)]
    hit = torch.stack([x.flatten(1).any(1) for x in bad])  # (3, T)
    steps = hit.any(0).nonzero()
    lost = torch.stack([x.any(0).any(-1) for x in bad]).any(0)  # (B,)
    step = int(steps[0]) if len(steps) else 0
    which = int(hit[:, step].nonzero()[0]) if len(steps) else 0
    env, column = (int(i) for i in bad[which][step].nonzero()[0]) if len(steps) else (0, 0)
    name = coordinate_name(solver.model, column) if which == 2 else dof_name(solver.model, column)
    quantity, number = QUANTITIES[which], before + step + 1
    status = solver.physics.launches(solver.rows).status
    blamed = None if status is None else status.fault(env)
    why = "" if blamed is None else f", because of {blamed}"
    return DivergenceError(
        f'the simulation diverged: {quantity} of "{name}" is not finite in environment {env} at step {number} '
        f"(t = {number * solver.scene.dt:g} s){why}; {_advice(solver)}.",
        env=env, step=number, quantity=f"{quantity} of {name}", envs=tuple(lost.nonzero()[:, 0].tolist()),
    )  # fmt: skip


def _advice(solver: "RigidSolver") -> str:
    if solver.beginning.launching:
        solver.beginning.look_deep()
    faults = solver.beginning.faults
    if not faults:
        return "try a smaller dt, more substeps, or smaller gains and forces"
    more = f" (and {len(faults) - 1} more such)" if len(faults) > 1 else ""
    return f"mend the start first, {faults[0].partition(':')[0]}{more}"


def expect_finite_inputs(solver: "RigidSolver", wrench: torch.Tensor | None) -> None:
    """Of a step that diverged: controls, and external forces (B, nlink, 6) or None.

    Raises: InputError, naming the first that is not; external forces that are not are dropped.
    """
    model, controls = solver.model, solver.controls
    given = (("control", controls.dof_ctrl), ("actuator control", controls.act_ctrl), ("external force", wrench))
    for name, value in given:
        if value is not None and not torch.isfinite(value.detach()).all():
            if name == "external force":
                controls.wrench = None  # more is only ever added to it
            env, column, *rest = (int(i) for i in (~torch.isfinite(value.detach())).nonzero()[0])
            if name == "control":
                what = dof_name(model, column)
            else:
                what = (model.actuators if name == "actuator control" else model.links)[column].name
            raise InputError(
                f'scene.step: the {name} of "{what}" is {value[env, column, *rest].item()} in environment {env} at step '
                f"{solver.steps + 1}; allowed: finite numbers."
            )


def warn_unsolved(found: Unsolved, steps: int, iterations: int, dt: float) -> None:
    """Say that the constraint solver has stopped early; ``steps``: those that count before the launch."""
    step = steps + found.step + 1
    logger.warning(
        "the constraint solver did not converge in environment %d at step %d (t = %g s; %d such solves): after %d iterations the "
        "forces are out of balance by %.1e of the largest; raise iterations or tolerance (RigidOptions, or scene.solver_iterations and "
        "solver_tolerance of a config). Said once per scene.",
        found.env, step, step * dt, found.count, iterations, found.residual,
    )  # fmt: skip
