"""Depth of two convex bodies that overlap: the face of their Minkowski difference nearest to the origin (expanding polytope, EPA).

Scratch: rows of points (simplex.py), then faces (normal, offset, three rows), then triples of rows that wait to become faces.
Source: van den Bergen, Proximity Queries and Penetration Depth Computation on 3D Game Objects (2001).
"""

import taichi as ti

from genesis.math.lanes import Cells, let
from genesis.math.rotation import Vec3
from genesis.pairs.precision import tolerance
from genesis.pairs.simplex import ROW, is_round, point, support
from genesis.pairs.solid import SCRATCH

MOST_POINTS = 72
FACE = 7
FACES = MOST_POINTS * ROW
MOST_FACES = 2 * MOST_POINTS
WAITING = FACES + MOST_FACES * FACE
NONE = 1e30  # offset of a face that does not count
ROUGH = 1e-6  # of a curved body the planes never become exact; bend.py goes on from here
assert WAITING + 3 * MOST_FACES <= SCRATCH


def face(s: Cells, k) -> Cells:
    return s.at(let(FACES + k * FACE))


def waiting(s: Cells, k) -> Cells:
    return s.at(let(WAITING + 3 * k))


def _wait(s: Cells, k, i, j, m) -> None:
    cells = waiting(s, k)
    for c, value in enumerate((i, j, m)):
        cells.set(value, c)


@ti.func
def widen(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), s: ti.template(), count: ti.i32):
    """Add rows to a simplex that touches the origin until there are four that span a volume; returns how many there are."""
    size = let(0.0)
    for trial in range(14):
        if count < 4:
            d = Vec3(let(0.0), let(0.0), let(0.0))
            if trial < 8 and count == 3:
                n = (point(s, 1) - point(s, 0)).cross(point(s, 2) - point(s, 0))
                d.assign(n * (1.0 - 2.0 * (trial % 2)))
            else:
                k, sign = trial % 3, 1.0 - 2.0 * (trial % 2)
                d.assign(Vec3.of(ti.select(k == 0, sign, 0.0), ti.select(k == 1, sign, 0.0), ti.select(k == 2, sign, 0.0)))
            support(a, b, va, vb, d, s, count)
            e = point(s, count) - point(s, 0)
            size = ti.max(size, e.dot(e))
            flat = tolerance(1e-16, 1e-9)  # the square of a ratio that is rounding
            measure, least = e.dot(e), let(1e-20 * size)
            if count == 2:
                across = e.cross(point(s, 1) - point(s, 0))
                measure, least = across.dot(across), let(flat * size * size)
            if count == 3:
                volume = e.dot((point(s, 1) - point(s, 0)).cross(point(s, 2) - point(s, 0)))
                measure, least = volume * volume, let(flat * size * size * size)
            if measure > least:
                count += 1
    return count


@ti.func
def _start(s: ti.template()):
    """The four faces of the first tetrahedron wait, their normals outwards."""
    for f in range(4):
        i, j, m = (f + 1) % 4, (f + 2) % 4, (f + 3) % 4
        p = point(s, i)
        if (point(s, j) - p).cross(point(s, m) - p).dot(point(s, f) - p) > 0.0:
            j, m = m, j
        _wait(s, f, i, j, m)


@ti.func
def _open(s: ti.template(), faces: ti.i32, w: ti.template(), newest: ti.i32, slack: ti.template()):
    """Remove the faces that see w; the sides of the hole wait as faces with the newest row: (faces left, how many wait)."""
    left, count = faces, 0
    for back in range(faces):
        f = faces - 1 - back
        cells = face(s, f)
        if Vec3.load(cells).dot(w) > cells.get(3) + slack:  # not those in one plane with w, by rounding
            for side in range(3):
                i, j = let(cells.get(4 + side)), let(cells.get(4 + (side + 1) % 3))
                found = -1
                for k in range(count):
                    if waiting(s, k).get(0) == j and waiting(s, k).get(1) == i:
                        found = k
                if found >= 0:
                    count -= 1
                    _wait(s, found, waiting(s, count).get(0), waiting(s, count).get(1), newest)
                elif count < MOST_FACES:
                    _wait(s, count, i, j, newest)
                    count += 1
            left -= 1
            for c in ti.static(range(FACE)):
                cells.set(face(s, left).get(c), c)
    return left, count


@ti.func
def _fill(s: ti.template(), faces: ti.i32, queue: ti.i32):
    """The triples that wait become faces; returns how many faces there are."""
    for k in range(queue):
        cells, new = waiting(s, k), face(s, faces + k)
        p = point(s, ti.cast(cells.get(0), ti.i32))
        normal = (point(s, ti.cast(cells.get(1), ti.i32)) - p).cross(point(s, ti.cast(cells.get(2), ti.i32)) - p)
        length = ti.sqrt(normal.dot(normal))
        unit = normal * (1.0 / ti.max(length, 1e-30))
        unit.store(new)
        new.set(ti.select(length > 1e-30, unit.dot(p), NONE), 3)
        for c in ti.static(range(3)):
            new.set(cells.get(c), 4 + c)
    return faces + queue


@ti.func
def deepest_face(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), s: ti.template(), n: ti.template()):
    """(rows of the face, depth) of the face nearest to the origin, its outward normal in n. Four rows surround the origin.

    The body reaches no less far along a normal than its face lies, and the depth is no more than that: the least reach seen bounds it from
    above, the offset of the nearest face from below. A sliver has a normal of mere rounding; it is known by an offset below
    that bound and left out. Where the two bounds do not meet, the face of the least reach is the answer.
    """
    eps = tolerance(1e-13, 1e-5)
    if ti.static(is_round(va, vb)):
        eps = tolerance(ROUGH, 1e-4)
    _start(s)
    faces, queue, points = 0, 4, 4
    i0, i1, i2, depth = 0, 0, 0, let(0.0)
    lower, upper, slack = let(0.0 - NONE), let(NONE), let(0.0)
    going = True
    while going:
        faces = _fill(s, faces, queue)
        queue = 0
        best, reached = 0, let(NONE)
        for f in range(faces):
            offset = face(s, f).get(3)
            if offset < reached:
                best, reached = f, offset
        cells = face(s, best)
        if reached >= NONE:
            going = False
        elif reached < lower - slack:
            cells.set(NONE, 3)
        else:
            lower = ti.max(lower, reached)
            d = Vec3.load(cells)
            support(a, b, va, vb, d, s, points)
            w = point(s, points)
            slack = eps * ti.sqrt(w.dot(w))
            reach = d.dot(w)
            met = reach - reached <= slack
            if reach < upper or (met and reach <= upper + slack):
                upper, depth = reach, reached
                i0, i1, i2 = ti.cast(cells.get(4), ti.i32), ti.cast(cells.get(5), ti.i32), ti.cast(cells.get(6), ti.i32)
                n.assign(d)
            if met or points >= MOST_POINTS - 2 or faces >= MOST_FACES - 8:
                going = False
            else:
                faces, queue = _open(s, faces, w, points, 0.5 * slack)
                points += 1
                if faces + queue > MOST_FACES or queue == 0:
                    going = False
    return i0, i1, i2, depth
