"""What a scene says of steps that went wrong: divergence, a solver that stopped early, bodies that start inside each other."""

from typing import Any

import numpy as np
import torch

from genesis.dynamics.constraints.ledger import STATUS
from genesis.errors import DivergenceError
from genesis.grad.watch import Unsolved
from genesis.log import logger
from genesis.model.layout import GEOM_TYPES
from genesis.model.model import Model

DEEP = 0.25  # of the smaller geom's least half length: a start as deep as that throws bodies apart
QUANTITIES = ("acceleration", "velocity", "position")


def diverged(solver: Any, before: int, qpos: torch.Tensor, qvel: torch.Tensor, qacc: torch.Tensor) -> DivergenceError:
    """The error for T steps after step ``before`` of which something is not finite.

    qpos (T, B, nq), qvel (T, B, nv) after each step, qacc (T, B, nv) in it; the first of them in time is named.
    """
    bad = [~torch.isfinite(x.detach()) for x in (qacc, qvel, qpos)]
    hit = torch.stack([x.flatten(1).any(1) for x in bad])  # (3, T)
    steps = hit.any(0).nonzero()
    lost = torch.stack([x.any(0).any(-1) for x in bad]).any(0)  # (B,)
    step = int(steps[0]) if len(steps) else 0
    which = int(hit[:, step].nonzero()[0]) if len(steps) else 0
    env, column = (int(i) for i in bad[which][step].nonzero()[0]) if len(steps) else (0, 0)
    name = coordinate_name(solver.model, column) if which == 2 else solver.dof_name(column)
    quantity, number = QUANTITIES[which], before + step + 1
    return DivergenceError(
        f'the simulation diverged: {quantity} of "{name}" is not finite in environment {env} at step {number} '
        f"(t = {number * solver.scene.dt:g} s); try a smaller dt, more substeps, or smaller gains and forces.",
        env=env, step=number, quantity=f"{quantity} of {name}", envs=tuple(lost.nonzero()[:, 0].tolist()),
    )  # fmt: skip


def coordinate_name(model: Model, column: int) -> str:
    """`entity/joint` of a coordinate of the scene."""
    for joint in model.joints:
        if joint.qpos_adr <= column < joint.qpos_adr + joint.nq:
            return f"{model.entities[joint.entity].name}/{joint.name}"
    return str(column)


def warn_unsolved(found: Unsolved, steps: int, iterations: int, dt: float) -> None:
    """Say that the constraint solver has stopped early; ``steps`` were taken before the launch."""
    step = steps + found.step + 1
    logger.warning(
        "the constraint solver did not converge in environment %d at step %d (t = %g s; %d such solves): after %d iterations the "
        "forces are out of balance by %.1e of the largest; raise iterations or tolerance (RigidOptions, or scene.solver_iterations and "
        "solver_tolerance of a config). Said once per scene.",
        found.env, step, step * dt, found.count, iterations, found.residual,
    )  # fmt: skip


def warn_deep(model: Model, status: torch.Tensor, told: set[str]) -> None:
    """Say which two geoms start deep inside each other, once; status (B, len(STATUS)) of a launch."""
    depths = status[:, STATUS.index("depth")].cpu().numpy()
    env = int(np.argmax(depths))
    depth, pair = float(depths[env]), int(status[env, STATUS.index("deepest")])
    if pair < 0 or "deep" in told:
        return
    rows = [int(model.integers[f"cand_geom{k}"][pair]) for k in (1, 2)]
    half = [_half(model, row) for row in rows]
    if depth > DEEP * min(half):
        told.add("deep")
        logger.warning(
            "%s and %s start %.3g m inside each other in environment %d: the contact throws them apart; move them away, or filter "
            "the pair (contype and conaffinity, <exclude>).",
            *(geom_name(model, row) for row in rows), depth, env,
        )  # fmt: skip


def geom_name(model: Model, row: int) -> str:
    """`geom "name" of "entity"`, or by the type of a geom without a name; row of the table of contact geoms."""
    k = model.contact_geoms[row]
    geom = model.geoms[k]
    entity = next(e.name for e in model.entities if e.geom_start <= k < e.geom_start + e.n_geoms)
    return f'geom "{geom.name}" of "{entity}"' if geom.name else f'the {geom.type} of "{entity}"'


def _half(model: Model, row: int) -> float:
    """Least half length of a geom; infinite for planes and height fields."""
    kind = GEOM_TYPES[model.integers["geom_type"][row]]
    if kind in ("plane", "hfield"):
        return np.inf
    sizes = model.parameters["geom_size"][row]
    count = {"sphere": 1, "capsule": 1, "cylinder": 2}.get(kind, 3)
    return float(np.min(sizes[:count]))
