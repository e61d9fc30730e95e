"""Fewer triangles by edge collapses in the order of quadric errors (Garland and Heckbert, 1997), many at once.

A vertex has the sum of the squared distances to the planes of its triangles, weighted by their surface; an edge costs what that sum is at the
point where it would end: one of its ends, or its middle. In each round those edges collapse that are the cheapest at both ends. Edges on a
border are held by planes across it. Triangles that would turn over hold their edges; slivers do not, or meshes of machined parts would stay as
they are.
"""

import numpy as np

from genesis.description.meshes import Mesh

ROUNDS = 200
BORDER = 10.0  # weight of the planes that hold a border
FEW = 0.002  # collapses of a round, of the triangles, below which edges that were held are tried again
CHEAP = 0.6  # share of the edges, by cost, of which a round takes some
TURNED = 0.2  # cosine of the angle by which a triangle may turn at most
DENSE = 6.0  # triangles for one wanted, from which on close vertices are put together first
CLUSTERS = 4.0  # triangles for one wanted, that are left by this


def reduced(mesh: Mesh, most: int) -> tuple[Mesh, np.ndarray]:
    """A mesh of about ``most`` triangles; of each of its vertices the old one that it stands for.

    Where no edge can collapse any more, more triangles are left.
    """
    vertices, faces = np.array(mesh[0], float), np.array(mesh[1], np.int64)
    origin, quadrics, barred = np.arange(len(vertices)), _quadrics(vertices, faces), np.zeros(0, np.int64)
    if len(faces) > DENSE * most:
        origin, group = _clusters(vertices, faces, quadrics, int(CLUSTERS * most))
        vertices, faces, quadrics = vertices[origin], _solid(group[faces]), _summed(group, quadrics, len(origin))
    for _ in range(ROUNDS):
        if len(faces) <= most:
            break
        into, places, held = _collapses(vertices, faces, quadrics, len(faces) - most, barred)
        moved = np.flatnonzero(into != np.arange(len(vertices)))
        if len(moved) == 0 and len(barred) == 0:
            break
        few = len(moved) < FEW * len(faces)
        barred = np.zeros(0, np.int64) if few else np.concatenate([barred, held])
        ends = into[moved]
        vertices[ends] = places
        quadrics[ends] += quadrics[moved]
        faces = _solid(into[faces])
    used, back = np.unique(faces, return_inverse=True)
    return (vertices[used], back.reshape(-1, 3)), origin[used]


