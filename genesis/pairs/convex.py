"""Polytopes in general: nearest features when apart (GJK), least depth when overlapping (EPA), and the overlap of two faces that
lie on each other, thinned to a few contacts.
"""

import taichi as ti

from genesis.math.lanes import Cells, let, where
from genesis.math.rotation import Vec3
from genesis.pairs.expand import deepest_face, widen
from genesis.pairs.features import (
    CROSS,
    EDGE_EDGE,
    EDGE_VERTEX,
    FACE_A,
    FACE_B,
    FACE_VERTEX,
    NEAREST,
    VERTEX_EDGE,
    VERTEX_FACE,
    VERTEX_VERTEX,
    crossing,
    face_normal,
    touch,
    touch_adjoint,
)
from genesis.pairs.manifold import candidate, candidates, inside
from genesis.pairs.precision import tolerance
from genesis.pairs.simplex import APART, INSIDE, distance, vertex_of
from genesis.pairs.solid import Pair, vec

MOST = 4
RESTING = (
    0.004  # one minus the cosine (5 degrees) to a face's normal within which overlapping bodies rest on that face, as in MuJoCo
)
PARALLEL = 1e-3  # sine of the angle between two edges below which they count as parallel
FAR = 1e30
LISTED, ENTRY, LIST = 64, 7, 512  # entries of the list of candidates in scratch: kind, features, position, distance


def entry(s: Cells, k) -> Cells:
    return s.at(let(LIST + k * ENTRY))


@ti.func
def _distinct(s: ti.template(), which: ti.template(), i: ti.i32, j: ti.i32, k: ti.i32):
    """(how many different vertices of a or b are behind three rows, two of them)."""
    p, q, r = vertex_of(s, i, which), vertex_of(s, j, which), vertex_of(s, k, which)
    count = 1 + where(q != p, 1, 0) + where(r != p and r != q, 1, 0)
    second = q
    if q == p:
        second = r
    return count, p, second


def _cross(va, a, first, vb, b, second):
    """Whether two edges are far enough from parallel to have a normal across both."""
    _, d1, _ = va.edge(a, first)
    _, d2, _ = vb.edge(b, second)
    c = a.turned(d1).cross(b.turned(d2))
    return c.dot(c) > PARALLEL * PARALLEL


@ti.func
def contact_features(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), reach: ti.template(), s: ti.template(), n: ti.template()):  # noqa: E501 # fmt: skip
    """(source or -1, face of a, face of b, kind, feature of a, feature of b, whether apart); the normal in n unless it is NEAREST.

    For a source that is a face, kind and features are one contact at least, for when the faces do not overlap.
    """
    v = vec()
    i0, i1, i2 = 0, 1, 2
    state, rows = distance(a, b, va, vb, reach + va.radius(a), s, v)
    source, kind, first, second, face_a, face_b = -1, 0, 0, 0, 0, 0
    if rows > 0:
        if state == APART:
            n.assign(v * (-1.0 / ti.sqrt(v.dot(v))))
            i1, i2 = ti.min(1, rows - 1), ti.min(2, rows - 1)
        else:
            if state != INSIDE:
                rows = widen(a, b, va, vb, s, rows)
            i0, i1, i2, depth = deepest_face(a, b, va, vb, s, n)
        count_a, a0, a1 = _distinct(s, 0, i0, i1, i2)
        count_b, b0, b1 = _distinct(s, 1, i0, i1, i2)
        on_a, on_b = let(-2.0), let(-2.0)
        if ti.static(va.FACES):
            face_a = va.face_towards(a, n)
            on_a = n.dot(face_normal(a, b, va, vb, FACE_A, face_a))
        if ti.static(vb.FACES):
            face_b = vb.face_towards(b, n * -1.0)
            on_b = n.dot(face_normal(a, b, va, vb, FACE_B, face_b))
        slack = let(tolerance(1e-10, 1e-6))
        if ti.static(va.RESTS and vb.RESTS):
            if state != APART:
                slack = RESTING
        first_face = on_a > on_b and on_b < 1.0 - slack  # of two that would do b's, as MuJoCo
        if ti.max(on_a, on_b) > 1.0 - slack or count_a == 3 or count_b == 3:
            source = where(first_face, FACE_A, FACE_B)
            n.assign(face_normal(a, b, va, vb, source, where(first_face, face_a, face_b)))
            kind = where(first_face, FACE_VERTEX, VERTEX_FACE)
            first, second = where(first_face, face_a, a0), where(first_face, b0, face_b)
        elif count_a == 2 and count_b == 2 and _cross(va, a, va.between(a, a0, a1), vb, b, vb.between(b, b0, b1)):
            source, kind = CROSS, EDGE_EDGE
            first, second = va.between(a, a0, a1), vb.between(b, b0, b1)
        else:
            source, kind = NEAREST, VERTEX_VERTEX
            first, second = a0, b0
            if count_b == 2:
                kind, second = VERTEX_EDGE, vb.between(b, b0, b1)
            elif count_a == 2:
                kind, first = EDGE_VERTEX, va.between(a, a0, a1)
            if state != APART:  # a vertex inside a body that no face answers for: rounding; take the face that comes nearest
                source, kind = FACE_B, VERTEX_FACE
                first, second = a0, face_b
                n.assign(face_normal(a, b, va, vb, FACE_B, face_b))
    return source, face_a, face_b, kind, first, second, state == APART


