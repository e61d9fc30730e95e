"""Plane against sphere: one contact below the centre. Also what the other pairs of a plane share."""

import taichi as ti

from genesis.math.lanes import let
from genesis.math.rotation import Vec3
from genesis.pairs.solid import ContactBar, Pair, Solid, SolidBar, balance, vec
from genesis.pairs.witness import plane_point_adjoint


def plane_vertex(a: Solid, q: Vec3, radius) -> tuple:
    """Contact (p, n, dist) of plane ``a`` with a point that has a radius."""
    n = a.r.column(2)
    dist = let(n.dot(q - a.p) - radius)
    return q - n * (radius + 0.5 * dist), n, dist


def plane_vertex_adjoint(a: Solid, q: Vec3, radius, bars: ContactBar, a_bar: SolidBar, b_bar: SolidBar) -> tuple:
    """Adds the bars of both poses for a point fixed in geom b; returns bars of the point in the world and of the radius."""
    n = a.r.column(2)
    n_bar, total, q_bar, radius_bar = plane_point_adjoint(n, a.p, q, radius, bars.p_bar, bars.n_bar, bars.dist_bar)
    p, _, _ = plane_vertex(a, q, radius)
    balance(a_bar, b_bar, p, n, bars, n * let(0.0 - total), n.cross(n_bar))
    return q_bar, radius_bar


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    """dist = n . (centre - origin) - radius."""
    p, n, dist = plane_vertex(a, b.p, b.size.x)
    if dist < reach:
        out.add(p, n, dist, vec(), 0, 0, 0, 0)


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
    _, radius_bar = plane_vertex_adjoint(a, b.p, b.size.x, bars, a_bar, b_bar)
    b_bar.add_size(vec(radius_bar))


PAIR = Pair("plane-sphere", 1, find, find_adjoint)
