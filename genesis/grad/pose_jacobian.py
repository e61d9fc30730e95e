"""How the pose of a link moves with the configuration, at many states in one launch: the adjoint of each of its seven numbers."""

import torch

from genesis.grad.physics import Physics


def pose_jacobian(physics: Physics, theta: torch.Tensor, qpos: torch.Tensor, link: int) -> torch.Tensor:
    """Derivatives (S, B, 7, nq) of position and orientation wxyz of a link in the world.

    Args:
        theta: (P,) or (B, P). qpos: (S, B, nq). link: which.
    """
    count, batch, nq = qpos.shape
    launches, new = physics.launches(batch), qpos.new_zeros
    pose_bar = new(7, count, batch, physics.nlink, 7)
    pose_bar[:, :, :, link] = torch.eye(7, dtype=qpos.dtype, device=qpos.device)[:, None, None]
    made = qpos.new_empty(7 * count, batch, nq)
    still = new(7 * count, batch, physics.nv)
    launches.function("kinematics", 7 * count, theta.dim() == 2)[1].named(
        parameters=launches.parameters(theta), q=qpos.detach().repeat(7, 1, 1), v=still,
        pose_bar=pose_bar.view(7 * count, batch, -1), twist_bar=new(7 * count, batch, 6 * physics.nlink),
        q_bar=made, v_bar=torch.empty_like(still), parameters_bar=launches.parameters_bar(False),
    )  # fmt: skip
    return made.view(7, count, batch, nq).permute(1, 2, 0, 3)
