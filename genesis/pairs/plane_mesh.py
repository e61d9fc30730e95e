"""Plane against convex hull: the deepest vertex and the others of the face at it that lies flattest, four at most.

As MuJoCo 4, which takes four corners of a face with more sides by a rule of its own; here they are spread as evenly as their order.
"""

import taichi as ti

from genesis.math.lanes import let
from genesis.pairs.hull_view import HullView, header
from genesis.pairs.plane_sphere import plane_vertex, plane_vertex_adjoint
from genesis.pairs.solid import Pair, vec

MOST = 4


@ti.func
def _flattest(b: ti.template(), down: ti.template(), deepest: ti.i32):
    """Of the faces at a vertex, the one whose normal is nearest to ``down``; and the place of the vertex in its loop."""
    local = b.turned_back(down)
    best, place, reached = 0, 0, let(-2.0)
    for k in range(header(b, 1)):
        value = local.dot(HullView.normal(b, k))
        if value > reached:
            for i in range(HullView.corners(b, k)):
                if HullView.corner(b, k, i) == deepest:
                    best, place, reached = k, i, value
    return best, place


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    """Tag 0: the vertex."""
    down = a.r.column(2) * -1.0
    deepest = HullView.support(b, down, 0)
    lowest, normal, depth = plane_vertex(a, b.to_world(HullView.place(b, deepest)), 0.0)
    if depth < reach:
        face, place = _flattest(b, down, deepest)
        corners = HullView.corners(b, face)
        for k in range(ti.min(corners, MOST)):
            vertex = HullView.corner(b, face, place + k * corners // ti.min(corners, MOST))
            p, n, dist = plane_vertex(a, b.to_world(HullView.place(b, vertex)), 0.0)
            if dist < reach:
                out.add(p, n, dist, vec(), vertex, 0, 0, 0)


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
    vertex = ti.cast(contact.tag(0), ti.i32)
    plane_vertex_adjoint(a, b.to_world(HullView.place(b, vertex)), 0.0, bars, a_bar, b_bar)


PAIR = Pair("plane-mesh", MOST, find, find_adjoint)
