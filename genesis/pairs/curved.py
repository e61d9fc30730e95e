"""Pairs with a cylinder or an ellipsoid. GJK or EPA find the normal roughly; of the faces and features near it the one that keeps the
bodies farthest apart is taken exactly (bend.py). What rests on a face, or side by side, gets several contacts.
"""

import taichi as ti

from genesis.math.lanes import let, where
from genesis.math.rotation import Vec3
from genesis.pairs.bend import Meeting, bend_adjoint, bend_code, holds, meet, settle
from genesis.pairs.convex import MOST, Found, overlap
from genesis.pairs.expand import deepest_face, widen
from genesis.pairs.features import FACE_A, FACE_B, FACE_VERTEX, NEAREST, VERTEX_FACE, face_normal, facing_adjoint
from genesis.pairs.precision import tolerance
from genesis.pairs.round_views import LINE, POINT
from genesis.pairs.simplex import APART, INSIDE, distance, farthest, vertex_of
from genesis.pairs.solid import Pair, Solid, vec

NEAR_FACE = 0.7  # cosine to the rough normal from which a face is tried
RESTING = 0.996  # bodies that overlap rest on a face within this cosine of their normal,
DEEPER = 0.05  # if that makes the depth no more than this part larger
ALIGNED = 0.02  # sine of the angle below which two sides lie along each other


@ti.func
def _sharp_option(view: ti.template(), solid: ti.template(), i: ti.i32, n: ti.template(), start: ti.i32):
    """The vertex farthest along n, and its edges, those first that fall away from n least."""
    kind, k = POINT, view.support(solid, n, start)
    if i > 0:
        kind = LINE
        if ti.static(view.FACES):
            here, signs = view.vertex(solid, k)
            local = solid.turned_back(n)
            floor, edge = let(-1e30), -1
            for _ in range(i):
                best, chosen = let(1e30), -1
                for j in range(view.degree(solid, k)):
                    other = view.neighbour(solid, k, j)
                    there, more_signs = view.vertex(solid, other)
                    d = here - there
                    fall = local.dot(d) / ti.sqrt(d.dot(d))
                    if fall > floor and fall < best:
                        best, chosen = fall, other
                floor, edge = best, chosen
            if edge < 0:
                kind = -1
            else:
                k = view.between(solid, k, edge)
        else:
            k = 0
    return kind, k


def _option(view, solid: Solid, i, n: Vec3, start) -> tuple:
    """i-th guess which feature touches along n: (kind or -1, number)."""
    return (view.option if view.ROUND else lambda *rest: _sharp_option(view, *rest))(solid, i, n, start)


def _apart(a: Solid, b: Solid, va, vb, n: Vec3):
    """How far apart the planes across n that touch a and b are: the distance, or minus the depth, is the largest such number."""
    _, first = farthest(va, a, n)
    _, second = farthest(vb, b, n * -1.0)
    return let(n.dot(b.to_world(second) - a.to_world(first)) - va.radius(a))


@ti.func
def _rough(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), reach: ti.template(), s: ti.template(), n: ti.template()):  # noqa: E501 # fmt: skip
    """(rows of the simplex or 0, whether apart), the normal nearly right in n."""
    v = vec()
    state, rows = distance(a, b, va, vb, reach + va.radius(a), s, v)
    if rows > 0:
        if state == APART:
            n.assign(v * (-1.0 / ti.sqrt(v.dot(v))))
        else:
            if state != INSIDE:
                rows = widen(a, b, va, vb, s, rows)
            i0, i1, i2, depth = deepest_face(a, b, va, vb, s, n)
    return rows, state == APART


