"""Two polytopes that touch: a feature of each (vertex, edge or face) and the contact they make, with its adjoint.

The normal belongs to a face of a or of b, to two crossing edges, or it joins the nearest points of a vertex and a vertex or edge.
In the first three cases the features face each other along it (q2 - q1 = dist n, p midway); witness.py has the equations.
Tags: source + 4 kind; the face that gives the normal, or -1 if it is minus the cross product of the edges; feature of a; feature of b.

A polytope is seen through a view (`BoxView`, `PointView` and `SegmentView` in views.py, `HullView` in hull_view.py). Features are whole
numbers, positions are local; ``signs`` says how a position moves with the size of the geom (`grow` is the adjoint of that). Geom a may
have a radius.
"""

import taichi as ti

from genesis.math.lanes import let, where
from genesis.math.rotation import Vec3
from genesis.pairs.solid import ContactBar, Solid, SolidBar, vec
from genesis.pairs.witness import (
    cross_unit_adjoint,
    lines_along,
    lines_along_adjoint,
    on_line_adjoint,
    point_along_to_plane,
    point_along_to_plane_adjoint,
    points,
    points_adjoint,
)

FACE_A, FACE_B, CROSS, NEAREST = 0, 1, 2, 3  # where the normal comes from
VERTEX_FACE, FACE_VERTEX, EDGE_EDGE = 0, 1, 2  # features of a and of b, for the first three
VERTEX_VERTEX, VERTEX_EDGE, EDGE_VERTEX = 0, 1, 2  # the same for NEAREST


def times(a: Vec3, b: Vec3) -> Vec3:
    """Component by component."""
    return Vec3.of(a.x * b.x, a.y * b.y, a.z * b.z)


def _vertex(view, solid: Solid, k) -> Vec3:
    local, _ = view.vertex(solid, k)
    return solid.to_world(local)


def _line(view, solid: Solid, k) -> tuple:
    o, d, _ = view.edge(solid, k)
    return solid.to_world(o), solid.turned(d)


def _plane(view, solid: Solid, k) -> tuple:
    o, n, _ = view.face(solid, k)
    return solid.to_world(o), solid.turned(n)


@ti.func
def face_normal(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), source: ti.i32, face: ti.i32):
    """The normal of a face, from a to b."""
    n = vec()
    if source == FACE_A:
        oa, na = _plane(va, a, face)
        n.assign(na)
    else:
        ob, nb = _plane(vb, b, face)
        n.assign(nb * -1.0)
    return n


@ti.func
def touch(
    a: ti.template(),
    b: ti.template(),
    va: ti.template(),
    vb: ti.template(),
    source: ti.i32,
    kind: ti.i32,
    first: ti.i32,
    second: ti.i32,
    n: ti.template(),
):
    """(p, dist) of two features; for NEAREST also sets the normal n, else takes it."""
    p, dist = vec(), let(0.0)
    if source == NEAREST:
        q1, q2 = vec(), vec()
        if kind != EDGE_VERTEX:
            q1.assign(_vertex(va, a, first))
        if kind != VERTEX_EDGE:
            q2.assign(_vertex(vb, b, second))
        if kind == VERTEX_EDGE:
            o2, d2 = _line(vb, b, second)
            q2.assign(o2 + d2 * d2.dot(q1 - o2))
        if kind == EDGE_VERTEX:
            o1, d1 = _line(va, a, first)
            q1.assign(o1 + d1 * d1.dot(q2 - o1))
        length, unit = points(q1, q2)
        n.assign(unit)
        dist = length
        p.assign((q1 + q2) * 0.5)
    elif kind == VERTEX_FACE:
        q1 = _vertex(va, a, first)
        ob, nb = _plane(vb, b, second)
        dist = point_along_to_plane(q1, n, ob, nb)
        p.assign(q1 + n * (0.5 * dist))
    elif kind == FACE_VERTEX:
        q2 = _vertex(vb, b, second)
        oa, na = _plane(va, a, first)
        dist = 0.0 - point_along_to_plane(q2, n, oa, na)
        p.assign(q2 - n * (0.5 * dist))
    else:
        o1, d1 = _line(va, a, first)
        o2, d2 = _line(vb, b, second)
        s, t, delta = lines_along(o1, d1, o2, d2, n)
        dist = delta
        p.assign(o1 + d1 * s + n * (0.5 * delta))
    p.assign(p + n * (0.5 * va.radius(a)))
    return p, dist - va.radius(a)


