"""What joint controllers ask for, in operations of torch."""

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from genesis.grad.physics import Physics


def parameter(physics: "Physics", theta: torch.Tensor, name: str) -> torch.Tensor:
    """One parameter's part of theta, (..., length)."""
    first, length = physics.model.parameter_offsets[name]
    return theta[..., first : first + length]


def joint_position(physics: "Physics", qpos: torch.Tensor) -> torch.Tensor:
    """Coordinates (..., nv) by degree of freedom; 0 for those of ball and free joints, which have no position loop."""
    place = torch.as_tensor(physics.model.integers["dof_qadr"], dtype=torch.int64, device=qpos.device)
    return qpos[..., place.clamp(min=0)].masked_fill(place < 0, 0.0)


def controller_force(
    physics: "Physics", theta: torch.Tensor, dof_ctrl: torch.Tensor | float, qpos: torch.Tensor, qvel: torch.Tensor
) -> torch.Tensor:
    """dof_ctrl - kp q - kv v (..., nv): the force of the joint controllers before their bounds; theta (P,) or (B, P)."""
    at = joint_position(physics, qpos)
    return dof_ctrl - parameter(physics, theta, "dof_kp") * at - parameter(physics, theta, "dof_kv") * qvel
