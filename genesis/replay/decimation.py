"""Fewer triangles of meshes that are only seen: a budget shared out by surface, and edges that stay edges.

What decimation cannot do, on meshes that are no surfaces, is left undone: pictures never end a run.
"""

import math
from dataclasses import replace

import numpy as np

from genesis.replay.mesh_parts import MeshPart
from genesis.replay.quadrics import reduced

SMALL = 150  # triangles that every part may have
FAR_BEYOND = 4.0  # times its share, from which on a mesh with texture coordinates has fewer triangles too
CREASE = math.radians(40.0)  # of faces that meet at a larger angle the edge is seen
SLACK = 0.05  # of the size of a part, by which its corners may move


def share_out(counts: list[int], surfaces: list[float], budget: int) -> list[int]:
    """How many triangles each part may have: all its own if they fit, else in proportion to its surface, none fewer than `SMALL`."""
    if sum(counts) <= budget:
        return list(counts)
    made, open_ = list(counts), [k for k, n in enumerate(counts) if n > SMALL]
    left = budget - sum(n for n in counts if n <= SMALL)
    while open_:
        whole = sum(surfaces[k] for k in open_) or 1.0
        share = {k: max(SMALL, int(left * surfaces[k] / whole)) for k in open_}
        content = [k for k in open_ if share[k] >= counts[k]] or [k for k in open_ if share[k] == SMALL]
        if not content:
            for k in open_:
                made[k] = share[k]
            break
        for k in content:
            made[k] = min(counts[k], share[k])
            left -= made[k]
            open_.remove(k)
    return made


def decimated(part: MeshPart, most: int) -> MeshPart:
    """The part with about ``most`` triangles: as it is where it has no more, and where decimation fails; then its hull if it is far larger.

    Colours of vertices are those of the nearest old ones. Texture coordinates are kept: only from `FAR_BEYOND` on there are fewer triangles.
    """
    count = len(part.faces)
    if count <= max(most, SMALL) or (part.uv is not None and count <= FAR_BEYOND * most):
        return part
    whole = part if part.uv is not None else merged(part)
    made = _decimated(whole, most)
    if made is not None:
        return made
    return _hull(whole) if count > FAR_BEYOND * most else part


def _decimated(part: MeshPart, most: int) -> MeshPart | None:
    """None where the result is no picture of the part."""
    (points, faces), origin = reduced((part.vertices, part.faces), most)
    if len(faces) == 0 or len(faces) > FAR_BEYOND * most or not np.isfinite(points).all():
        return None
    low, high = part.vertices[part.faces.ravel()].min(0), part.vertices[part.faces.ravel()].max(0)
    if max(np.abs(points.min(0) - low).max(), np.abs(points.max(0) - high).max()) > SLACK * np.linalg.norm(high - low):
        return None
    colours, uv = (None if x is None else x[origin] for x in (part.colours, part.uv))
    return replace(part, vertices=points, faces=faces, colours=colours, uv=uv)


def _hull(part: MeshPart) -> MeshPart:
    """The convex hull with the mean colour; the part itself if it is flat."""
    from scipy.spatial import QhullError

    from genesis.description.hulls import convex_hull, simplify

    try:
        vertices, faces = simplify(convex_hull(part.vertices), 2 * SMALL)[0]
    except (QhullError, ValueError):
        return part
    mean = None if part.colours is None else tuple(part.colours.mean(0) / 255.0)
    return MeshPart(vertices, faces, part.rgba if mean is None else mean)


def merged(part: MeshPart) -> MeshPart:
    """Equal vertices as one, so that triangles hang together; triangles without surface left out."""
    keys = np.ascontiguousarray(part.vertices, np.float32)
    if part.colours is not None:
        keys = np.hstack([keys, np.ascontiguousarray(part.colours, np.uint8).astype(np.float32)])
    rows = (keys + 0.0).view(np.dtype((np.void, keys.itemsize * keys.shape[1]))).ravel()
    _, first, back = np.unique(rows, return_index=True, return_inverse=True)
    faces = back.reshape(-1)[part.faces]
    solid = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return replace(
        part, vertices=part.vertices[first], faces=faces[solid], colours=None if part.colours is None else part.colours[first]
    )


def creased(part: MeshPart, angle: float = CREASE) -> MeshPart:
    """The part with its vertices shared within smooth surfaces alone, so that normals that are means over a vertex look right.

    Corners of two faces are one vertex where the faces share an edge at it, the same way round, and turn by less than ``angle`` [rad].
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    part = part if part.uv is not None else merged(part)
    faces, count = part.faces, len(part.faces)
    if count == 0:
        return part
    a, b, c = (part.vertices[faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    tails, heads = faces.ravel(), np.roll(faces, -1, axis=1).ravel()  # edge 3 f + k runs from corner k of face f to the next
    low, high = np.minimum(tails, heads), np.maximum(tails, heads)
    order = np.argsort(low.astype(np.int64) * len(part.vertices) + high, kind="stable")
    first, second = order[:-1], order[1:]
    meet = (low[first] == low[second]) & (high[first] == high[second])
    first, second = first[meet], second[meet]
    smooth = (np.einsum("ij,ij->i", normals[first // 3], normals[second // 3]) > math.cos(angle)) & (
        tails[first] == heads[second]
    )
    first, second = first[smooth], second[smooth]

    def following(edge: np.ndarray) -> np.ndarray:
        """The corner at the head of an edge."""
        return edge - edge % 3 + (edge + 1) % 3

    rows, columns = np.concatenate([first, following(first)]), np.concatenate([following(second), second])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), (3 * count, 3 * count))
    number, group = connected_components(graph, directed=False)
    corner = np.zeros(number, int)
    corner[group] = np.arange(3 * count)
    of = faces.ravel()[corner]
    return replace(
        part, vertices=part.vertices[of], faces=group.reshape(-1, 3),
        colours=None if part.colours is None else part.colours[of], uv=None if part.uv is None else part.uv[of],
    )  # fmt: skip
