"""Box against box: separating axes, then the overlap of the two facing sides, or one contact of two crossing edges.

Source: Gottschalk, Lin, Manocha, OBBTree (1996), §5, for the fifteen axes.
"""

import taichi as ti

from genesis.math.lanes import let, where
from genesis.math.rotation import Vec3
from genesis.pairs.features import CROSS, EDGE_EDGE, FACE_A, FACE_B, touch, touch_adjoint
from genesis.pairs.manifold import candidate, candidates
from genesis.pairs.precision import tolerance
from genesis.pairs.solid import Pair, Solid, vec
from genesis.pairs.views import BoxView

PARALLEL = 1e-3  # edges closer to parallel than this have no direction across both worth trusting


def _column(solid: Solid, k) -> Vec3:
    """Axis k of a box, known at run time."""
    x, y, z = (solid.r.column(i) for i in range(3))
    return Vec3(*(where(k == 0, u, where(k == 1, v, w)) for u, v, w in zip(x.parts(), y.parts(), z.parts(), strict=True)))


def _extent(solid: Solid, n: Vec3):
    """Half the extent of a box along n."""
    local = solid.turned_back(n)
    return let(solid.size.x * ti.abs(local.x) + solid.size.y * ti.abs(local.y) + solid.size.z * ti.abs(local.z))


def _along_side(solid: Solid, n: Vec3):
    """Whether n is the normal of a side, but for an angle at which edges count as parallel: then it says nothing that the side does not."""
    local = solid.turned_back(n)
    return ti.max(ti.abs(local.x), ti.max(ti.abs(local.y), ti.abs(local.z))) > 1.0 - PARALLEL * PARALLEL


def _edge_towards(solid: Solid, axis, n: Vec3):
    """The edge along an axis that lies farthest in the direction n."""
    local = solid.turned_back(n)
    bits = [where(c > 0.0, 1 << i, 0) for i, c in enumerate(local.parts())]
    return let(8 * axis + ((bits[0] | bits[1] | bits[2]) & (7 - (1 << axis))))


@ti.func
def _separation(a: ti.template(), b: ti.template(), reach: ti.template(), first: ti.i32, last: ti.i32, n: ti.template()):
    """The axis (0 to 2 of a, 3 to 5 of b, 6 to 14 across both) along which the boxes are farthest apart, and how far; leaves it in n."""
    best, found = -1, let(-1e30)
    between = b.p - a.p
    for k in range(first, last):
        axis = vec()
        if k < 3:
            axis.assign(_column(a, k))
        elif k < 6:
            axis.assign(_column(b, k - 3))
        else:
            axis.assign(_column(a, (k - 6) // 3).cross(_column(b, (k - 6) % 3)))
        length = ti.sqrt(axis.dot(axis))
        if length > PARALLEL:
            towards = axis * where(axis.dot(between) < 0.0, -1.0 / length, 1.0 / length)
            apart = towards.dot(between) - _extent(a, towards) - _extent(b, towards)
            if apart > found:
                best, found = k, apart
                n.assign(towards)
    return best, found


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    n, across = vec(), vec()
    face, apart = _separation(a, b, reach, 0, 6, n)
    edge, edge_apart = _separation(a, b, reach, 6, 15, across)
    if apart < reach and (edge < 0 or edge_apart < reach):
        slack = let(tolerance(1e-9, 1e-5) * (a.size.x + a.size.y + a.size.z + b.size.x + b.size.y + b.size.z))
        face_a, face_b = BoxView.face_towards(a, n), BoxView.face_towards(b, n * -1.0)
        source, which = where(face < 3, FACE_A, FACE_B), where(face < 3, face_a, face_b)
        crossing = edge >= 0 and edge_apart > apart and not _along_side(a, across) and not _along_side(b, across)
        if crossing and n.dot(across) > 0.99 and edge_apart - apart < 0.05 * ti.abs(apart):
            crossing = False  # hardly another direction, hardly less deep: the sides rest on each other
        total = 1
        if crossing:
            n.assign(across)
        else:
            total = candidates(a, b, BoxView, BoxView, face_a, face_b)
        for k in range(total):
            kind, first, second = EDGE_EDGE, 0, 0
            if crossing:
                i, j = (edge - 6) // 3, (edge - 6) % 3
                first, second = _edge_towards(a, i, n), _edge_towards(b, j, n * -1.0)
                source, which = CROSS, where(n.dot(_column(a, i).cross(_column(b, j))) < 0.0, -1, 0)
            else:
                kind, first, second = candidate(a, b, BoxView, BoxView, face_a, face_b, n, k, source, slack)
            if kind >= 0:
                p, dist = touch(a, b, BoxView, BoxView, source, kind, first, second, n)
                if dist < reach:
                    out.add(p, n, dist, vec(), source + 4 * kind, which, first, second)


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
    touch_adjoint(a, b, BoxView, BoxView, contact, bars, a_bar, b_bar)


PAIR = Pair("box-box", 8, find, find_adjoint)
