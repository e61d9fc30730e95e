"""Plane against box: the corners on the lower side of the box, four at most."""

import taichi as ti

from genesis.math.lanes import let
from genesis.math.rotation import Vec3
from genesis.pairs.plane_sphere import plane_vertex, plane_vertex_adjoint
from genesis.pairs.solid import Pair, vec


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    """Corners below the centre, in MuJoCo's order; tags 0 to 2: signs of the corner."""
    centre = let(a.r.column(2).dot(b.p - a.p))
    count = 0
    for k in range(8):
        x, y, z = 2.0 * (k & 1) - 1.0, 1.0 * (k & 2) - 1.0, 0.5 * (k & 4) - 1.0
        p, n, dist = plane_vertex(a, b.to_world(Vec3.of(x * b.size.x, y * b.size.y, z * b.size.z)), 0.0)
        if dist < reach and dist <= centre and count < 4:
            out.add(p, n, dist, vec(), x, y, z, 0)
            count += 1


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
    x, y, z = contact.tag(0), contact.tag(1), contact.tag(2)
    corner = Vec3.of(x * b.size.x, y * b.size.y, z * b.size.z)
    q_bar, _ = plane_vertex_adjoint(a, b.to_world(corner), 0.0, bars, a_bar, b_bar)
    local = b.turned_back(q_bar)
    b_bar.add_size(Vec3.of(x * local.x, y * local.y, z * local.z))


PAIR = Pair("plane-box", 4, find, find_adjoint)
