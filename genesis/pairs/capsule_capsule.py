"""Capsule against capsule: the nearest points of two segments; two contacts when the capsules are parallel. As MuJoCo."""

import taichi as ti

from genesis.math.lanes import let, maximum, minimum, where
from genesis.math.rotation import Vec3
from genesis.pairs.precision import tolerance
from genesis.pairs.solid import ContactBar, Pair, Solid, SolidBar, vec
from genesis.pairs.sphere_sphere import round_contact, round_contact_adjoint
from genesis.pairs.witness import cross_unit_adjoint, lines_along_adjoint

PARALLEL = 1e-10, 1e-5  # sine of an angle that is rounding


def _clip(x):
    return maximum(minimum(x, 1.0), -1.0)


def _end(x):
    """+1 or -1 where x has reached an end of its segment, else 0."""
    return where(x >= 1.0, 1.0, where(x <= -1.0, -1.0, 0.0))


@ti.func
def _nearest(
    h1: ti.template(), h2: ti.template(), between: ti.template(), ma: ti.template(), mb: ti.template(), mc: ti.template()
):
    """Parameters of the nearest points of two segments that are not parallel.

    The determinants are those of cross products (Lagrange's identity): written with ma, mb, mc they cancel for segments nearly parallel.
    """
    c = h1.cross(h2)
    det, u, v = c.dot(c), let(0.0 - h1.dot(between)), h2.dot(between)
    x1 = c.dot(h2.cross(between)) / det
    x2 = c.dot(h1.cross(between)) / det
    if x1 > 1.0:
        x1 = 1.0
        x2 = (v - mb) / mc
    elif x1 < -1.0:
        x1 = -1.0
        x2 = (v + mb) / mc
    if x2 > 1.0:
        x2 = 1.0
        x1 = _clip((u - mb) / ma)
    elif x2 < -1.0:
        x2 = -1.0
        x1 = _clip((u + mb) / ma)
    return x1, x2


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    """Tags: end of segment a, end of segment b (0: between), sign of the normal along the cross product of the axes."""
    h1, h2 = a.r.column(2) * a.size.y, b.r.column(2) * b.size.y
    difference = a.p - b.p
    ma, mb, mc = h1.dot(h1), let(0.0 - h1.dot(h2)), h2.dot(h2)
    u, v = let(0.0 - h1.dot(difference)), h2.dot(difference)
    c = h1.cross(h2)
    parallel = c.dot(c) < ti.max(1e-15, tolerance(*PARALLEL) ** 2 * ma * mc)
    for k in range(2):
        if parallel or k == 0:
            x1, x2 = let(0.0), let(0.0)
            if parallel:  # the two ends of the stretch where the segments lie beside each other, as MuJoCo since 4.0
                x2 = where(mb > 0.0, 1.0 - 2.0 * k, 2.0 * k - 1.0)
                x1 = (u - mb * x2) / maximum(ma, 1e-30)
                if ti.abs(x1) >= 1.0:
                    x1 = where(x1 > 0.0, 1.0, -1.0)
                    x2 = _clip((v - mb * x1) / maximum(mc, 1e-30))
            else:
                x1, x2 = _nearest(h1, h2, difference, ma, mb, mc)
            p, n, dist = round_contact(a, b, a.p + h1 * x1, a.size.x, b.p + h2 * x2, b.size.x)
            if dist < reach:
                end1, end2 = _end(x1), _end(x2)
                sign = where(n.dot(h1.cross(h2)) < 0.0, -1.0, 1.0)
                out.add(p, n, dist, vec(), end1, end2, sign, 0)


def lines_adjoint(a: Solid, b: Solid, sign, bars: ContactBar, a_bar: SolidBar, b_bar: SolidBar) -> None:
    """Nearest points inside both segments: n = sign d1 x d2 / |d1 x d2|, p midway along n, moved by (r1 - r2) / 2."""
    d1, d2 = a.r.column(2), b.r.column(2)
    c = d1.cross(d2)
    n = c * let(sign / ti.sqrt(c.dot(c)))
    lift = let(0.5 * n.dot(bars.p_bar))
    o1_bar, d1_bar, o2_bar, d2_bar, n_bar = lines_along_adjoint(a.p, d1, b.p, d2, n, bars.p_bar, bars.dist_bar)
    n_bar = n_bar + bars.n_bar + bars.p_bar * (0.5 * (a.size.x - b.size.x))
    d1_more, d2_more = cross_unit_adjoint(d1, d2, n, n_bar)
    for solid, bar, d, o_bar, d_bar, radius_bar in (
        (a, a_bar, d1, o1_bar, d1_bar + d1_more, let(lift - bars.dist_bar)),
        (b, b_bar, d2, o2_bar, d2_bar + d2_more, let(0.0 - lift - bars.dist_bar)),
    ):
        bar.add_point(solid.p, o_bar)
        bar.add_direction(d, d_bar)
        bar.add_size(vec(radius_bar))


def ends_adjoint(a: Solid, b: Solid, end1, end2, bars: ContactBar, a_bar: SolidBar, b_bar: SolidBar) -> None:
    """At least one of the nearest points is an end; the other one is an end or its projection."""
    d1, d2 = a.r.column(2), b.r.column(2)
    e1, e2 = a.p + d1 * (end1 * a.size.y), b.p + d2 * (end2 * b.size.y)
    x1 = where(end1 == 0.0, d1.dot(e2 - a.p), end1 * a.size.y)
    x2 = where(end2 == 0.0, d2.dot(e1 - b.p), end2 * b.size.y)
    q1, q2 = a.p + d1 * x1, b.p + d2 * x2
    q1_bar, q2_bar, r1_bar, r2_bar = round_contact_adjoint(a, b, q1, a.size.x, q2, b.size.x, bars)
    free1, free2 = where(end1 == 0.0, d1.dot(q1_bar), 0.0), where(end2 == 0.0, d2.dot(q2_bar), 0.0)
    for solid, bar, d, x, end, own, other, free, more, radius_bar in (
        (a, a_bar, d1, x1, end1, q1_bar, q2, free1, d2 * free2, r1_bar),
        (b, b_bar, d2, x2, end2, q2_bar, q1, free2, d1 * free1, r2_bar),
    ):
        whole = own + more  # the projected point moves with the end that is projected
        bar.add_point(solid.p, whole - d * free)
        bar.add_direction(d, whole * x + (other - solid.p) * free)
        bar.add_size(Vec3.of(radius_bar, end * d.dot(whole), 0.0))


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
    end1, end2 = contact.tag(0), contact.tag(1)
    if end1 == 0.0 and end2 == 0.0:
        lines_adjoint(a, b, contact.tag(2), bars, a_bar, b_bar)
    else:
        ends_adjoint(a, b, end1, end2, bars, a_bar, b_bar)


PAIR = Pair("capsule-capsule", 2, find, find_adjoint)