@ti.func
def _decide(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), s: ti.template(), apart: ti.i32, n: ti.template(), g: ti.template()):  # noqa: E501 # fmt: skip
    """(source, face, kinds, feature of a, feature of b), the exact normal in n: of all guesses the one with the largest distance."""
    start, trial = vec(), vec()
    start.assign(n)
    source, label, ka, kb, first, second = -1, 0, 0, 0, 0, 0
    best = let(-1e30)
    rough = _apart(a, b, va, vb, start)
    slack = let(tolerance(1e-10, 1e-6))
    done = False
    for guess in range(3 + va.OPTIONS * vb.OPTIONS):
        if not done:
            trial.assign(start)
            try_a, try_b, one, two, face = -1, -1, 0, 0, 0
            ready = False
            if guess == 0:
                if ti.static(va.FACES):
                    face = va.face_towards(a, start)
                    trial.assign(face_normal(a, b, va, vb, FACE_A, face))
                    ready = trial.dot(start) > NEAR_FACE
            elif guess == 1:
                if ti.static(vb.FACES):
                    face = vb.face_towards(b, start * -1.0)
                    trial.assign(face_normal(a, b, va, vb, FACE_B, face))
                    ready = trial.dot(start) > NEAR_FACE
            else:
                i = guess - 2
                last = i == va.OPTIONS * vb.OPTIONS
                try_a, one = _option(va, a, where(last, 0, i % va.OPTIONS), start, vertex_of(s, 0, 0))
                try_b, two = _option(vb, b, where(last, 0, i // va.OPTIONS), start * -1.0, vertex_of(s, 0, 1))
                if last:  # nothing fits: the rough normal as it is
                    ready = best < rough - 0.01 * ti.abs(rough) - 100.0 * slack
                elif try_a >= 0 and try_b >= 0:
                    ready = settle(a, b, va, vb, try_a, one, try_b, two, trial, g)
                    ready = ready and holds(a, b, va, vb, try_a, one, try_b, two, trial, g)
            if ready:
                far = _apart(a, b, va, vb, trial)
                fits = True
                if guess >= 2 and guess - 2 < va.OPTIONS * vb.OPTIONS:
                    fits = ti.abs(g.dist - far) < 10.0 * slack and far > rough - slack
                    done = fits and far > best - slack
                if fits and far > best + slack:
                    on_face = guess >= 2 and source >= 0
                    resting = on_face and n.dot(trial) > 1.0 - slack  # the same normal, but for rounding
                    if ti.static(va.RESTS and vb.RESTS):
                        gained = on_face and apart == 0 and far - best < DEEPER * ti.abs(best)
                        resting = resting or (gained and n.dot(trial) > RESTING)
                    if not resting:
                        best, label, ka, kb, first, second = far, face, try_a, try_b, one, two
                        source = where(guess == 0, FACE_A, where(guess == 1, FACE_B, NEAREST))
                        n.assign(trial)
    return source, label, ka, kb, first, second


@ti.func
def _side_by_side(a: ti.template(), b: ti.template(), n: ti.template(), k: ti.i32, normal: ti.template()):
    """(kind of a, number, kind of b, number) of the k-th end of the stretch in which two parallel axes lie beside each other, the
    normal there; kind -1 if there is no such stretch."""
    da, db = a.r.column(2), b.r.column(2)
    ka, first, kb, second = -1, 0, -1, 0
    sine = da.cross(db)
    if sine.dot(sine) < ALIGNED * ALIGNED and ti.abs(n.dot(da)) < ALIGNED and ti.abs(n.dot(db)) < ALIGNED:
        along = da.dot(db)
        middle, reach = da.dot(b.p - a.p), b.size.y * ti.abs(along)
        low, high = ti.max(middle - reach, 0.0 - a.size.y), ti.min(middle + reach, a.size.y)
        if high - low > 0.05 * ti.min(a.size.y, b.size.y):
            ends_a = where(k == 1, middle + reach >= a.size.y, middle - reach <= 0.0 - a.size.y)
            gap = vec()
            if ends_a:
                ka, first, kb = POINT, k, LINE
                end = a.p + da * (a.size.y * (2.0 * k - 1.0)) - b.p
                gap.assign(db * db.dot(end) - end)
            else:
                ka, kb, second = LINE, POINT, where(along > 0.0, k, 1 - k)
                end = b.p + db * (b.size.y * (2.0 * second - 1.0)) - a.p
                gap.assign(end - da * da.dot(end))
            size = ti.sqrt(gap.dot(gap))
            if gap.dot(n) > 0.5 * size:
                normal.assign(gap * (1.0 / size))
            else:
                ka = -1
    return ka, first, kb, second


def _aimed(view, solid: Solid, d: Vec3) -> Solid:
    return view.aimed(solid, d) if view.ROUND else solid


@ti.func
def find_curved(
    a: ti.template(),
    b: ti.template(),
    va: ti.template(),
    vb: ti.template(),
    reach: ti.template(),
    out: ti.template(),
    limit: ti.i32,
):
    """`find` of two bodies one of which is round; at most ``limit`` contacts. Returns how many there were."""
    s, n, normal, g = out.scratch, vec(), vec(), Meeting()
    total = 0
    rows, apart = _rough(a, b, va, vb, reach, s, n)
    if rows > 0:
        source, label, ka, kb, first, second = _decide(a, b, va, vb, s, apart, n, g)
        if source == NEAREST:
            beside = False
            for k in range(2):
                normal.assign(n)
                if ti.static(va.SPINE and vb.SPINE):
                    xa, one, xb, two = _side_by_side(a, b, n, k, normal)
                    if xa >= 0:
                        ka, first, kb, second, beside = xa, one, xb, two, True
                if beside or k == 0:
                    meet(a, b, va, vb, ka, first, kb, second, normal, g)
                    if g.dist < reach and total < limit:
                        out.add((g.xa + g.xb) * 0.5, normal, g.dist, vec(), bend_code(ka, kb), 0, first, second)
                        total += 1
        else:
            sight_a, sight_b = _aimed(va, a, n), _aimed(vb, b, n * -1.0)
            face_a, face_b = va.face_towards(a, n), vb.face_towards(b, n * -1.0)
            low_a, place_a = farthest(va, a, n)
            low_b, place_b = farthest(vb, b, n * -1.0)
            on_a = source == FACE_A
            found = Found(source, label, face_a, face_b, where(on_a, FACE_VERTEX, VERTEX_FACE), where(on_a, label, low_a), where(on_a, low_b, label), apart)  # noqa: E501 # fmt: skip
            total = overlap(sight_a, sight_b, va, vb, found, n, reach, out, limit)
    return total


@ti.func
def curved_adjoint(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), contact: ti.template(), bars: ti.template(), a_bar: ti.template(), b_bar: ti.template()):  # noqa: E501 # fmt: skip
    """`find_adjoint` of the same."""
    code, label = ti.cast(contact.tag(0), ti.i32), ti.cast(contact.tag(1), ti.i32)
    source, kind = code % 4, code // 4
    if source == NEAREST:
        bend_adjoint(a, b, va, vb, contact, bars, a_bar, b_bar)
    else:
        first, second = ti.cast(contact.tag(2), ti.i32), ti.cast(contact.tag(3), ti.i32)
        n, n_bar = face_normal(a, b, va, vb, source, label), vec()
        sight_a, sight_b = _aimed(va, a, n), _aimed(vb, b, n * -1.0)
        facing_adjoint(sight_a, sight_b, va, vb, kind, first, second, n, bars, a_bar, b_bar, n_bar)
        if ti.static(va.ROUND):
            pull = va.pulled(sight_a)
            n_bar.assign(n_bar + pull)
            a_bar.add_direction(n, pull * -1.0)
        if ti.static(vb.ROUND):
            other = vb.pulled(sight_b)
            n_bar.assign(n_bar - other)
            b_bar.add_direction(n, other)
        if source == FACE_A:
            a_bar.add_direction(n, n_bar)
        else:
            b_bar.add_direction(n, n_bar)


def curved_pair(name: str, va, vb) -> Pair:
    """The pair of two bodies given by their views; a may have a radius."""

    @ti.func
    def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
        find_curved(a, b, va, vb, reach, out, MOST)

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
        curved_adjoint(a, b, va, vb, contact, bars, a_bar, b_bar)

    return Pair(name, MOST, find, find_adjoint)
