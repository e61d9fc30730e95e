"""Rotations and poses of a description in numpy: quaternions wxyz, ``X_AB = (p_AB, q_AB)`` places frame B in frame A."""

import numpy as np

IDENTITY_QUAT = np.array([1.0, 0.0, 0.0, 0.0])


def quat_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """q_AC = q_AB q_BC, Hamilton product of two (4,) quaternions."""
    w, x, y, z = a
    left = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return left @ b


def quat_to_matrix(quat: np.ndarray) -> np.ndarray:
    """R_AB (3, 3) of a quaternion (4,) of any positive length."""
    w, x, y, z = np.asarray(quat, float) / np.linalg.norm(quat)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quat_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The shortest rotation that takes unit vector a (3,) to unit vector b (3,), as a quaternion (4,)."""
    w = 1.0 + float(a @ b)
    if w < 1e-12:  # opposite: half a turn about any axis across a
        across = np.cross(a, np.eye(3)[np.argmin(np.abs(a))])
        return np.concatenate([[0.0], across / np.linalg.norm(across)])
    quat = np.concatenate([[w], np.cross(a, b)])
    return quat / np.linalg.norm(quat)


def rotate(quat: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """v_A = R_AB v_B."""
    return quat_to_matrix(quat) @ vector


def compose(pos_AB: np.ndarray, quat_AB: np.ndarray, pos_BC: np.ndarray, quat_BC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """X_AC = X_AB X_BC, each a position (3,) [m] and a quaternion (4,)."""
    return pos_AB + rotate(quat_AB, pos_BC), quat_multiply(quat_AB, quat_BC)