def _clusters(vertices: np.ndarray, faces: np.ndarray, quadrics: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices that lie in one cell of a grid, and look into one octant, as one of them: which one of each cell, and the cell of each. The two
    sides of a wall so stay two. A corner is taken before a point of an edge, this before one of a face."""
    extent = float(np.ptp(vertices, axis=0).max())
    cell = max(0.9 * float(np.sqrt(_surface(vertices, faces) / most)), 2e-6 * extent, 1e-300)
    place = np.floor((vertices - vertices.min(0)) / cell).astype(np.int64)
    normals = _summed(faces.T.ravel(), np.tile(_normals(vertices, faces), (3, 1)), len(vertices))
    side = (normals > 0.0) @ np.array([1, 2, 4])
    _, group = np.unique((side << 60) + (place[:, 0] << 40) + (place[:, 1] << 20) + place[:, 2], return_inverse=True)
    trace = quadrics[:, 0] + quadrics[:, 4] + quadrics[:, 7]
    xx, xy, xz, _, yy, yz, _, zz, _, _ = quadrics.T / np.where(trace > 0.0, trace, 1.0)
    edge = xx * yy - xy * xy + yy * zz - yz * yz + xx * zz - xz * xz  # invariants of the normals around a vertex
    corner = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    order = np.argsort(edge + 20.0 * corner, kind="stable")
    chosen = np.zeros(int(group.max(initial=-1)) + 1, int)
    chosen[group[order]] = order  # the last one written has the most
    return chosen, group


def _summed(group: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    return np.stack([np.bincount(group, column, minlength=count) for column in values.T], 1)


def _surface(vertices: np.ndarray, faces: np.ndarray) -> float:
    return float(0.5 * np.linalg.norm(_normals(vertices, faces), axis=1).sum())


def _solid(faces: np.ndarray) -> np.ndarray:
    """Without triangles that have lost a corner, and without those that are there already."""
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    low, high, count = faces.min(1), faces.max(1), int(faces.max(initial=0)) + 1
    middle = faces.sum(1) - low - high
    key = (low * count + middle) * count + high  # below 2^63 for two million vertices
    _, first = np.unique(key, return_index=True)
    return faces[np.sort(first)]


def _edges(faces: np.ndarray, count: int) -> np.ndarray:
    """The edges, each as the number low · count + high of its ends."""
    tails, heads = faces.T.ravel(), np.roll(faces, -1, axis=1).T.ravel()
    keys = np.sort(np.minimum(tails, heads) * count + np.maximum(tails, heads))  # faster than `unique`
    return keys[np.append(True, keys[1:] != keys[:-1])]


def _quadrics(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n, 10): the upper triangles of the symmetric matrices Q of each vertex, error(p) = (p, 1) Q (p, 1)."""
    normals = _normals(vertices, faces)
    double = np.linalg.norm(normals, axis=1)
    unit = normals / np.maximum(double, 1e-300)[:, None]
    made = np.zeros((len(vertices), 10))
    planes = _products(unit, vertices[faces[:, 0]]) * double[:, None]
    _add(made, faces.T.ravel(), np.tile(planes, (3, 1)))
    tails, heads = faces.T.ravel(), np.roll(faces, -1, axis=1).T.ravel()
    low, high = np.minimum(tails, heads), np.maximum(tails, heads)
    _, first, number = np.unique(low * len(vertices) + high, return_index=True, return_counts=True)
    border = first[number == 1]
    if len(border):
        along = vertices[heads[border]] - vertices[tails[border]]
        across = np.cross(along, unit[border % len(faces)])
        length = np.linalg.norm(across, axis=1)
        held = _products(across / np.maximum(length, 1e-300)[:, None], vertices[tails[border]]) * (BORDER * length**2)[:, None]
        _add(made, tails[border], held)
        _add(made, heads[border], held)
    return made


def _products(normals: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Quadrics (n, 10) of planes through points."""
    plane = np.column_stack([normals, -np.einsum("ij,ij->i", normals, points)])
    rows, columns = np.triu_indices(4)
    return plane[:, rows] * plane[:, columns]


def _add(made: np.ndarray, where: np.ndarray, values: np.ndarray) -> None:
    made += _summed(where, values, len(made))


def _errors(quadrics: np.ndarray, p: np.ndarray) -> np.ndarray:
    x, y, z = p.T
    q = quadrics.T
    return (
        x * (q[0] * x + 2.0 * (q[1] * y + q[2] * z + q[3]))
        + y * (q[4] * y + 2.0 * (q[5] * z + q[6]))
        + z * (q[7] * z + 2.0 * q[8])
        + q[9]
    )


def _collapses(
    vertices: np.ndarray, faces: np.ndarray, quadrics: np.ndarray, excess: int, barred: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Into which vertex each collapses (itself: it stays); the new places of those that others collapse into, in the order of the others;
    and the numbers of the edges that cannot collapse now, as ``barred`` has those of former rounds."""
    count = len(vertices)
    keys = _edges(faces, count)
    keys = keys[~np.isin(keys, barred)] if len(barred) else keys
    a, b = keys // count, keys % count
    both = quadrics[a] + quadrics[b]
    places = np.stack([vertices[a], vertices[b], 0.5 * (vertices[a] + vertices[b])])
    errors = np.stack([_errors(both, p) for p in places])
    best = errors.argmin(0)
    place, error = places[best, np.arange(len(a))], errors[best, np.arange(len(a))]
    span = ((vertices[a] - vertices[b]) ** 2).sum(1)
    order = np.argsort(np.maximum(error, 0.0) + 1e-9 * span * span, kind="stable")  # on flat ground the short ones first
    rank = np.empty(len(a), int)
    rank[order] = np.arange(len(a))
    least = np.full(count, len(a))
    backwards = order[::-1]
    least[a[backwards]] = rank[backwards]  # the last one written is the least
    other = np.full(count, len(a))
    other[b[backwards]] = rank[backwards]
    least = np.minimum(least, other)
    chosen = order[(rank[order] == least[a[order]]) & (rank[order] == least[b[order]])]
    cheap = max(int(CHEAP * len(a)), 1)
    chosen = chosen[rank[chosen] < cheap]
    stopped = []
    for _ in range(3):
        held = _held(vertices, faces, a[chosen], b[chosen], place[chosen])
        stopped.append(keys[chosen[held]])
        if not held.any():
            break
        chosen = chosen[~held]
    chosen = chosen[: max(1, (excess + 1) // 2)]
    into = np.arange(count)
    into[b[chosen]] = a[chosen]
    moved = np.sort(b[chosen])
    at = np.empty(count, int)
    at[b[chosen]] = np.arange(len(chosen))
    return into, place[chosen][at[moved]], np.concatenate(stopped)


def _held(vertices: np.ndarray, faces: np.ndarray, a: np.ndarray, b: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Which collapses would turn a triangle over."""
    number = np.full(len(vertices), -1)
    number[a] = number[b] = np.arange(len(a))
    after = vertices.copy()
    after[a] = after[b] = place
    of = number[faces]
    stays = of.max(1) >= 0
    for i, k in ((0, 1), (1, 2), (2, 0)):
        stays &= (of[:, i] < 0) | (of[:, i] != of[:, k])  # the others vanish
    near, of = faces[stays], of[stays]
    old, new = _normals(vertices, near), _normals(after, near)
    straight = np.einsum("ij,ij->i", old, new)
    over = (straight < 0.0) | (straight**2 < TURNED**2 * np.einsum("ij,ij->i", old, old) * np.einsum("ij,ij->i", new, new))
    held = np.zeros(len(a) + 1, bool)
    held[of[over].ravel()] = True  # -1 is the last one
    return held[:-1]


def _normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Across the triangles, as long as twice their surface."""
    p, q, r = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    (ux, uy, uz), (vx, vy, vz) = (q - p).T, (r - p).T
    return np.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], 1)
