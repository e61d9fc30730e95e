"""How points and orientations of a trajectory move with its states: one launch for all their numbers, in place of a reverse pass each."""

from typing import TYPE_CHECKING, Any

import torch

from genesis.grad.pose_jacobian import pose_jacobian
from genesis.grad.rotation import multiply, rotate
from genesis.grad.tensor import plain

if TYPE_CHECKING:
    from genesis.scene.trajectory import Trajectory


def point_jacobian(
    trajectory: "Trajectory", entity: Any, name: str, offset: tuple[float, ...] | None, steps: slice
) -> torch.Tensor:
    """Derivatives (S, B, 3, nq + nv) of `trajectory.point(entity, name, offset, steps)` to the state."""
    link, pos, quat = trajectory._frame(entity, name)
    if offset is not None:
        pos = pos + rotate(quat, pos.new_tensor(offset))
    rows = pose_rows(trajectory, link, steps)
    if not pos.any():
        return rows[..., :3, :]
    turn = plain(trajectory._motion(steps)[1])[:, :, link].detach()
    return rows[..., :3, :] + _arm(turn, pos) @ rows[..., 3:, :]


def frame_quat_jacobian(trajectory: "Trajectory", entity: Any, name: str, steps: slice) -> torch.Tensor:
    """Derivatives (S, B, 4, nq + nv) of `trajectory.frame_quat(entity, name, steps)` to the state."""
    link, _, quat = trajectory._frame(entity, name)
    units = torch.eye(4, dtype=quat.dtype, device=quat.device)
    return multiply(units, quat).T @ pose_rows(trajectory, link, steps)[..., 3:, :]


def _arm(quat: torch.Tensor, pos: torch.Tensor) -> torch.Tensor:
    """Derivative (S, B, 3, 4) of `rotate(quat, pos)` to quat (S, B, 4): pos + 2 w u × pos + 2 u × (u × pos)."""
    w, u = quat[..., :1], quat[..., 1:]
    units = torch.eye(3, dtype=quat.dtype, device=quat.device).expand(*quat.shape[:-1], 3, 3)
    across = torch.linalg.cross(u, pos.expand_as(u))
    turned = torch.linalg.cross(units, pos.expand_as(units))  # e_k × pos
    back = torch.linalg.cross(units, across.unsqueeze(-2)) + torch.linalg.cross(u.unsqueeze(-2), turned)
    return 2.0 * torch.cat([across.unsqueeze(-1), (w.unsqueeze(-1) * turned + back).mT], -1)


def pose_rows(trajectory: "Trajectory", link: int, steps: slice) -> torch.Tensor:
    """(S, B, 7, nq + nv) of a link, found once."""
    key = link, range(trajectory.horizon + 1)[steps]
    known = trajectory._pose_jacobians
    if key not in known:
        physics, qpos = trajectory._solver.physics, plain(trajectory.qpos).detach()[steps]
        rows = pose_jacobian(physics, plain(trajectory._theta).detach(), qpos.unsqueeze(1) if qpos.ndim == 2 else qpos, link)
        known[key] = torch.cat([rows, rows.new_zeros(*rows.shape[:-1], physics.nv)], -1)
    return known[key]
