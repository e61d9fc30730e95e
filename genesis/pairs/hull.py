"""Convex hulls for collision, made from vertices when a model is compiled (numpy only).

Layout in memory. Of every hull, ``shapes`` (reals) holds vertices (3 each) and outward face normals (3 each); ``integers`` holds,
from the hull's ``data`` on: a header

    0 number of vertices   1 number of faces   2 where vertices begin in shapes   3 where normals begin in shapes
    4 where face_first begins   5 where loops begin   6 where near_first begins   7 where near begins   (relative to data)

then face_first (faces + 1): of face f, loops[face_first[f] : face_first[f + 1]] are its vertices, counterclockwise seen from outside;
near_first (vertices + 1) and near: the vertices that share an edge with a vertex. Integers are relative to ``data``, so the block may be
moved; real addresses count from the start of ``shapes``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from genesis.description.hulls import MOST_CORNERS
from genesis.errors import InputError

HEADER = 8
FLAT = 2e-5  # relative to the size of the hull: triangles whose corners are this near to one plane are one face


@dataclass(frozen=True)
class Hull:
    """Vertices (n, 3), outward unit normals (faces, 3), the loop of vertices of each face."""

    vertices: np.ndarray
    normals: np.ndarray
    loops: list[np.ndarray]

    def neighbours(self) -> list[list[int]]:
        """Of each vertex, those it shares an edge with."""
        near: list[set[int]] = [set() for _ in self.vertices]
        for loop in self.loops:
            for i, j in zip(loop, np.roll(loop, -1), strict=True):
                near[i].add(int(j))
                near[j].add(int(i))
        return [sorted(s) for s in near]


def convex_hull(points: np.ndarray, name: str = "mesh", flat: float = FLAT) -> Hull:
    """Hull of points (n, 3), coplanar triangles merged; flat: relative to its size, how near to one plane those are.

    Raises: InputError for points that span no volume, or more corners than the collision can number.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) < 4:
        raise InputError(f"{name}: {len(points)} vertices make no convex hull; needed: 4 or more.")
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError) as error:
        raise InputError(f"{name}: its vertices lie in a plane or on a line; a collision mesh needs a volume.") from error
    extent = float(np.ptp(points, axis=0).max())
    if hull.volume < 1e-9 * extent**3:
        raise InputError(f"{name}: its vertices lie in a plane or on a line; a collision mesh needs a volume.")
    loops, normals = [], []
    for group in _coplanar(points, hull, flat * extent):
        loop = _outline(hull.simplices[group], hull.equations[group[0], :3], points)
        loops.append(loop)
        normals.append(_newell(points[loop]))
    used = np.unique(np.concatenate(loops))
    if len(used) > MOST_CORNERS:
        raise InputError(
            f"{name}: its convex hull has {len(used)} vertices; at most {MOST_CORNERS}. Simplify the collision mesh."
        )
    return Hull(points[used], np.array(normals), [np.searchsorted(used, loop) for loop in loops])


def _coplanar(points: np.ndarray, hull: ConvexHull, slack: float) -> list[list[int]]:
    """Groups of triangles in one plane, grown from the largest ones."""
    corners = points[hull.simplices]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    left, groups = set(range(len(area))), []
    for seed in np.argsort(-area):
        if seed not in left:
            continue
        normal, offset = hull.equations[seed, :3], hull.equations[seed, 3]
        group, border = [], [int(seed)]
        left.remove(int(seed))
        while border:
            triangle = border.pop()
            group.append(triangle)
            for other in hull.neighbors[triangle]:
                if other in left and np.abs(corners[other] @ normal + offset).max() < slack:
                    left.remove(int(other))
                    border.append(int(other))
        groups.append(group)
    return groups


def _outline(triangles: np.ndarray, normal: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Vertices around a group of triangles, counterclockwise about the normal."""
    sides: set[tuple[int, int]] = set()
    for triangle in triangles:
        a, b, c = points[triangle]
        i, j, k = (int(v) for v in (triangle if np.cross(b - a, c - a) @ normal > 0 else triangle[::-1]))
        for start, end in ((i, j), (j, k), (k, i)):
            if (end, start) in sides:
                sides.remove((end, start))  # an inner side
            else:
                sides.add((start, end))
    after = dict(sides)
    loop = [next(iter(after))]
    while (following := after[loop[-1]]) != loop[0] and len(loop) <= len(after):
        loop.append(following)
    return np.array(loop)


def _newell(loop: np.ndarray) -> np.ndarray:
    """Unit normal of a polygon that is nearly flat. Source: Sutherland, Sproull, Schumacker (1974), after M. Newell."""
    centred = loop - loop.mean(axis=0)
    normal = np.cross(centred, np.roll(centred, -1, axis=0)).sum(axis=0)
    return normal / np.linalg.norm(normal)


def pack(hulls: Sequence[Hull]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """(shapes, integers, data of each hull) in the layout above."""
    reals: list[float] = []
    integers: list[int] = []
    data = []
    for hull in hulls:
        data.append(len(integers))
        near = hull.neighbours()
        face_first = np.concatenate([[0], np.cumsum([len(loop) for loop in hull.loops])])
        near_first = np.concatenate([[0], np.cumsum([len(n) for n in near])])
        blocks = [face_first, np.concatenate(hull.loops), near_first, np.concatenate(near)]
        places = HEADER + np.concatenate([[0], np.cumsum([len(block) for block in blocks[:-1]])])
        vertices, normals = len(reals), len(reals) + hull.vertices.size
        integers += [len(hull.vertices), len(hull.loops), vertices, normals, *places.tolist()]
        integers += np.concatenate(blocks).astype(int).tolist()
        reals += [*hull.vertices.ravel().tolist(), *hull.normals.ravel().tolist()]
    return np.array(reals), np.array(integers, dtype=np.int32), data
