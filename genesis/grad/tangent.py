"""Configurations as points of a manifold: q ⊕ d, q' ⊖ q, and the matrices between coordinates and tangents.

A tangent d (nv) of a configuration q (nq) moves plain coordinates by its numbers and turns a quaternion about its own axes, q exp(d / 2); a
tangent of a state (qpos, qvel) has 2 nv numbers, those of the velocities behind. Adjoints in the kernels live in the same space.
Source: Solà, Deray, Atchuthan, A micro Lie theory for state estimation in robotics (2018), §II; derivation in docs/adjoints/integrate.md.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from genesis.grad.rotation import from_rotation_vector, multiply, to_rotation_vector
from genesis.model.model import Model


def plus(model: Model, q: Tensor, d: Tensor) -> Tensor:
    """q ⊕ d: (..., nq) from (..., nq) and (..., nv)."""
    if model.nq == model.nv:
        return q + d
    made = q.expand(torch.broadcast_shapes(q.shape[:-1], d.shape[:-1]) + q.shape[-1:]).clone()
    for q_plain, v_plain in plain_coordinates(model):
        made[..., q_plain] += d[..., v_plain]
    for quat, turn in quaternions(model):
        made[..., quat] = torch.nn.functional.normalize(multiply(q[..., quat], from_rotation_vector(d[..., turn])), dim=-1)
    return made


def minus(model: Model, q: Tensor, base: Tensor) -> Tensor:
    """q ⊖ base, the tangent of base that leads to q by the shorter way: (..., nv) from two (..., nq)."""
    if model.nq == model.nv:
        return q - base
    made = q.new_zeros(*torch.broadcast_shapes(q.shape[:-1], base.shape[:-1]), model.nv)
    for q_plain, v_plain in plain_coordinates(model):
        made[..., v_plain] = q[..., q_plain] - base[..., q_plain]
    for quat, turn in quaternions(model):
        made[..., turn] = to_rotation_vector(multiply(base[..., quat] * q.new_tensor([1.0, -1.0, -1.0, -1.0]), q[..., quat]))
    return made


def state_minus(model: Model, state: tuple[Tensor, Tensor], base: tuple[Tensor, Tensor]) -> Tensor:
    """The tangent (..., 2 nv) of a state (qpos, qvel) that leads to another one."""
    return torch.cat([minus(model, state[0], base[0]), state[1] - base[1]], -1)


def columns_of(model: Model, q: Tensor) -> Tensor:
    """G (..., nq, nv): derivative of q ⊕ d at d = 0, of unit quaternions."""
    made = q.new_zeros(*q.shape, model.nv)
    for q_plain, v_plain in plain_coordinates(model):
        made[..., q_plain, v_plain] = 1.0
    for quat, turn in quaternions(model):
        made[..., quat, turn] = 0.5 * _product(q[..., quat])
    return made


def rows_of(model: Model, q: Tensor) -> Tensor:
    """P (..., nv, nq): derivative of q' ⊖ q at q' = q, of quaternions of any length; P G = 1."""
    made = q.new_zeros(*q.shape[:-1], model.nv, model.nq)
    for q_plain, v_plain in plain_coordinates(model):
        made[..., v_plain, q_plain] = 1.0
    for quat, turn in quaternions(model):
        x = q[..., quat]
        made[..., turn, quat] = _product(x * (2.0 / x.square().sum(-1, keepdim=True))).mT
    return made


def plain_coordinates(model: Model) -> Iterator[tuple[int, int]]:
    """Coordinates that add like numbers, each with its degree of freedom."""
    for joint in model.joints:
        if joint.mimic is None:
            for k in range(joint.kind.plain):
                yield joint.qpos_adr + k, joint.dof_adr + k


def quaternions(model: Model) -> Iterator[tuple[slice, slice]]:
    """Where a quaternion lies in qpos, and its angular velocity in qvel."""
    for joint in model.joints:
        if joint.kind.quaternion is not None:
            q, v = joint.qpos_adr + joint.kind.quaternion, joint.dof_adr + joint.kind.quaternion
            yield slice(q, q + 4), slice(v, v + 3)


def _product(quat: Tensor) -> Tensor:
    """(..., 4, 3): q (0, d) as a matrix of d."""
    w, x, y, z = quat.unbind(-1)
    rows = [(-x, -y, -z), (w, -z, y), (z, w, -x), (-y, x, w)]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
