"""Two polytopes that touch: a feature of each (vertex, edge or face) facing each other along a normal, and the adjoint of that contact.

The normal n belongs to a face of a, to a face of b, or to two crossing edges. The two features are vertex of a and face of b, face
of a and vertex of b, or two edges. The contact is q2 - q1 = dist n with q1, q2 on the features, p midway (witness.py).
Tags: source + 3 kind; the normal's face, or its edges as first * EDGES + second; feature of a; feature of b.

A polytope is seen through a view: `BoxView` here, `HullView` in hull_view.py. Features are whole numbers, positions are local; `signs`
says how a position moves with the size of the geom.
"""

import taichi as ti

from genesis.math.lanes import let, where
from genesis.math.rotation import Vec3
from genesis.pairs.solid import Solid, SolidBar, vec
from genesis.pairs.witness import (
    cross_unit_adjoint,
    lines_along,
    lines_along_adjoint,
    point_along_to_plane,
    point_along_to_plane_adjoint,
)

FACE_A, FACE_B, CROSS = 0, 1, 2  # where the normal comes from
VERTEX_FACE, FACE_VERTEX, EDGE_EDGE = 0, 1, 2  # features of a and of b
EDGES = 4096  # more edges than a polytope may have, so that a pair of edges is exact in single precision


def times(a: Vec3, b: Vec3) -> Vec3:
    """Component by component."""
    return Vec3.of(a.x * b.x, a.y * b.y, a.z * b.z)


