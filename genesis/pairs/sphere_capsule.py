"""Sphere against capsule: the sphere's centre against the nearest point of the capsule's segment."""

import taichi as ti

from genesis.math.lanes import let, where
from genesis.math.rotation import Vec3
from genesis.pairs.solid import Pair, vec
from genesis.pairs.sphere_sphere import round_contact, round_contact_adjoint


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    """Tag 0: which end of the segment (+1, -1), 0 between them."""
    axis, half = b.r.column(2), b.size.y
    x = let(axis.dot(a.p - b.p))
    end = where(x > half, 1.0, where(x < 0.0 - half, -1.0, 0.0))
    p, n, dist = round_contact(a, b, a.p, a.size.x, b.p + axis * where(end == 0.0, x, end * half), b.size.x)
    if dist < reach:
        out.add(p, n, dist, vec(), end, 0, 0, 0)


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
    """x = end half, or axis . (centre - b) between the ends."""
    axis, end = b.r.column(2), contact.tag(0)
    along = a.p - b.p
    x = where(end == 0.0, axis.dot(along), end * b.size.y)
    q2 = b.p + axis * x
    q1_bar, q2_bar, r1_bar, r2_bar = round_contact_adjoint(a, b, a.p, a.size.x, q2, b.size.x, bars)
    x_bar = axis.dot(q2_bar)
    free = where(end == 0.0, x_bar, 0.0)
    a_bar.add_point(a.p, q1_bar + axis * free)
    b_bar.add_point(b.p, q2_bar - axis * free)
    b_bar.add_direction(axis, q2_bar * x + along * free)
    a_bar.add_size(vec(r1_bar))
    b_bar.add_size(Vec3.of(r2_bar, end * x_bar, 0.0))


PAIR = Pair("sphere-capsule", 1, find, find_adjoint)
