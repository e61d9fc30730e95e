"""Plane against ellipsoid: the lowest point q = -S z / |z|, z = S R' n, S = diag(half axes), in the ellipsoid's frame."""

import taichi as ti

from genesis.math.lanes import let, sqrt
from genesis.math.rotation import Vec3
from genesis.pairs.plane_sphere import plane_vertex
from genesis.pairs.solid import Pair, Solid, balance, vec
from genesis.pairs.witness import plane_point_adjoint, unit_adjoint


def _scaled(size: Vec3, v: Vec3) -> Vec3:
    return Vec3.of(size.x * v.x, size.y * v.y, size.z * v.z)


def _direction(a: Solid, b: Solid) -> tuple:
    """(z / |z|, 1 / |z|)."""
    z = _scaled(b.size, b.turned_back(a.r.column(2)))
    inverse = let(1.0 / sqrt(z.dot(z)))
    return z * inverse, inverse


def _lowest(b: Solid, unit: Vec3) -> Vec3:
    return b.to_world(_scaled(b.size, unit * -1.0))


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    unit, _ = _direction(a, b)
    p, n, dist = plane_vertex(a, _lowest(b, unit), 0.0)
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
    unit, inverse = _direction(a, b)
    n, q = a.r.column(2), _lowest(b, unit)
    n_bar, total, q_bar, _ = plane_point_adjoint(n, a.p, q, 0.0, bars.p_bar, bars.n_bar, bars.dist_bar)
    local = b.turned_back(q_bar) * -1.0
    z_bar = unit_adjoint(unit, inverse, _scaled(b.size, local))
    b_bar.add_size(_scaled(unit, local) + _scaled(b.turned_back(n), z_bar))
    whole = n_bar + b.turned(_scaled(b.size, z_bar))
    p, same, dist = plane_vertex(a, q, 0.0)
    balance(a_bar, b_bar, p, n, bars, n * (0.0 - total), n.cross(whole))


PAIR = Pair("plane-ellipsoid", 1, find, find_adjoint)