@ti.func
def _thin(s: ti.template(), count: ti.i32, n: ti.template()):
    """Bring four of the listed contacts to the front: the deepest, the farthest from it, and the widest to both sides of their line."""
    for turn in range(ti.min(MOST, count)):
        best, reached = turn, let(-1e30)
        origin = Vec3.load(entry(s, 0), 3)
        along = Vec3.load(entry(s, 1), 3) - origin
        third = n.dot(along.cross(Vec3.load(entry(s, 2), 3) - origin))
        for k in range(turn, count):
            d = Vec3.load(entry(s, k), 3) - origin
            score = let(0.0 - entry(s, k).get(6))
            if turn == 1:
                score = d.dot(d)
            if turn >= 2:
                score = n.dot(along.cross(d))
                if turn == 2:
                    score = ti.abs(score)
                elif third > 0.0:
                    score = 0.0 - score
            if score > reached:
                best, reached = k, score
        for c in ti.static(range(ENTRY)):
            mine, other = entry(s, turn).get(c), entry(s, best).get(c)
            entry(s, turn).set(other, c)
            entry(s, best).set(mine, c)


@ti.func
def _over(solid: ti.template(), view: ti.template(), face: ti.i32, n: ti.template(), x: ti.template()):
    """Whether x lies over a face, of which a round one is a disc."""
    result = False
    if ti.static(view.FACES and view.ROUND):
        local = solid.to_local(x)
        result = face < 2 and local.x * local.x + local.y * local.y <= solid.size.x * solid.size.x
    elif ti.static(view.FACES):
        result = inside(solid, view, face, n, x, 0.0)
    return result


@ti.func
def _missed(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), found: ti.template(), n: ti.template()):
    """Whether the contact found counts beside the corners of an overlap: of bodies that are apart, where its vertex lies over the face; of
    those that overlap, where the least depth is wanted, of whatever vertex."""
    result = False
    if found.apart == 0:
        if ti.static(va.SHARP or vb.SHARP):
            result = True
    elif found.source == FACE_A and found.kind == FACE_VERTEX:
        local, _ = vb.vertex(b, found.second)
        result = _over(a, va, found.label, n, b.to_world(local))
    elif found.source == FACE_B and found.kind == VERTEX_FACE:
        local, _ = va.vertex(a, found.first)
        result = _over(b, vb, found.label, n * -1.0, a.to_world(local))
    return result


