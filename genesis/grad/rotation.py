"""Rotations of torch tensors, leading axes free: quaternions wxyz, rotation vectors, Euler angles.

Source: Solà, Quaternion kinematics for the error-state Kalman filter (2017), §1 and §2; series at the identity are Taylor
expansions.
"""

import math
from collections.abc import Sequence

import torch

from genesis.errors import InputError

LEAST_NORM = 1e-6  # of a quaternion that means a rotation
SMALL = 1e-4  # squared angle [rad²] below which series of third order are used


def rotate(quat: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """Vector (..., 3) turned by the unit quaternion (..., 4)."""
    w, v = quat[..., :1], quat[..., 1:]
    v, vector = torch.broadcast_tensors(v, vector)
    t = 2.0 * torch.linalg.cross(v, vector)
    return vector + w * t + torch.linalg.cross(v, t)


def rotate_inverse(quat: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """Vector (..., 3) turned by the inverse of the unit quaternion (..., 4)."""
    return rotate(quat * quat.new_tensor([1.0, -1.0, -1.0, -1.0]), vector)


def multiply(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Hamilton product of (..., 4) and (..., 4)."""
    aw, av, bw, bv = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    av, bv = torch.broadcast_tensors(av, bv)
    w = aw * bw - (av * bv).sum(-1, keepdim=True)
    return torch.cat([w, aw * bv + bw * av + torch.linalg.cross(av, bv)], -1)


def normalized(quat: torch.Tensor) -> torch.Tensor:
    """Unit quaternion (..., 4)."""
    return quat / torch.linalg.vector_norm(quat, dim=-1, keepdim=True)


def unit(quat: torch.Tensor, what: str) -> torch.Tensor:
    """Unit quaternion (..., 4) of a user's. Raises: InputError if it is zero or nearly so."""
    if quat.numel() and torch.linalg.vector_norm(quat.detach(), dim=-1).min().item() < LEAST_NORM:
        raise InputError(f"{what}: the quaternion is zero; allowed: (w, x, y, z) other than zero.")
    return normalized(quat)


def matrix(quat: torch.Tensor) -> torch.Tensor:
    """Rotation matrix (..., 3, 3) of the unit quaternion (..., 4)."""
    return torch.stack([rotate(quat, e) for e in torch.eye(3, dtype=quat.dtype, device=quat.device)], -1)


def from_rotation_vector(vector: torch.Tensor) -> torch.Tensor:
    """exp: rotation vector (..., 3) [rad] to unit quaternion (..., 4); smooth everywhere."""
    square = (vector * vector).sum(-1, keepdim=True)
    small = square < SMALL
    angle = torch.where(small, torch.ones_like(square), square).sqrt()
    w = torch.where(small, 1.0 - square / 8.0 + square**2 / 384.0, torch.cos(0.5 * angle))
    factor = torch.where(small, 0.5 - square / 48.0 + square**2 / 3840.0, torch.sin(0.5 * angle) / angle)
    return torch.cat([w, factor * vector], -1)


def to_rotation_vector(quat: torch.Tensor) -> torch.Tensor:
    """log: unit quaternion (..., 4) to rotation vector (..., 3) [rad], of length at most pi; smooth but at pi."""
    quat = torch.where(quat[..., :1] < 0.0, -quat, quat)
    w, v = quat[..., :1], quat[..., 1:]
    square = (v * v).sum(-1, keepdim=True)
    small = square < SMALL
    sine = torch.where(small, torch.ones_like(square), square).sqrt()
    # 2 atan(t) / t / w with t = |v| / w
    near = torch.where(small, w, torch.ones_like(w))
    ratio = square / (near * near)
    series = 2.0 / near * (1.0 - ratio / 3.0 + ratio**2 / 5.0)
    return torch.where(small, series, 2.0 * torch.atan2(sine, w) / sine) * v


def euler_degrees(angles: Sequence[float]) -> tuple[float, float, float, float]:
    """Quaternion wxyz of turns by three angles [deg] about the fixed axes x, y, z, in this order."""
    (cx, sx), (cy, sy), (cz, sz) = [(math.cos(math.radians(a) / 2), math.sin(math.radians(a) / 2)) for a in angles]
    return (
        cz * cy * cx + sz * sy * sx,
        cz * cy * sx - sz * sy * cx,
        cz * sy * cx + sz * cy * sx,
        sz * cy * cx - cz * sy * sx,
    )
