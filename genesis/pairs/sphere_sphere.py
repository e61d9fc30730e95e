"""Sphere against sphere. Also what the other round pairs share: two points with radii."""

import taichi as ti

from genesis.math.lanes import let, sqrt, where
from genesis.math.rotation import Vec3
from genesis.pairs.solid import Pair, Solid, vec
from genesis.pairs.witness import NEAR, inverse_length, points_adjoint


def direction(a: Solid, b: Solid, q1: Vec3, q2: Vec3) -> tuple:
    """(length, unit vector) from q1 to q2. Where they coincide, MuJoCo's choice: across both z axes, else x."""
    v = q2 - q1
    length = sqrt(v.dot(v))
    inverse = inverse_length(length)
    c = a.r.column(2).cross(b.r.column(2))
    size = sqrt(c.dot(c))
    same, parallel, unit = length < NEAR, size < NEAR, inverse_length(size)
    n = (
        where(same, where(parallel, x, y * unit), z * inverse)
        for x, y, z in zip((1.0, 0.0, 0.0), c.parts(), v.parts(), strict=True)
    )
    return length, Vec3(*n)


def round_contact(a: Solid, b: Solid, q1: Vec3, r1, q2: Vec3, r2) -> tuple:
    """Contact (p, n, dist) of two points with radii."""
    length, n = direction(a, b, q1, q2)
    return q1 + n * (0.5 * (length + r1 - r2)), n, let(length - r1 - r2)


def round_contact_adjoint(a: Solid, b: Solid, q1: Vec3, r1, q2: Vec3, r2, bars) -> tuple:
    """Bars of q1, q2, r1, r2."""
    length, n = direction(a, b, q1, q2)
    return points_adjoint(n, length, r1, r2, bars.p_bar, bars.n_bar, bars.dist_bar)


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    p, n, dist = round_contact(a, b, a.p, a.size.x, b.p, b.size.x)
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
    q1_bar, q2_bar, r1_bar, r2_bar = round_contact_adjoint(a, b, a.p, a.size.x, b.p, b.size.x, bars)
    a_bar.add_point(a.p, q1_bar)
    b_bar.add_point(b.p, q2_bar)
    a_bar.add_size(vec(r1_bar))
    b_bar.add_size(vec(r2_bar))


PAIR = Pair("sphere-sphere", 1, find, find_adjoint)
