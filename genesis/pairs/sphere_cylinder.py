"""Sphere against cylinder: side, cap or rim. In the plane of the axis and the sphere it is a clamped region. As MuJoCo."""

import taichi as ti

from genesis.math.lanes import let, maximum, sqrt, where
from genesis.math.rotation import Vec3
from genesis.pairs.clamped import clamped_contact, clamped_contact_adjoint
from genesis.pairs.solid import Pair, balance, vec
from genesis.pairs.witness import turning

AXIAL = 1e-12  # nearer to the axis than this, the radial direction is the cylinder's x axis


def _radial(c: Vec3) -> tuple:
    """(distance from the axis, unit radial direction x, y)."""
    distance = sqrt(c.x * c.x + c.y * c.y)
    axial = distance < AXIAL
    safe = maximum(distance, AXIAL)
    return distance, where(axial, 1.0, c.x / safe), where(axial, 0.0, c.y / safe)


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    """Tags: 1 if the side decides, +1 or -1 if a cap decides; both: the rim."""
    c = b.to_local(a.p)
    distance, x, y = _radial(c)
    radius, half = b.size.x, b.size.y
    side = where(distance >= radius, 1.0, 0.0)
    cap = where(ti.abs(c.z) >= half, 1.0, 0.0)
    if side == cap and ti.max(distance - radius, ti.abs(c.z) - half) <= 1e-15:  # inside, or on the rim itself
        side = where(half - ti.abs(c.z) < radius - distance, 0.0, 1.0)
        cap = 1.0 - side
    cap = where(c.z > 0.0, cap, 0.0 - cap)
    p, n, dist = clamped_contact([distance, c.z], [radius, half], [side, cap], a.size.x)
    if dist < reach:
        world = b.to_world(Vec3.of(p[0] * x, p[0] * y, p[1]))
        out.add(world, b.turned(Vec3.of(n[0] * x, n[0] * y, n[1])), dist, vec(), side, cap, 0, 0)


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
    side, cap = contact.tag(0), contact.tag(1)
    c, p_bar, n_bar = b.to_local(a.p), b.turned_back(bars.p_bar), b.turned_back(bars.n_bar)
    distance, x, y = _radial(c)
    plane, size, sign = [distance, c.z], [b.size.x, b.size.y], [side, cap]
    p, n, _ = clamped_contact(plane, size, sign, a.size.x)
    plane_bar, size_bar, radius_bar = clamped_contact_adjoint(
        plane,
        size,
        sign,
        a.size.x,
        [let(x * p_bar.x + y * p_bar.y), p_bar.z],
        [let(x * n_bar.x + y * n_bar.y), n_bar.z],
        bars.dist_bar,
    )
    # the radial direction turns: only its component across itself is free; under a cap p_0 / distance is 1, also on the axis
    inverse = turning(distance)
    arm, spin = where(side > 0.5, p[0] * inverse, 1.0), let(n[0] * inverse)
    turn = let(x * (arm * p_bar.y + spin * n_bar.y) - y * (arm * p_bar.x + spin * n_bar.x))
    c_bar = Vec3.of(x * plane_bar[0] - y * turn, y * plane_bar[0] + x * turn, plane_bar[1])
    world = b.to_world(Vec3.of(p[0] * x, p[0] * y, p[1]))
    balance(a_bar, b_bar, world, b.turned(Vec3.of(n[0] * x, n[0] * y, n[1])), bars, b.turned(c_bar), vec())
    a_bar.add_size(vec(radius_bar))
    b_bar.add_size(Vec3.of(size_bar[0], size_bar[1], 0.0))


PAIR = Pair("sphere-cylinder", 1, find, find_adjoint)
