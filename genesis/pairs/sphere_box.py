"""Sphere against box: the nearest point of the box, or its nearest face for a centre inside. As MuJoCo."""

import taichi as ti

from genesis.math.lanes import let, sqrt, where
from genesis.math.rotation import Vec3
from genesis.pairs.clamped import clamped_contact, clamped_contact_adjoint
from genesis.pairs.solid import ContactBar, Pair, Solid, balance, vec


def _beyond(x, half):
    """On which side of [-half, half] x lies: -1, 0 (inside), 1."""
    return where(x > half, 1.0, where(x < 0.0 - half, -1.0, 0.0))


@ti.func
def box_signs(c: ti.template(), size: ti.template()):
    """Which sides of the box decide: all that the point is beyond, or the nearest one for a point inside."""
    x, y, z = _beyond(c.x, size.x), _beyond(c.y, size.y), _beyond(c.z, size.z)
    excess = Vec3.of(x * x * c.x - x * size.x, y * y * c.y - y * size.y, z * z * c.z - z * size.z)
    if sqrt(excess.dot(excess)) <= 1e-15:
        dx, dy, dz = let(size.x - ti.abs(c.x)), let(size.y - ti.abs(c.y)), let(size.z - ti.abs(c.z))
        first = dx <= dy and dx <= dz
        second = not first and dy <= dz
        x = where(first, where(c.x > 0.0, 1.0, -1.0), 0.0)
        y = where(second, where(c.y > 0.0, 1.0, -1.0), 0.0)
        z = where(first or second, 0.0, where(c.z > 0.0, 1.0, -1.0))
    return x, y, z


def ball_box(b: Solid, c: Vec3, radius, sign: Vec3) -> tuple:
    """Contact (p, n, dist) of a sphere at c in the box's frame."""
    p, n, dist = clamped_contact(c.parts(), b.size.parts(), sign.parts(), radius)
    return b.to_world(Vec3(*p)), b.turned(Vec3(*n)), dist


def ball_box_adjoint(b: Solid, c: Vec3, radius, sign: Vec3, bars: ContactBar) -> tuple:
    """Bars of c (in the box's frame), of the box's size, of the radius."""
    p_bar, n_bar = b.turned_back(bars.p_bar), b.turned_back(bars.n_bar)
    c_bar, size_bar, radius_bar = clamped_contact_adjoint(
        c.parts(), b.size.parts(), sign.parts(), radius, p_bar.parts(), n_bar.parts(), bars.dist_bar
    )
    return Vec3(*c_bar), Vec3(*size_bar), radius_bar


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    """Tags 0 to 2: the signs of the deciding sides."""
    c = b.to_local(a.p)
    x, y, z = box_signs(c, b.size)
    p, n, dist = ball_box(b, c, a.size.x, Vec3(x, y, z))
    if dist < reach:
        out.add(p, n, dist, vec(), x, y, z, 0)


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
    c, sign = b.to_local(a.p), Vec3(contact.tag(0), contact.tag(1), contact.tag(2))
    p, n, _ = ball_box(b, c, a.size.x, sign)
    c_bar, size_bar, radius_bar = ball_box_adjoint(b, c, a.size.x, sign, bars)
    balance(a_bar, b_bar, p, n, bars, b.turned(c_bar), vec())
    a_bar.add_size(vec(radius_bar))
    b_bar.add_size(size_bar)


PAIR = Pair("sphere-box", 1, find, find_adjoint)
