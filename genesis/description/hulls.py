"""Convex hulls of meshes: their corners and triangles, and fewer corners where there are too many."""

import numpy as np

from genesis.description.meshes import Mesh

MOST_CORNERS = 4096  # two corners of an edge make one whole number that single precision holds exactly
CHUNK = 2_000_000  # point-triangle pairs at a time


def convex_hull(vertices: np.ndarray) -> Mesh:
    """Corners of the convex hull of at least four points that are not in one plane, and its triangles, which look outwards.

    Raises: scipy.spatial.QhullError for points in one plane.
    """
    from scipy.spatial import ConvexHull  # only robots with meshes pay for its start

    hull = ConvexHull(vertices)
    corners = np.unique(hull.simplices)
    number = np.full(len(vertices), -1)
    number[corners] = np.arange(len(corners))
    faces = number[hull.simplices]
    points = np.asarray(vertices, np.float64)[corners]
    a, b, c = (points[faces[:, k]] for k in range(3))
    inwards = np.einsum("ij,ij->i", np.cross(b - a, c - a), hull.equations[:, :3]) < 0.0
    faces[inwards] = faces[inwards][:, ::-1]
    return points, faces


def simplify(hull: Mesh, most: int = MOST_CORNERS) -> tuple[Mesh, float]:
    """The hull of ``most`` corners of a hull, and how far [m] the corner that is farthest from it lies outside.

    Corners that stand out least above their neighbours go first, never two neighbours in one round; the same hull gives the same result.
    The new hull lies inside the old one, so that this distance is the Hausdorff distance of the two. A hull of few enough corners stays.
    """
    made = hull
    while (excess := len(made[0]) - most) > 0:
        points, faces = made
        gone = np.zeros(len(points), bool)
        held = np.zeros(len(points), bool)
        tails, heads = faces.ravel(), np.roll(faces, -1, axis=1).ravel()  # each edge once in each direction
        order = np.argsort(tails, kind="stable")
        rings = np.split(heads[order], np.cumsum(np.bincount(tails, minlength=len(points)))[:-1])
        for corner in np.argsort(_heights(points, faces, tails, heads), kind="stable"):
            if not held[corner] and excess > 0:
                gone[corner], excess = True, excess - 1
                held[rings[corner]] = True
        made = convex_hull(points[~gone])
    return made, 0.0 if made is hull else float(distance_outside(made, hull[0]).max())


def _heights(points: np.ndarray, faces: np.ndarray, tails: np.ndarray, heads: np.ndarray) -> np.ndarray:
    """How far each corner stands above the mean of its neighbours, along the mean normal of its triangles."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    normals, count = np.zeros_like(points), np.bincount(tails, minlength=len(points))
    np.add.at(normals, tails, np.repeat(np.cross(b - a, c - a), 3, axis=0))
    means = np.zeros_like(points)
    np.add.at(means, tails, points[heads])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return np.einsum("ij,ij->i", normals, points - means / count[:, None])


def distance_outside(hull: Mesh, points: np.ndarray) -> np.ndarray:
    """Distance [m] of points (n, 3) from a convex body, 0 for those inside: the nearest triangle is one that the point looks upon."""
    from trimesh.triangles import closest_point

    triangles = hull[0][hull[1]]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    offsets = np.einsum("ij,ij->i", normals, triangles[:, 0])
    found = np.zeros(len(points))
    rows = max(1, CHUNK // len(triangles))
    for first in range(0, len(points), rows):
        some = points[first : first + rows]
        point, seen = np.nonzero(some @ normals.T > offsets)
        near = closest_point(triangles[seen], some[point])
        apart = np.full(len(some), np.inf)
        np.minimum.at(apart, point, np.linalg.norm(near - some[point], axis=1))
        found[first : first + rows] = np.where(np.isinf(apart), 0.0, apart)
    return found