class BoxView:
    """A box. Vertex: bits of the positive coordinates. Edge: 8 axis + a vertex on it. Face: axis + 3 if it is the negative one."""

    @staticmethod
    def vertex(solid: Solid, k) -> tuple:
        """(position, signs)."""
        signs = Vec3(*(where((k & (1 << i)) != 0, 1.0, -1.0) for i in range(3)))
        return times(signs, solid.size), signs

    @staticmethod
    def edge(solid: Solid, k) -> tuple:
        """(a point, direction, signs)."""
        axis = let(k // 8)
        d = Vec3(*(where(axis == i, 1.0, 0.0) for i in range(3)))
        signs = Vec3(*(where(axis == i, 0.0, where((k & (1 << i)) != 0, 1.0, -1.0)) for i in range(3)))
        return times(signs, solid.size), d, signs

    @staticmethod
    def face(solid: Solid, k) -> tuple:
        """(a point, outward normal, signs)."""
        axis, sign = let(k % 3), where(k < 3, 1.0, -1.0)
        n = Vec3(*(where(axis == i, sign, 0.0) for i in range(3)))
        return times(n, solid.size), n, n

    @staticmethod
    def sides(solid: Solid, face):
        """Number of sides of a face."""
        return let(4)

    @staticmethod
    def corner(solid: Solid, face, i):
        """The i-th vertex of a face, counterclockwise seen from outside; i may run one turn over."""
        axis, down = let(face % 3), let(face // 3)
        i = let(i % 4)
        plus = [let(ti.select((i == 1) | (i == 2), 0, 1)), let(ti.select(i >= 2, 0, 1))]
        u, v = (let(ti.select(down == 1, plus[1 - k], plus[k])) for k in range(2))
        return let(((1 - down) << axis) | (u << ((axis + 1) % 3)) | (v << ((axis + 2) % 3)))

    @staticmethod
    def side(solid: Solid, face, i):
        """The edge from the i-th to the next vertex of a face."""
        first, second = BoxView.corner(solid, face, i), BoxView.corner(solid, face, i + 1)
        return let(8 * ((first ^ second) >> 1) + first)


@ti.func
def facing(a: ti.template(), b: ti.template(), view_a: ti.template(), view_b: ti.template(), n: ti.template(), kind: ti.i32, first: ti.i32, second: ti.i32):  # noqa: E501 # fmt: skip
    """(p, dist) of two features along n."""
    p, dist = vec(), let(0.0)
    if kind == VERTEX_FACE:
        vertex, vertex_signs = view_a.vertex(a, first)
        point, normal, point_signs = view_b.face(b, second)
        q = a.to_world(vertex)
        dist = point_along_to_plane(q, n, b.to_world(point), b.turned(normal))
        p.assign(q + n * (0.5 * dist))
    elif kind == FACE_VERTEX:
        vertex, vertex_signs = view_b.vertex(b, second)
        point, normal, point_signs = view_a.face(a, first)
        q = b.to_world(vertex)
        dist = 0.0 - point_along_to_plane(q, n, a.to_world(point), a.turned(normal))
        p.assign(q - n * (0.5 * dist))
    else:
        o1, d1, signs1 = view_a.edge(a, first)
        o2, d2, signs2 = view_b.edge(b, second)
        origin, along = a.to_world(o1), a.turned(d1)
        s, t, delta = lines_along(origin, along, b.to_world(o2), b.turned(d2), n)
        dist = delta
        p.assign(origin + along * s + n * (0.5 * delta))
    return p, dist


def _add_point(solid: Solid, bar: SolidBar, local: Vec3, signs: Vec3, point_bar: Vec3) -> None:
    bar.add_point(solid.to_world(local), point_bar)
    bar.add_size(times(signs, solid.turned_back(point_bar)))


def _vertex_face_adjoint(va, a: Solid, a_bar, first, vb, b: Solid, b_bar, second, n: Vec3, p_bar: Vec3, dist_bar) -> Vec3:
    """n along from a to b; adds the bars of the features and returns the bar of n."""
    vertex, vertex_signs = va.vertex(a, first)
    point, normal, point_signs = vb.face(b, second)
    o, m = b.to_world(point), b.turned(normal)
    q_bar, n_bar, o_bar, m_bar = point_along_to_plane_adjoint(a.to_world(vertex), n, o, m, p_bar, dist_bar)
    _add_point(a, a_bar, vertex, vertex_signs, q_bar)
    _add_point(b, b_bar, point, point_signs, o_bar)
    b_bar.add_direction(m, m_bar)
    return n_bar


def _edges_adjoint(va, a: Solid, a_bar, first, vb, b: Solid, b_bar, second, n: Vec3, p_bar: Vec3, dist_bar) -> Vec3:
    o1, d1, signs1 = va.edge(a, first)
    o2, d2, signs2 = vb.edge(b, second)
    e1, e2 = a.turned(d1), b.turned(d2)
    o1_bar, d1_bar, o2_bar, d2_bar, n_bar = lines_along_adjoint(a.to_world(o1), e1, b.to_world(o2), e2, n, p_bar, dist_bar)
    _add_point(a, a_bar, o1, signs1, o1_bar)
    _add_point(b, b_bar, o2, signs2, o2_bar)
    a_bar.add_direction(e1, d1_bar)
    b_bar.add_direction(e2, d2_bar)
    return n_bar


def _crossing(view_a, a: Solid, first, view_b, b: Solid, second) -> tuple:
    """(direction of a, direction of b, unit normal across both from a to b)."""
    o1, d1, _ = view_a.edge(a, first)
    o2, d2, _ = view_b.edge(b, second)
    e1, e2 = a.turned(d1), b.turned(d2)
    c = e1.cross(e2)
    inverse = let(1.0 / ti.sqrt(c.dot(c)))
    return e1, e2, c * inverse


@ti.func
def source_normal(
    a: ti.template(), b: ti.template(), view_a: ti.template(), view_b: ti.template(), source: ti.i32, which: ti.i32
):
    """The normal from a to b, up to its sign for crossing edges."""
    n = vec()
    if source == FACE_A:
        point_a, normal_a, signs_a = view_a.face(a, which)
        n.assign(a.turned(normal_a))
    elif source == FACE_B:
        point_b, normal_b, signs_b = view_b.face(b, which)
        n.assign(b.turned(normal_b) * -1.0)
    else:
        e1, e2, across = _crossing(view_a, a, which // EDGES, view_b, b, which % EDGES)
        n.assign(across)
    return n


@ti.func
def touch_adjoint(
    a: ti.template(),
    b: ti.template(),
    view_a: ti.template(),
    view_b: ti.template(),
    contact: ti.template(),
    bars: ti.template(),
    a_bar: ti.template(),
    b_bar: ti.template(),
):
    """`find_adjoint` of two polytopes. Crossing edges: `which` is negative (minus one) where the normal is minus the cross product."""
    code, which = ti.cast(contact.tag(0), ti.i32), ti.cast(contact.tag(1), ti.i32)
    first, second = ti.cast(contact.tag(2), ti.i32), ti.cast(contact.tag(3), ti.i32)
    source, kind = code % 3, code // 3
    sign = where(which < 0, -1.0, 1.0)
    which = ti.max(which, -1 - which)
    n = source_normal(a, b, view_a, view_b, source, which)
    n.assign(n * sign)
    n_bar = bars.n_bar * 1.0
    if kind == VERTEX_FACE:
        n_bar.assign(
            n_bar + _vertex_face_adjoint(view_a, a, a_bar, first, view_b, b, b_bar, second, n, bars.p_bar, bars.dist_bar)
        )
    elif kind == FACE_VERTEX:
        n_bar.assign(
            n_bar - _vertex_face_adjoint(view_b, b, b_bar, second, view_a, a, a_bar, first, n * -1.0, bars.p_bar, bars.dist_bar)
        )
    else:
        n_bar.assign(n_bar + _edges_adjoint(view_a, a, a_bar, first, view_b, b, b_bar, second, n, bars.p_bar, bars.dist_bar))
    if source == FACE_A:
        a_bar.add_direction(n, n_bar)
    elif source == FACE_B:
        b_bar.add_direction(n, n_bar)
    else:
        e1, e2, across = _crossing(view_a, a, which // EDGES, view_b, b, which % EDGES)
        d1_bar, d2_bar = cross_unit_adjoint(e1, e2, n, n_bar)
        a_bar.add_direction(e1, d1_bar)
        b_bar.add_direction(e2, d2_bar)
