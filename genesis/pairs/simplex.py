"""Distance of two convex bodies: the point nearest to the origin of the Minkowski difference a - b (GJK).

A row of scratch holds a point w of the difference (3) and the vertices of a and of b that made it (2).
Source: Gilbert, Johnson, Keerthi (1988); van den Bergen, Collision Detection in Interactive 3D Environments (2003), §4.3.
"""

import taichi as ti

from genesis.math.lanes import Cells, let, where
from genesis.math.rotation import Vec3
from genesis.pairs.precision import tolerance

ROW = 5
ROUNDS = 64
APART, INSIDE, TOUCHING = 0, 1, 2


def row(s: Cells, k) -> Cells:
    return s.at(let(k * ROW))


def point(s: Cells, k) -> Vec3:
    return Vec3.load(row(s, k))


def vertex_of(s: Cells, k, which: int):
    """The vertex of a (0) or b (1) behind a row."""
    return let(ti.cast(row(s, k).get(3 + which), ti.i32))


def farthest(view, solid, d: Vec3) -> tuple:
    """(vertex, its local position) farthest along a world direction."""
    if view.ROUND:
        return view.farthest(solid, d)
    k = view.support(solid, d, 0)
    local, _ = view.vertex(solid, k)
    return k, local


def is_round(va, vb) -> bool:
    """Whether one of the bodies is curved: then a vertex found again is not the same point."""
    return va.ROUND or vb.ROUND


@ti.func
def support(
    a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), d: ti.template(), s: ti.template(), k: ti.i32
):
    """Row k: the point of the difference farthest along d."""
    i, mine = farthest(va, a, d)
    j, other = farthest(vb, b, d * -1.0)
    w = (a.p - b.p) + (a.turned(mine) - b.turned(other))
    cells = row(s, k)
    w.store(cells)
    cells.set(i, 3)
    cells.set(j, 4)


@ti.func
def _surrounded(s: ti.template()):
    """Whether four rows have the origin between them, and a volume."""
    result = True
    for f in range(4):
        p, q, r = point(s, (f + 1) % 4), point(s, (f + 2) % 4), point(s, (f + 3) % 4)
        normal = (q - p).cross(r - p)
        edge = p - point(s, f)
        here, there = normal.dot(p), normal.dot(edge)
        flat = ti.abs(there) <= tolerance(1e-8, 1e-4) * ti.sqrt(normal.dot(normal) * edge.dot(edge))
        if here * there <= 0.0 or flat:
            result = False
    return result


@ti.func
def _nearest(s: ti.template(), count: ti.i32, v: ti.template()):
    """The point of the simplex nearest to the origin into v; keeps only the rows that span it and returns their number."""
    best = let(1e30)
    k0, k1, k2, kept = 0, 0, 0, 1
    faces = 1
    if count == 4:
        faces = 4
    for f in range(faces):
        i0, i1, i2 = 0, ti.min(1, count - 1), ti.min(2, count - 1)
        if count == 4:
            i0, i1, i2 = (f + 1) % 4, (f + 2) % 4, (f + 3) % 4
        for side in range(3):
            i, j = i0, i1
            if side == 1:
                i, j = i1, i2
            if side == 2:
                i, j = i2, i0
            p, q = point(s, i), point(s, j)
            e = q - p
            size, along = e.dot(e), let(0.0 - p.dot(e))
            t = ti.min(ti.max(along / ti.max(size, 1e-30), 0.0), 1.0)
            x = p + e * t
            distance = x.dot(x)
            if distance < best:
                best = distance
                v.assign(x)
                k0, k1, kept = i, j, 2
                if t <= 0.0:
                    kept = 1
                if t >= 1.0:
                    k0, kept = j, 1
        p0, p1, p2 = point(s, i0), point(s, i1), point(s, i2)
        normal = (p1 - p0).cross(p2 - p0)
        size = normal.dot(normal)
        x0, x1, x2 = normal.dot(p1.cross(p2)), normal.dot(p2.cross(p0)), normal.dot(p0.cross(p1))
        if x0 > 0.0 and x1 > 0.0 and x2 > 0.0 and size > 1e-30:
            y = normal * (normal.dot(p0) / size)
            distance = y.dot(y)
            if distance < best:
                best = distance
                v.assign(y)
                k0, k1, k2, kept = i0, i1, i2, 3
    for c in ti.static(range(ROW)):
        x0, x1, x2 = row(s, k0).get(c), row(s, k1).get(c), row(s, k2).get(c)
        row(s, 0).set(x0, c)
        row(s, 1).set(x1, c)
        row(s, 2).set(x2, c)
    return kept


@ti.func
def distance(
    a: ti.template(),
    b: ti.template(),
    va: ti.template(),
    vb: ti.template(),
    reach: ti.template(),
    s: ti.template(),
    v: ti.template(),
):
    """(state, rows kept): APART with v the nearest point of the difference, INSIDE with four rows around the origin, or TOUCHING.

    Gives up early, APART with no rows, when the bodies are farther apart than ``reach``.
    """
    eps = tolerance(1e-10, 1e-6)
    if ti.static(is_round(va, vb)):
        eps = tolerance(1e-9, 1e-5)
    state, count = -1, 0
    v.assign(a.p - b.p)
    scale = v.dot(v)  # not of the first points alone: of bodies that touch they may all lie at the origin
    if scale < 1e-24:
        v.assign(Vec3(1.0, 0.0, 0.0))  # any direction will do
    for turn in range(ROUNDS):
        square = v.dot(v)
        if turn > 0 and square <= eps * eps * scale:
            state = TOUCHING
            break
        support(a, b, va, vb, v * -1.0, s, count)
        w = point(s, count)
        scale = ti.max(scale, w.dot(w))
        along = v.dot(w)
        if turn > 0 and along > 0.0 and along * along > square * reach * reach and reach >= 0.0:
            state, count = APART, 0
            break
        again = False
        if ti.static(not is_round(va, vb)):
            for k in range(count):
                if vertex_of(s, k, 0) == vertex_of(s, count, 0) and vertex_of(s, k, 1) == vertex_of(s, count, 1):
                    again = True
        if turn > 0 and (again or square - along <= eps * square):
            state = APART
            break
        count += 1
        if count == 4 and _surrounded(s):
            state = INSIDE
            break
        count = _nearest(s, count, v)
    if state == -1:
        state = where(v.dot(v) <= eps * eps * scale, TOUCHING, APART)
    return state, count
