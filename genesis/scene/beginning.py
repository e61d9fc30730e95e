"""What is wrong with the state that a scene starts from: joints outside their limits, bodies inside each other, motors that cannot hold it.

Such a start is simulated as it is, ends in a jolt or a fall, and looks like a fault of step length or gains. It is looked at once, at the first
step or rollout.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch

from genesis.dynamics.constraints.ledger import STATUS
from genesis.grad.tensor import plain
from genesis.log import logger
from genesis.model.layout import GEOM_TYPES
from genesis.model.model import JointInfo, Model
from genesis.model.names import geom_name
from genesis.scene.inertia import gravity_force

if TYPE_CHECKING:
    from genesis.scene.entity import RigidEntity
    from genesis.scene.solver import RigidSolver

SLACK = 1e-3  # [rad | m] outside a limit that is rounding, or the softness of the limit
DEEP, DEEPEST = (
    0.1,
    0.02,
)  # of the smaller geom's least half length, but at most so much [m]: a deeper start is no contact at rest
REST = 200.0  # [m/s²] times the step squared: how deep the smooth law lets bodies rest, see docs/contact.md
LINES = 5  # joints that are named
FIRST = 256  # environments whose motors are looked at: each takes as many kinematics as it has degrees of freedom


class Beginning:
    """What has been found, in words, for the message of a divergence; `seen`: the state has been looked at."""

    def __init__(self, solver: "RigidSolver") -> None:
        self.solver, self.seen, self.faults = solver, False, list[str]()
        self.launching = False  # between the look at the state and that at its first launch

    def first(self, qpos: torch.Tensor, position: bool) -> None:
        """Before a rollout from qpos ([B,] nq), all joints under position control or none: look, if it is the first launch."""
        if not self.seen:
            self.look(qpos.reshape(self.solver.rows, -1), np.full(self.solver.model.nv, position))

    def look(self, qpos: torch.Tensor, held: np.ndarray) -> None:
        """Warn of joints outside their limits, and of motors too weak to hold their joint; qpos (B, nq), held (nv,): under position control."""
        self.seen = self.launching = True
        outside = outside_limits(self.solver, qpos.detach())
        weak = too_weak(self.solver, qpos.detach(), held) if held.any() else []
        self.faults += outside
        for found, what in ((outside, "joints start outside their limits"), (weak, "joints cannot hold their start")):
            for line in found[:LINES]:
                logger.warning("%s.", line)
            if len(found) > LINES:
                logger.warning("%d more %s.", len(found) - LINES, what)

    def look_deep(self) -> None:
        """After the launch from the state that was looked at: warn of the two geoms that are deepest inside each other in its first step."""
        self.launching = False
        status = self.solver.physics.launches(self.solver.rows).status
        line = None if status is None else deep(self.solver, status.table)
        if line is not None:
            self.faults.append(line)
            logger.warning(
                "%s: the contact throws them apart; move them away, or filter the pair (contype and conaffinity, <exclude>).",
                line,
            )


def outside_limits(solver: "RigidSolver", qpos: torch.Tensor) -> list[str]:
    """A sentence for each joint of one coordinate that starts outside its limits, in its worst environment."""
    acts = solver.model.sizes["nlimit"] > 0
    found = []
    for entity, joints in _scalar_joints(solver):
        if not joints:
            continue
        low, high = (plain(x).detach().reshape(-1, entity.n_dofs) for x in entity.get_dofs_limit())
        places = [j.dof_adr - entity.dof_start for j in joints]
        low, high, q = low[:, places], high[:, places], qpos[:, [j.qpos_adr for j in joints]]
        excess = torch.maximum(low - q, q - high)
        for k in (excess.amax(0) > SLACK).nonzero()[:, 0].tolist():
            env = int(excess[:, k].argmax())
            row = min(env, len(low) - 1)
            below = bool(low[row, k] > q[env, k])
            limit, unit = (low if below else high)[row, k].item(), joints[k].kind.dofs[0].position
            found.append(
                f'joint "{entity.name}/{joints[k].name}" starts at {q[env, k].item():.4g} {unit}, {excess[env, k].item():.3g} {unit} '
                f"{'below its lower' if below else 'above its upper'} limit of {limit:.4g} {unit}{_where(excess[:, k] > SLACK, env)}"
                + (": the limit throws it back" if acts else " (limits are not simulated here)")
            )
    return found


def too_weak(solver: "RigidSolver", qpos: torch.Tensor, held: np.ndarray) -> list[str]:
    """A sentence for each held joint of a fixed base whose weight at the start, less its spring, is above the bound of its force.

    Contacts, equalities and actuators of model files, which may carry it, are not asked.
    """
    qpos = qpos[:FIRST]
    value = {
        name: solver.parameters.value(name).detach()[:FIRST]
        for name in ("dof_force_lo", "dof_force_hi", "dof_stiffness", "qpos_spring")
    }
    if not bool(torch.isfinite(value["dof_force_hi"]).any() | torch.isfinite(value["dof_force_lo"]).any()):
        return []
    weight = gravity_force(solver, qpos).detach()
    found = []
    for entity, joints in _scalar_joints(solver):
        if any(joint.kind.floats for joint in solver.model.joints if solver.model.entities[joint.entity].name == entity.name):
            continue  # what it stands on carries it
        for joint in (j for j in joints if held[j.dof_adr]):
            i, q = joint.dof_adr, joint.qpos_adr
            needed = weight[:, i] + value["dof_stiffness"][:, i] * (qpos[:, q] - value["qpos_spring"][:, q])
            lack = torch.maximum(needed - value["dof_force_hi"][:, i], value["dof_force_lo"][:, i] - needed)
            if bool((lack > 0.0).any()):
                env, unit = int(lack.argmax()), joint.kind.either("N m", "N")
                bound = abs(needed[env].item()) - lack[env].item()
                found.append(
                    f'joint "{entity.name}/{joint.name}" needs {abs(needed[env].item()):.4g} {unit} to hold its start against gravity and its '
                    f"motor gives at most {bound:.4g} {unit}{_where(lack > 0.0, env, solver.rows)}: it sinks unless something supports it"
                )
    return found


def deep(solver: "RigidSolver", status: torch.Tensor) -> str | None:
    """The sentence for the deepest contact of the first step, if it is too deep for one at rest."""
    model = solver.model
    depths = status[:, STATUS.index("depth")].cpu().numpy()
    env = int(np.argmax(depths))
    depth, pair = float(depths[env]), int(status[env, STATUS.index("deepest")])
    if pair < 0:
        return None
    rows = [int(model.integers[f"cand_geom{k}"][pair]) for k in (1, 2)]
    rest = REST * solver.physics.step_dt**2 if model.constraints.contact == "smooth" else 0.0
    if not depth > max(min(DEEP * min(_half(model, row) for row in rows), DEEPEST), rest):  # nor where it is no number
        return None
    return (
        f"{geom_name(model, rows[0])} and {geom_name(model, rows[1])} start {depth:.3g} m inside each other in environment {env}"
    )


def _half(model: Model, row: int) -> float:
    """Least half length of a geom; infinite for planes and height fields."""
    kind = GEOM_TYPES[model.integers["geom_type"][row]]
    if kind in ("plane", "hfield"):
        return np.inf
    sizes = model.parameters["geom_size"][row]
    count = {"sphere": 1, "capsule": 1, "cylinder": 2}.get(kind, 3)
    return float(np.min(sizes[:count]))


def _scalar_joints(solver: "RigidSolver") -> list[tuple["RigidEntity", list[JointInfo]]]:
    """Joints of one coordinate of each entity that are not tied to others."""
    joints = solver.model.joints
    own = [j for j in joints if j.kind.scalar and j.mimic is None]
    return [(e, [j for j in own if solver.model.entities[j.entity].name == e.name]) for e in solver.entities if e.n_dofs]


def _where(hit: torch.Tensor, env: int, rows: int = 0) -> str:
    """Which environments are hit; rows: how many there are, where not all were looked at."""
    count = int(hit.sum())
    if len(hit) == 1:
        return ""
    more = f" and {count - 1} more" if count > 1 else ""
    return f" in environment {env}{more}" + (f" of the first {len(hit)}" if rows > len(hit) else "")
