"""Plane against cylinder: lowest points of both rims, and two more of the lower rim 120 degrees aside. As MuJoCo.

With a the axis, n the normal of the plane and u the unit direction of (n . a) a - n (down, across the axis), the points are
q = centre + side half a + radius (along u + across u x a).
"""

import math

import taichi as ti

from genesis.math.lanes import let, sqrt, where
from genesis.math.rotation import Vec3
from genesis.pairs.plane_sphere import plane_vertex
from genesis.pairs.solid import Pair, Solid, balance, vec
from genesis.pairs.witness import plane_point_adjoint, unit_adjoint

FLAT = 1e-4  # below this sine of the tilt the adjoint lets u ride with the cylinder: its true derivative is one over the sine
ACROSS = math.sqrt(0.75)


def _down(a: Solid, b: Solid) -> tuple:
    """(u, sine of the tilt); u is the cylinder's x axis when it stands upright."""
    n, axis, x = a.r.column(2), b.r.column(2), b.r.column(0)
    y = axis.cross(axis.cross(n))  # (n . a) a - n, across the axis also where that is mere rounding
    sine = sqrt(y.dot(y))
    upright = sine < 1e-15
    parts = (where(upright, c, d / sine) for c, d in zip(x.parts(), y.parts(), strict=True))
    return Vec3(*parts), sine


def _rim_point(b: Solid, u: Vec3, side, along, across) -> Vec3:
    axis = b.r.column(2)
    return b.p + axis * (side * b.size.y) + (u * along + u.cross(axis) * across) * b.size.x


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    """Tags: side (+1, -1 along the axis), along, across (in units of ACROSS), fixed (u rides with the cylinder)."""
    u, sine = _down(a, b)
    fixed = where(sine < FLAT, 1.0, 0.0)
    lower = where(a.r.column(2).dot(b.r.column(2)) > 0.0, -1.0, 1.0)
    nearest, normal, deepest = plane_vertex(a, _rim_point(b, u, lower, 1.0, 0.0), 0.0)
    if deepest < reach:
        for k in range(4):
            side, along, across = let(lower), let(1.0), let(0.0)
            if k == 1:
                side = 0.0 - lower
            if k >= 2:
                along = -0.5
                across = lower * (5.0 - 2.0 * k)
            p, n, dist = plane_vertex(a, _rim_point(b, u, side, along, across * ACROSS), 0.0)
            if dist < reach:
                out.add(p, n, dist, vec(), side, along, across, fixed)


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
    side, along, across = contact.tag(0), contact.tag(1), let(contact.tag(2) * ACROSS)
    u, sine = _down(a, b)
    n, axis = a.r.column(2), b.r.column(2)
    q = _rim_point(b, u, side, along, across)
    n_bar, total, q_bar, _ = plane_point_adjoint(n, a.p, q, 0.0, bars.p_bar, bars.n_bar, bars.dist_bar)
    b_bar.add_size(Vec3.of((u * along + u.cross(axis) * across).dot(q_bar), side * axis.dot(q_bar), 0.0))
    u_bar = (q_bar * along + axis.cross(q_bar) * across) * b.size.x
    inverse = where(contact.tag(3) > 0.5, 0.0, 1.0 / sine)
    y_bar = unit_adjoint(u, inverse, u_bar)
    whole = n_bar + axis * axis.dot(y_bar) - y_bar
    p, same, dist = plane_vertex(a, q, 0.0)
    balance(a_bar, b_bar, p, n, bars, n * (0.0 - total), n.cross(whole))


PAIR = Pair("plane-cylinder", 4, find, find_adjoint)
