"""Plane against capsule: a contact below each end; the first tangent along the capsule."""

import taichi as ti

from genesis.math.rotation import Vec3
from genesis.pairs.plane_sphere import plane_vertex, plane_vertex_adjoint
from genesis.pairs.solid import Pair


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    """The plane against the sphere at each end; tag 0: which end (+1, -1)."""
    axis = b.r.column(2)
    for k in ti.static(range(2)):
        p, n, dist = plane_vertex(a, b.p + axis * ((1.0 - 2.0 * k) * b.size.y), b.size.x)
        if dist < reach:
            out.add(p, n, dist, axis, 1 - 2 * k, 0, 0, 0)


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
    axis, end = b.r.column(2), contact.tag(0)
    q_bar, radius_bar = plane_vertex_adjoint(a, b.p + axis * (end * b.size.y), b.size.x, bars, a_bar, b_bar)
    b_bar.add_size(Vec3.of(radius_bar, end * axis.dot(q_bar), 0.0))
    b_bar.add_direction(axis, bars.hint_bar)


PAIR = Pair("plane-capsule", 2, find, find_adjoint)