def _add_point(view, solid: Solid, bar: SolidBar, local: Vec3, signs: Vec3, point_bar: Vec3) -> None:
    bar.add_point(solid.to_world(local), point_bar)
    view.grow(solid, bar, signs, solid.turned_back(point_bar))


def _vertex_face_adjoint(va, a: Solid, a_bar, first, vb, b: Solid, b_bar, second, n: Vec3, p_bar: Vec3, dist_bar) -> Vec3:
    """n along from a to b; adds the bars of the features and returns the bar of n."""
    vertex, vertex_signs = va.vertex(a, first)
    point, normal, point_signs = vb.face(b, second)
    o, m = b.to_world(point), b.turned(normal)
    q_bar, n_bar, o_bar, m_bar = point_along_to_plane_adjoint(a.to_world(vertex), n, o, m, p_bar, dist_bar)
    _add_point(va, a, a_bar, vertex, vertex_signs, q_bar)
    _add_point(vb, b, b_bar, point, point_signs, o_bar)
    b_bar.add_direction(m, m_bar)
    return n_bar


def _edges_adjoint(va, a: Solid, a_bar, first, vb, b: Solid, b_bar, second, n: Vec3, p_bar: Vec3, dist_bar) -> Vec3:
    o1, d1, signs1 = va.edge(a, first)
    o2, d2, signs2 = vb.edge(b, second)
    e1, e2 = a.turned(d1), b.turned(d2)
    o1_bar, d1_bar, o2_bar, d2_bar, n_bar = lines_along_adjoint(a.to_world(o1), e1, b.to_world(o2), e2, n, p_bar, dist_bar)
    _add_point(va, a, a_bar, o1, signs1, o1_bar)
    _add_point(vb, b, b_bar, o2, signs2, o2_bar)
    for view, solid, bar, e, e_bar in ((va, a, a_bar, e1, d1_bar), (vb, b, b_bar, e2, d2_bar)):
        bar.add_direction(e, e_bar)
        if view.ROUND:
            view.lean(solid, solid.turned_back(e), solid.turned_back(e_bar))
    return n_bar


def _vertices_adjoint(va, a: Solid, a_bar, first, vb, b: Solid, b_bar, second, bars: ContactBar) -> None:
    l1, signs1 = va.vertex(a, first)
    l2, signs2 = vb.vertex(b, second)
    length, n = points(a.to_world(l1), b.to_world(l2))
    q1_bar, q2_bar, r1_bar, _ = points_adjoint(n, length, va.radius(a), 0.0, bars.p_bar, bars.n_bar, bars.dist_bar)
    _add_point(va, a, a_bar, l1, signs1, q1_bar)
    _add_point(vb, b, b_bar, l2, signs2, q2_bar)
    va.add_radius(a_bar, r1_bar)


def _vertex_edge_adjoint(va, a: Solid, a_bar, first, vb, b: Solid, b_bar, second, r1, r2, bars: ContactBar, sign) -> tuple:
    """Normal from the vertex of a to the edge of b; sign -1 if the contact's runs the other way. Returns bars of the radii."""
    vertex, signs1 = va.vertex(a, first)
    o2, d2, signs2 = vb.edge(b, second)
    q, o, d = a.to_world(vertex), b.to_world(o2), b.turned(d2)
    x = o + d * d.dot(q - o)
    length, n = points(q, x)
    q_bar, x_bar, r1_bar, r2_bar = points_adjoint(n, length, r1, r2, bars.p_bar, bars.n_bar * sign, bars.dist_bar)
    more, o_bar, d_bar = on_line_adjoint(q, o, d, x_bar)
    _add_point(va, a, a_bar, vertex, signs1, q_bar + more)
    _add_point(vb, b, b_bar, o2, signs2, o_bar)
    b_bar.add_direction(d, d_bar)
    return r1_bar, r2_bar


