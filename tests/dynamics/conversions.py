"""Between coordinates and tangent space, and between our velocity variables and Pinocchio's, in numpy."""

import numpy as np

from genesis.description.poses import quat_multiply, quat_to_matrix
from genesis.model.model import Model


def quaternions(model: Model) -> list[tuple[int, int]]:
    """(coordinate, degree of freedom) where each unit quaternion begins."""
    return [
        (joint.qpos_adr + joint.kind.quaternion, joint.dof_adr + joint.kind.quaternion)
        for joint in model.joints
        if joint.kind.quaternion is not None
    ]


def scalars(model: Model) -> list[tuple[int, int]]:
    """(coordinate, degree of freedom) of everything that adds as a number."""
    joints = [joint for joint in model.joints if joint.mimic is None]
    return [(joint.qpos_adr + k, joint.dof_adr + k) for joint in joints for k in range(joint.kind.plain)]


def exp(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternion wxyz of a rotation vector."""
    angle = np.linalg.norm(rotation)
    return np.concatenate([[np.cos(angle / 2)], np.sinc(angle / 2 / np.pi) / 2 * rotation])


def advance(model: Model, qpos: np.ndarray, tangent: np.ndarray) -> np.ndarray:
    """qpos (+) tangent."""
    moved = np.array(qpos, float)
    for q, v in scalars(model):
        moved[q] += tangent[v]
    for q, v in quaternions(model):
        moved[q : q + 4] = quat_multiply(moved[q : q + 4], exp(tangent[v : v + 3]))
    return moved


def tangent_of(model: Model, qpos: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Gradient rows (..., nv) in the tangent space from gradient rows (..., nq) of coordinates, at one qpos (nq)."""
    out = np.zeros((*gradient.shape[:-1], model.nv))
    for q, v in scalars(model):
        out[..., v] = gradient[..., q]
    for q, v in quaternions(model):
        x = qpos[q : q + 4]
        for k in range(3):
            unit = np.zeros(4)
            unit[1 + k] = 0.5
            out[..., v + k] = gradient[..., q : q + 4] @ quat_multiply(x, unit)
    return out


def skew(v: np.ndarray) -> np.ndarray:
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


def rotation(quat: np.ndarray) -> np.ndarray:
    return quat_to_matrix(quat)
