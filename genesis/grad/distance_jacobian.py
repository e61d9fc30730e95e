"""How distances of pairs of links move with the configuration, at many states in one launch."""

import torch

from genesis.grad.physics import Physics


def distance_jacobian(
    physics: Physics, theta: torch.Tensor, qpos: torch.Tensor, links: torch.Tensor, touching: torch.Tensor
) -> torch.Tensor:
    """Derivatives (S, B, P, nq) of the distances of P pairs of links in the world.

    Args:
        theta: (P,) or (B, P). qpos: (S, B, nq). links: (P, 2) int32, -1 the world. touching: (S, B, P, 9), nearest points of the first and the
            second link, normal from the first to the second.
    """
    count, batch, nq = qpos.shape
    pairs = len(links)
    launches, made = physics.launches(batch), qpos.new_empty(count * pairs, batch, nq)
    launch = launches.function("distance jacobian", count, theta.dim() == 2, pairs=pairs)[0]
    launch.named(
        parameters=launches.parameters(theta), q=qpos.detach().contiguous(), links=links.reshape(-1),
        touching=touching.to(qpos).reshape(count, batch, -1).contiguous(), rows=made,
    )  # fmt: skip
    return made.view(count, pairs, batch, nq).transpose(1, 2)
