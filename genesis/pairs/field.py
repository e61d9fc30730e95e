"""Height fields: triangular prisms under the surface, each a polytope for convex.py or curved.py. As MuJoCo.

Layout. ``integers`` from ``data`` on: number of rows, number of columns, where the field begins in ``shapes``; there: half width along x
and y, depth of the base below zero, then the heights row by row (rows along y, columns along x), in metres.
A cell of the grid has two prisms; prism 2 (row columns + column) + which. A feature of a prism is its own number + STRIDE prism;
vertices 0 to 2 are at the base, 3 to 5 above them, counterclockwise seen from above; edges 6 vertex + vertex; face 0 is the base, 1 the
surface, 2 to 4 the walls.
"""

import numpy as np
import taichi as ti

from genesis.errors import InputError
from genesis.math.lanes import let, load, sqrt, where
from genesis.math.rotation import Vec3
from genesis.pairs.convex import find_convex
from genesis.pairs.curved import curved_adjoint, find_curved
from genesis.pairs.features import touch_adjoint
from genesis.pairs.simplex import farthest
from genesis.pairs.solid import ContactBar, Pair, Solid, Tags
from genesis.pairs.views import Polytope

STRIDE = 64
MOST = 32
HEADER = 3


def pack_field(heights: np.ndarray, half_x: float, half_y: float, base: float) -> tuple[np.ndarray, np.ndarray]:
    """(shapes, integers) of one field of heights (rows, columns); add the place in ``shapes`` to integers[2].

    Raises: InputError for fewer than two rows or columns, or more prisms than single precision can number.
    """
    rows, columns = heights.shape
    if min(rows, columns) < 2:
        raise InputError(f"height field: {rows} x {columns} points make no surface; needed: 2 x 2 or more.")
    if 2 * rows * columns * STRIDE > 2**24:
        raise InputError(f"height field: {rows} x {columns} points; at most {2**23 // STRIDE} in all. Use a coarser field.")
    return np.concatenate([[half_x, half_y, base], np.ravel(heights)]), np.array([rows, columns, 0], dtype=np.int32)