def crossing(va, a: Solid, first, vb, b: Solid, second) -> tuple:
    """(direction of a's edge, of b's edge, unit vector along their cross product)."""
    _, e1 = _line(va, a, first)
    _, e2 = _line(vb, b, second)
    c = e1.cross(e2)
    return e1, e2, c * let(1.0 / ti.sqrt(c.dot(c)))


@ti.func
def facing_adjoint(
    a: ti.template(),
    b: ti.template(),
    va: ti.template(),
    vb: ti.template(),
    kind: ti.i32,
    first: ti.i32,
    second: ti.i32,
    n: ti.template(),
    bars: ti.template(),
    a_bar: ti.template(),
    b_bar: ti.template(),
    n_bar: ti.template(),
):
    """Adjoint of `touch` for a given n: the bar of n into n_bar."""
    n_bar.assign(bars.n_bar + bars.p_bar * (0.5 * va.radius(a)))
    va.add_radius(a_bar, let(0.5 * n.dot(bars.p_bar) - bars.dist_bar))
    if kind == VERTEX_FACE:
        n_bar.assign(n_bar + _vertex_face_adjoint(va, a, a_bar, first, vb, b, b_bar, second, n, bars.p_bar, bars.dist_bar))
    elif kind == FACE_VERTEX:
        down = n * -1.0
        n_bar.assign(n_bar - _vertex_face_adjoint(vb, b, b_bar, second, va, a, a_bar, first, down, bars.p_bar, bars.dist_bar))
    else:
        n_bar.assign(n_bar + _edges_adjoint(va, a, a_bar, first, vb, b, b_bar, second, n, bars.p_bar, bars.dist_bar))


@ti.func
def touch_adjoint(
    a: ti.template(),
    b: ti.template(),
    va: ti.template(),
    vb: ti.template(),
    contact: ti.template(),
    bars: ti.template(),
    a_bar: ti.template(),
    b_bar: ti.template(),
):
    """`find_adjoint` of two polytopes."""
    code, face = ti.cast(contact.tag(0), ti.i32), ti.cast(contact.tag(1), ti.i32)
    first, second = ti.cast(contact.tag(2), ti.i32), ti.cast(contact.tag(3), ti.i32)
    source, kind = code % 4, code // 4
    if source == NEAREST:
        if kind == VERTEX_VERTEX:
            _vertices_adjoint(va, a, a_bar, first, vb, b, b_bar, second, bars)
        elif kind == VERTEX_EDGE:
            r1_bar, none = _vertex_edge_adjoint(va, a, a_bar, first, vb, b, b_bar, second, va.radius(a), 0.0, bars, 1.0)
            va.add_radius(a_bar, r1_bar)
        else:
            zero, r_bar = _vertex_edge_adjoint(vb, b, b_bar, second, va, a, a_bar, first, 0.0, va.radius(a), bars, -1.0)
            va.add_radius(a_bar, r_bar)
    else:
        n = vec()
        if source == CROSS:
            e1, e2, across = crossing(va, a, first, vb, b, second)
            n.assign(across * where(face < 0, -1.0, 1.0))
        else:
            n.assign(face_normal(a, b, va, vb, source, face))
        n_bar = vec()
        facing_adjoint(a, b, va, vb, kind, first, second, n, bars, a_bar, b_bar, n_bar)
        if source == FACE_A:
            a_bar.add_direction(n, n_bar)
        elif source == FACE_B:
            b_bar.add_direction(n, n_bar)
        else:
            e1, e2, across = crossing(va, a, first, vb, b, second)
            d1_bar, d2_bar = cross_unit_adjoint(e1, e2, n, n_bar)
            a_bar.add_direction(e1, d1_bar)
            b_bar.add_direction(e2, d2_bar)