@ti.func
def overlap(
    a: ti.template(),
    b: ti.template(),
    va: ti.template(),
    vb: ti.template(),
    found: ti.template(),
    n: ti.template(),
    reach: ti.template(),
    out: ti.template(),
    limit: ti.i32,
):
    """Contacts of two bodies that touch along n, at most ``limit``: corners of the overlap of two faces, and the one found where they miss it.

    The face that looks most along n need not have the vertex that is farthest along it, and of a cap only an octagon is looked at. Returns how
    many there were. Sides of a round geom are those of its aim along n.
    """
    s = out.scratch
    source, label, face_a, face_b = found.source, found.label, found.face_a, found.face_b
    total = 0
    if source == FACE_A or source == FACE_B:
        total = candidates(a, b, va, vb, face_a, face_b)
    slack = let(tolerance(1e-9, 1e-5))
    listed, deepest = 0, let(FAR)
    for k in range(total + 1):
        kind, first, second = -1, 0, 0
        if k < total:
            kind, first, second = candidate(a, b, va, vb, face_a, face_b, n, k, source, slack)
        elif source >= 0 and (listed == 0 or _missed(a, b, va, vb, found, n)):
            kind, first, second = found.kind, found.first, found.second
        if kind >= 0 and listed < LISTED:
            p, dist = touch(a, b, va, vb, source, kind, first, second, n)
            if dist < reach and (k < total or dist < deepest - slack):
                deepest = ti.min(deepest, dist)
                cells = entry(s, listed)
                cells.set(kind)
                cells.set(first, 1)
                cells.set(second, 2)
                p.store(cells, 3)
                cells.set(dist, 6)
                listed += 1
    if listed > limit:
        _thin(s, listed, n)
        listed = limit
    for k in range(listed):
        cells = entry(s, k)
        code = source + 4 * ti.cast(cells.get(0), ti.i32)
        out.add(Vec3.load(cells, 3), n, cells.get(6), vec(), code, label, cells.get(1), cells.get(2))
    return listed


class Found:
    """What touches: source of the normal, its label in the tags, the two faces, one contact (kind and features), whether apart."""

    _data_oriented = True

    def __init__(self, source, label, face_a, face_b, kind, first, second, apart) -> None:
        self.source, self.label, self.face_a, self.face_b = source, label, face_a, face_b
        self.kind, self.first, self.second, self.apart = kind, first, second, apart


@ti.func
def find_convex(
    a: ti.template(),
    b: ti.template(),
    va: ti.template(),
    vb: ti.template(),
    reach: ti.template(),
    out: ti.template(),
    limit: ti.i32,
):
    """`find` of two polytopes; at most ``limit`` (1 to 4) contacts, the deepest one among them. Returns how many there were."""
    n = vec()
    source, face_a, face_b, only, only_a, only_b, apart = contact_features(a, b, va, vb, reach, out.scratch, n)
    label = where(source == FACE_A, face_a, face_b)
    if source == CROSS:
        e1, e2, across = crossing(va, a, only_a, vb, b, only_b)
        sign = where(across.dot(n) < 0.0, -1.0, 1.0)
        label = where(sign < 0.0, -1, 0)
        n.assign(across * sign)
    found = Found(source, label, face_a, face_b, only, only_a, only_b, apart)
    return overlap(a, b, va, vb, found, n, reach, out, limit)


def convex_pair(name: str, va, vb) -> Pair:
    """The pair of two kinds of polytopes, each given by its view."""

    @ti.func
    def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
        find_convex(a, b, va, vb, reach, out, MOST)

    @ti.func
    def find_adjoint(
        m: ti.template(),
        a: ti.template(),
        b: ti.template(),
        contact: ti.template(),
        bars: ti.template(),
        a_bar: ti.template(),
        b_bar: ti.template(),
    ):
        touch_adjoint(a, b, va, vb, contact, bars, a_bar, b_bar)

    return Pair(name, MOST, find, find_adjoint)