class Field:
    """Numbers of a height field, read once."""

    _data_oriented = True

    def __init__(self, solid: Solid) -> None:
        self.shapes = solid.shapes
        self.rows, self.columns, first = (load(solid.integers, solid.data + k) for k in range(3))
        self.half_x, self.half_y, self.base = (load(solid.shapes, first + k) for k in range(3))
        self.first = let(first + HEADER)
        self.step_x = let(2.0 * self.half_x / (self.columns - 1))
        self.step_y = let(2.0 * self.half_y / (self.rows - 1))

    def vertex(self, k) -> Vec3:
        """Local position of a vertex of a prism."""
        prism, i = let(k // STRIDE), let(k % STRIDE)
        cell, which, corner = let(prism // 2), let(prism % 2), let(i % 3)
        column = let(cell % self.columns + ti.select((corner == 2) | ((which == 1) & (corner == 1)), 1, 0))
        row = let(cell // self.columns + ti.select((corner == 2) | ((which == 0) & (corner == 0)), 1, 0))
        height = load(self.shapes, self.first + row * self.columns + column)
        z = where(i < 3, 0.0 - self.base, height)
        return Vec3.of(column * self.step_x - self.half_x, row * self.step_y - self.half_y, z)


class PrismSolid(Solid):
    """A height field with the prism that is looked at, its numbers at hand."""

    def __init__(self, solid: Solid, prism, field: Field) -> None:
        super().__init__(solid.p, solid.r, solid.size, solid.data, solid.shapes, solid.integers)
        self.prism, self.field = prism, field


def field_of(solid: Solid) -> Field:
    return solid.field if isinstance(solid, PrismSolid) else Field(solid)


@ti.func
def _prism_support(solid: ti.template(), direction: ti.template(), start: ti.i32):
    local, field = solid.turned_back(direction), field_of(solid)
    best, reached = 0, let(-1e30)
    for i in range(6):
        value = local.dot(field.vertex(solid.prism * STRIDE + i))
        if value > reached:
            best, reached = solid.prism * STRIDE + i, value
    return best


@ti.func
def _prism_face_towards(solid: ti.template(), direction: ti.template()):
    local = solid.turned_back(direction)
    best, reached = 0, let(-2.0)
    for i in range(5):
        point, normal, still = PrismView.face(solid, solid.prism * STRIDE + i)
        value = local.dot(normal)
        if value > reached:
            best, reached = solid.prism * STRIDE + i, value
    return best


_STILL = Vec3(0.0, 0.0, 0.0)


class PrismView(Polytope):
    FACES, RESTS, ROUND, SPINE, OPTIONS = True, False, False, False, 4
    support = staticmethod(_prism_support)
    face_towards = staticmethod(_prism_face_towards)

    @staticmethod
    def vertex(solid: Solid, k) -> tuple:
        return field_of(solid).vertex(k), _STILL

    @staticmethod
    def edge(solid: Solid, k) -> tuple:
        prism, i = let(k // STRIDE * STRIDE), let(k % STRIDE)
        field = field_of(solid)
        first = field.vertex(prism + i // 6)
        d = field.vertex(prism + i % 6) - first
        return first, d * let(1.0 / sqrt(d.dot(d))), _STILL

    @staticmethod
    def face(solid: Solid, k) -> tuple:
        p, q, r = (field_of(solid).vertex(PrismView.corner(solid, k, i)) for i in range(3))
        n = (q - p).cross(r - p)
        return p, n * let(1.0 / sqrt(n.dot(n))), _STILL

    @staticmethod
    def corners(solid: Solid, face):
        return let(ti.select(face % STRIDE < 2, 3, 4))

    sides = corners

    @staticmethod
    def corner(solid: Solid, face, i):
        which = let(face % STRIDE)
        i = let(i % PrismView.corners(solid, face))
        left, right = let(which - 2), let((which - 1) % 3)
        wall = ti.select(i == 0, left, ti.select(i == 1, right, ti.select(i == 2, 3 + right, 3 + left)))
        return let(face - which + ti.select(which == 0, (3 - i) % 3, ti.select(which == 1, 3 + i, wall)))

    @staticmethod
    def between(solid: Solid, first, second):
        i, j = let(first % STRIDE), let(second % STRIDE)
        return let(first - i + 6 * ti.min(i, j) + ti.max(i, j))

    @staticmethod
    def stretch(solid: Solid, k) -> tuple:
        prism, i = let(k // STRIDE * STRIDE), let(k % STRIDE)
        field = field_of(solid)
        d = field.vertex(prism + i % 6) - field.vertex(prism + i // 6)
        return let(0.0), sqrt(d.dot(d))

    @staticmethod
    def degree(solid: Solid, k):
        return let(3)

    @staticmethod
    def neighbour(solid: Solid, k, i):
        """Two at the same height, one below or above."""
        j = let(k % STRIDE)
        return let(k - j + ti.select(i == 2, (j + 3) % 6, j // 3 * 3 + (j + i + 1) % 3))


class Flipped:
    """A sink for a pair whose two geoms are taken in the other order."""

    _data_oriented = True

    def __init__(self, out) -> None:
        self.out, self.scratch = out, out.scratch

    def add(self, p: Vec3, n: Vec3, dist, hint: Vec3, *tags) -> None:
        self.out.add(p, n * -1.0, dist, hint, *tags)


def flipped_bar(bars: ContactBar) -> ContactBar:
    return ContactBar(bars.p_bar, bars.n_bar * -1.0, bars.dist_bar, bars.hint_bar)


@ti.func
def _extent(field: ti.template(), b: ti.template(), vb: ti.template(), k: ti.i32):
    """How far geom b reaches along +x, -x, +y, -y, +z, -z of the field, from its origin."""
    sign = 1.0 - 2.0 * (k % 2)
    axis = Vec3.of(where(k // 2 == 0, sign, 0.0), where(k // 2 == 1, sign, 0.0), where(k // 2 == 2, sign, 0.0))
    d = field.turned(axis)
    lowest, vertex = farthest(vb, b, d)
    return d.dot(b.to_world(vertex) - field.p) + vb.radius(b)


def field_pair(name: str, view) -> Pair:
    """The pair of a height field and a body given by its view."""
    touching, touching_adjoint = (find_curved, curved_adjoint) if view.ROUND else (find_convex, touch_adjoint)

    @ti.func
    def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
        field = Field(a)
        c0, c1, r0, r1, low = 0, 0, 0, 0, let(0.0)
        for k in range(6):
            far = _extent(a, b, view, k)
            x, y = (far + reach + field.half_x) / field.step_x, (far + reach + field.half_y) / field.step_y
            if k == 0:
                c1 = ti.cast(ti.floor(ti.min(x, field.columns - 2.0)), ti.i32)
            if k == 1:
                c0 = ti.cast(ti.floor(ti.max(field.columns - 1.0 - x, 0.0)), ti.i32)
            if k == 2:
                r1 = ti.cast(ti.floor(ti.min(y, field.rows - 2.0)), ti.i32)
            if k == 3:
                r0 = ti.cast(ti.floor(ti.max(field.rows - 1.0 - y, 0.0)), ti.i32)
            if k == 5:
                low = 0.0 - far - reach
        sink = Flipped(out)
        wide = ti.max(c1 - c0 + 1, 0)
        prisms = 2 * wide * ti.max(r1 - r0 + 1, 0)
        limit = ti.min(ti.max(MOST // ti.max(prisms, 1), 1), 4)
        count = 0
        for k in range(prisms):
            prism = 2 * ((r0 + k // 2 // wide) * field.columns + c0 + k // 2 % wide) + k % 2
            top = let(-1e30)
            for i in range(3):
                top = ti.max(top, field.vertex(prism * STRIDE + 3 + i).z)
            if top >= low and count + limit <= MOST:
                count += touching(b, PrismSolid(a, prism, field), view, PrismView, reach, sink, limit)

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
        turned = Tags(contact.normal * -1.0, *contact.values)
        touching_adjoint(b, a, view, PrismView, turned, flipped_bar(bars), b_bar, a_bar)

    return Pair(name, MOST, find, find_adjoint)
