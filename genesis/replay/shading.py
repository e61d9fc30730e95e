"""Meshes made ready to be drawn: edges that are sharp stay sharp under smooth shading, numbers for the web as short as the eye needs."""

import numpy as np

CREASE = np.cos(np.radians(35.0))  # faces that turn by more than this at an edge do not share a normal there
BITS = 15  # of the mantissa that are kept: 3e-5 of a number, 0.03 mm of a metre


def precise(x: np.ndarray) -> np.ndarray:
    """The numbers in single precision, rounded to `BITS` bits of their mantissas, which halves them once compressed."""
    single = np.ascontiguousarray(x, np.float32)
    low = 23 - BITS
    bits = single.view(np.uint32)
    rounded = ((bits + np.uint32(1 << (low - 1))) & np.uint32(0xFFFFFFFF << low & 0xFFFFFFFF)).view(np.float32)
    return np.where(np.isfinite(single), rounded, single)


def shaded(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (n, 3), faces (m, 3) with the vertices at sharp edges doubled, and of which given vertex (n,) each is a copy.

    Viewers average the normals of faces that share a vertex: a box would look like a pillow.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    vertices, faces = np.asarray(vertices, np.float32), np.asarray(faces, np.int64)
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).astype(np.float64)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    # corner c = 3 f + k; two corners are one vertex where their faces share a smooth edge that ends there
    starts, ends = faces.ravel(), np.roll(faces, -1, 1).ravel()
    order = np.argsort(np.minimum(starts, ends) * len(vertices) + np.maximum(starts, ends), kind="stable")
    low, high = np.minimum(starts, ends)[order], np.maximum(starts, ends)[order]
    same = (low[:-1] == low[1:]) & (high[:-1] == high[1:])
    a, b = order[:-1][same], order[1:][same]
    smooth = (normals[a // 3] * normals[b // 3]).sum(1) > CREASE
    a, b = a[smooth], b[smooth]

    def after(corner: np.ndarray) -> np.ndarray:
        return corner - corner % 3 + (corner + 1) % 3

    turned = starts[a] == ends[b]  # edges of well-wound faces run against each other
    pairs = np.concatenate([np.stack([a, np.where(turned, after(b), b)]), np.stack([after(a), np.where(turned, b, after(b))])], 1)
    count = len(starts)
    graph = coo_array((np.ones(pairs.shape[1], np.int8), (pairs[0], pairs[1])), shape=(count, count))
    groups, group = connected_components(graph, directed=False)
    source = np.empty(groups, np.int64)
    source[group] = starts
    return vertices[source], group.reshape(-1, 3), source
