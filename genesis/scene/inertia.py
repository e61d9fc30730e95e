"""Joint-space inertia and gravity of a configuration, from the link velocities that one unit of each joint velocity makes.

    M = sum over links of m J_c^T J_c + J_w^T R I R^T J_w, with armature on the diagonal;    c = - sum of m J_c^T g

with J_c, J_w the Jacobians of centres of mass and orientations. Only the kernel of the link states runs: most programs need that one
anyway, and inverse dynamics would be two more to compile.
Source: Featherstone, Rigid Body Dynamics Algorithms (2008), §6.1 and §2.14 (energy).
"""

from typing import Protocol

import torch

from genesis.grad.physics import Physics
from genesis.grad.rotation import rotate, rotate_inverse
from genesis.model.model import Model
from genesis.scene.physical import PhysicalParameters


class Mechanics(Protocol):
    """What is asked of a solver here. theta(): its packed parameters, (P,) or (B, P)."""

    model: Model
    physics: Physics
    parameters: PhysicalParameters

    def theta(self) -> torch.Tensor: ...


def mass_matrix(solver: Mechanics, qpos: torch.Tensor) -> torch.Tensor:
    """(B, nv, nv) with armature, of qpos (B, nq)."""
    value = solver.parameters.value
    velocity, spin = _jacobians(solver, qpos)
    xx, yy, zz, xy, xz, yz = value("link_inertia").unbind(-1)
    inertia = torch.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], -1).unflatten(-1, (3, 3))  # (1 or B, nlink, 3, 3)
    momentum = value("link_mass").unsqueeze(-1) * velocity, (inertia @ spin.unsqueeze(-1)).squeeze(-1)
    energy = sum(torch.einsum("iblx,kblx->bik", x, p) for x, p in zip((velocity, spin), momentum, strict=True))
    return energy + torch.diag_embed(value("dof_armature"))


def gravity_force(solver: Mechanics, qpos: torch.Tensor) -> torch.Tensor:
    """(B, nv) joint forces that hold the links against gravity at qpos (B, nq), of all environments or the first of them."""
    mass, gravity = (solver.parameters.value(name)[: len(qpos)] for name in ("link_mass", "gravity"))
    velocity, _ = _jacobians(solver, qpos)
    weight = mass.unsqueeze(-1) * gravity.unsqueeze(-2)  # (1 or B, nlink, 3)
    return -(velocity * weight).sum((-1, -2)).T


def _jacobians(solver: Mechanics, qpos: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(nv, B, nlink, 3) velocity of the centres of mass in world axes, and angular velocity in link axes, for each unit velocity."""
    nv, rows = solver.model.nv, qpos.shape[0]
    units = torch.eye(nv, dtype=qpos.dtype, device=qpos.device)[:, None].expand(nv, rows, nv)
    theta = solver.theta() if solver.theta().dim() == 1 else solver.theta()[:rows]
    _, quat, velocity, spin = solver.physics.kinematics(theta, qpos.expand(nv, *qpos.shape), units)
    arm = rotate(quat, solver.parameters.value("link_com")[:rows].expand(rows, -1, -1))
    return velocity + torch.linalg.cross(spin, arm), rotate_inverse(quat, spin)
