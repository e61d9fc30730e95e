"""Triangles of solids, which look outwards: (vertices (n, 3) [m], faces (m, 3)). detail: corners of a full circle."""

import numpy as np

from genesis.description.description import HeightField
from genesis.description.meshes import Mesh

DETAIL = 32


def box(halves: np.ndarray) -> Mesh:
    """A box of half edge lengths (3,)."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    return signs * halves, np.array([[q[0], q[a], q[a + 1]] for q in quads for a in (1, 2)])


def ellipsoid(axes: np.ndarray, detail: int = DETAIL) -> Mesh:
    """An ellipsoid of semi-axes (3,)."""
    angles = np.linspace(-0.5 * np.pi, 0.5 * np.pi, detail // 2 + 1)[1:-1]
    vertices, faces = turned(np.cos(angles), np.sin(angles), detail, (-1.0, 1.0))
    return vertices * axes, faces


def capsule(radius: float, half: float, detail: int = DETAIL) -> Mesh:
    """A cylinder along z of half length ``half`` with half balls on its ends."""
    return tapered(radius, radius, -half, half, detail)


def tapered(first: float, last: float, low: float, high: float, detail: int = DETAIL) -> Mesh:
    """Along z: the hull of a ball of radius ``first`` at z = low and one of radius ``last`` at z = high; one ball where it holds the other."""
    length = high - low
    if length <= abs(first - last):
        radius, centre = (first, low) if first >= last else (last, high)
        vertices, faces = ellipsoid(np.full(3, radius), detail)
        return vertices + [0.0, 0.0, centre], faces
    slope = np.arcsin((first - last) / length)  # where the cone touches the balls
    steps = max(2, detail // 4)
    lower = np.linspace(-0.5 * np.pi, slope, steps + 1)[1:]
    upper = np.linspace(slope, 0.5 * np.pi, steps + 1)[:-1]
    radii = np.concatenate([first * np.cos(lower), last * np.cos(upper)])
    heights = np.concatenate([low + first * np.sin(lower), high + last * np.sin(upper)])
    return turned(radii, heights, detail, (low - first, high + last))


def cylinder(radius: float, half: float, detail: int = DETAIL) -> Mesh:
    """A cylinder along z of half length ``half``."""
    return turned(np.full(2, radius), np.array([-half, half]), detail, (-half, half))


def turned(radii: np.ndarray, heights: np.ndarray, detail: int, ends: tuple[float, float]) -> Mesh:
    """A solid of revolution about z: rings of ``radii`` at rising ``heights``, closed by a corner at the height of each end."""
    around = 2.0 * np.pi * np.arange(detail) / detail
    rings = [
        np.stack([r * np.cos(around), r * np.sin(around), np.full(detail, z)], 1) for r, z in zip(radii, heights, strict=True)
    ]
    vertices = np.concatenate([*rings, [[0.0, 0.0, ends[0]], [0.0, 0.0, ends[1]]]])
    here, there = np.arange(detail), np.roll(np.arange(detail), -1)
    faces = [np.stack([there, here, np.full(detail, len(vertices) - 2)], 1)]
    for k in range(len(radii) - 1):
        a, b = k * detail, (k + 1) * detail
        faces += [np.stack([a + here, a + there, b + there], 1), np.stack([a + here, b + there, b + here], 1)]
    last = (len(radii) - 1) * detail
    faces.append(np.stack([last + here, last + there, np.full(detail, len(vertices) - 1)], 1))
    return vertices, np.concatenate(faces)


def height_field(field: HeightField) -> Mesh:
    """The surface of a height field and the walls below its rim."""
    x, y, top, base = (float(s) for s in field.size)
    rows, columns = field.heights.shape
    xs, ys = np.meshgrid(np.linspace(-x, x, columns), np.linspace(-y, y, rows))
    vertices = np.stack([xs.ravel(), ys.ravel(), top * field.heights.ravel()], 1)
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (number[i : rows - 1 + i, j : columns - 1 + j].ravel() for i, j in ((0, 0), (0, 1), (1, 1), (1, 0)))
    faces = [np.stack([a, b, c], 1), np.stack([a, c, d], 1)]
    rim = np.concatenate([number[0, :-1], number[:-1, -1], number[-1, :0:-1], number[:0:-1, 0]])
    below = len(vertices) + np.arange(len(rim))
    vertices = np.concatenate([vertices, np.column_stack([vertices[rim, :2], np.full(len(rim), -base)])])
    after, after_below = np.roll(rim, -1), np.roll(below, -1)
    faces += [np.stack([rim, below, after_below], 1), np.stack([rim, after_below, after], 1)]
    return vertices, np.concatenate(faces)
