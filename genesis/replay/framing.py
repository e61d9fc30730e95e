"""Where a camera sees all of a replay."""

import numpy as np

from genesis.description.poses import quat_to_matrix
from genesis.replay.replay import Replay

FIELD = 0.7  # vertical field of view of the first camera [rad]
FROM = np.array([1.0, 0.75, 0.6]) / np.linalg.norm([1.0, 0.75, 0.6])  # where it looks from: in front (x), to the left (y), above
FRAMES, MANY = 24, 6  # that are looked at; takes with which a quarter of that does


def outline(replay: Replay, frames: int = FRAMES) -> np.ndarray:
    """Points (n, 3) [m] that hold all that is seen: the corners of the boxes of the bodies in some frames, landmarks and lines; no grounds."""
    chosen = np.unique(np.linspace(0, len(replay) - 1, frames if len(replay.takes) <= MANY else frames // 4).astype(int))
    found = [np.asarray(mark.pos, float).reshape(-1, 3) for mark in replay.landmarks]
    found += [np.asarray(line.points, float).reshape(-1, 3) for line in replay.polylines]
    for l, body in enumerate(replay.bodies):
        shapes = [np.asarray(skin.vertices, float) for skin in body.skins if not skin.ground and len(skin.vertices)]
        if not shapes:
            continue
        ends = np.array([[shape.min(0), shape.max(0)] for shape in shapes])
        low, high = ends[:, 0].min(0), ends[:, 1].max(0)
        corners = np.where(np.indices((2, 2, 2)).reshape(3, 8).T == 1, high, low)
        for take in replay.takes:
            turn = np.stack([quat_to_matrix(quat) for quat in take.quat[chosen, l]])
            found.append((corners @ turn.transpose(0, 2, 1) + take.pos[chosen, None, l] + take.offset).reshape(-1, 3))
    points = np.concatenate(found) if found else np.zeros((1, 3))
    points = points[np.isfinite(points).all(1)]
    return points if len(points) else np.array([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])


def camera_of(replay: Replay, aspect: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Where the first camera stands and what it looks at (3,) [m]: all that moves, seen from in front, the left and above."""
    points = outline(replay)
    right = np.cross(-FROM, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, -FROM)
    middle = sum(axis * (axis @ points.T).min() / 2.0 + axis * (axis @ points.T).max() / 2.0 for axis in (right, up, FROM))
    away = points - middle
    distance = np.maximum(np.abs(away @ up), np.abs(away @ right) / aspect) / np.tan(FIELD / 2.0) + away @ FROM
    return middle + FROM * max(1.12 * float(distance.max()), 1e-2), middle


def cell_of(extent: float) -> float:
    """Width of the cells of a grid under something of an extent [m]: a power of ten, about a tenth to a hundredth of it."""
    return float(10.0 ** np.floor(np.log10(max(extent, 1e-3)) - 0.7))
