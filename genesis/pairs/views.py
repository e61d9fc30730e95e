"""Primitives seen as polytopes: a box, the core of a sphere (a point) and of a capsule (a segment).

A view answers: vertex (position, signs), edge (a point, direction, signs) and how far it stretches, face (a point, outward normal,
signs), the corners and sides of a face in turn, the edge between two vertices, the vertices that share an edge with one, the vertex
farthest along a direction, the face that looks most along it, and the radius around it all. Where there is no face, corners still lists
the vertices, so that they are tried as contacts. RESTS: whether overlapping bodies of this kind rest on a side that they nearly lie on
(convex.py). ROUND: whether vertices move with the direction they are sought in (round_views.py). SPINE: whether the body is round about
a straight axis. SHARP: whether of overlapping bodies the least depth is wanted to rounding, of whatever vertex (apart.py). OPTIONS: how many
features near a direction are tried (curved.py).
"""

import taichi as ti

from genesis.math.lanes import let, where
from genesis.math.rotation import Vec3
from genesis.pairs.features import times
from genesis.pairs.solid import Solid, SolidBar, vec


@ti.func
def _box_support(solid: ti.template(), direction: ti.template(), start: ti.i32):
    local = solid.turned_back(direction)
    return where(local.x > 0.0, 1, 0) + where(local.y > 0.0, 2, 0) + where(local.z > 0.0, 4, 0)


@ti.func
def _box_face_towards(solid: ti.template(), direction: ti.template()):
    local = solid.turned_back(direction)
    x, y, z = let(ti.abs(local.x)), let(ti.abs(local.y)), let(ti.abs(local.z))
    axis = where(ti.max(y, z) < x, 0, where(z < y, 1, 2))
    along = where(axis == 0, local.x, where(axis == 1, local.y, local.z))
    return axis + where(along > 0.0, 0, 3)


class Unrounded:
    """A body whose surface is that of its features: nothing is blown up by a radius."""

    SHARP = False

    @staticmethod
    def radius(solid: Solid):
        return 0.0

    @staticmethod
    def add_radius(bar: SolidBar, value) -> None:
        pass


class Polytope(Unrounded):
    """What bodies of flat faces share; ``between`` and ``corner`` are the view's own. The shape is constant, but for a box."""

    @classmethod
    def side(cls, solid: Solid, face, i):
        """The edge from corner i of a face to the next."""
        return cls.between(solid, cls.corner(solid, face, i), cls.corner(solid, face, i + 1))

    @staticmethod
    def grow(solid: Solid, bar: SolidBar, signs: Vec3, local: Vec3) -> None:
        pass


class BoxView(Polytope):
    """A box. Vertex: bits of the positive coordinates. Edge: 8 axis + a vertex on it. Face: axis + 3 if it is the negative one."""

    FACES, RESTS, ROUND, SPINE, OPTIONS = True, True, False, False, 4
    support = staticmethod(_box_support)
    face_towards = staticmethod(_box_face_towards)

    @staticmethod
    def vertex(solid: Solid, k) -> tuple:
        signs = Vec3(*(where((k & (1 << i)) != 0, 1.0, -1.0) for i in range(3)))
        return times(signs, solid.size), signs

    @staticmethod
    def edge(solid: Solid, k) -> tuple:
        axis = let(k // 8)
        d = Vec3(*(where(axis == i, 1.0, 0.0) for i in range(3)))
        signs = Vec3(*(where(axis == i, 0.0, where((k & (1 << i)) != 0, 1.0, -1.0)) for i in range(3)))
        return times(signs, solid.size), d, signs

    @staticmethod
    def face(solid: Solid, k) -> tuple:
        axis, sign = let(k % 3), where(k < 3, 1.0, -1.0)
        n = Vec3(*(where(axis == i, sign, 0.0) for i in range(3)))
        return times(n, solid.size), n, n

    @staticmethod
    def corners(solid: Solid, face):
        return let(4)

    sides = corners

    @staticmethod
    def corner(solid: Solid, face, i):
        """The i-th vertex of a face, counterclockwise seen from outside; i may run one turn over."""
        axis, down = let(face % 3), let(face // 3)
        i = let(i % 4)
        plus = [let(ti.select((i == 1) | (i == 2), 0, 1)), let(ti.select(i >= 2, 0, 1))]
        u, v = (let(ti.select(down == 1, plus[1 - k], plus[k])) for k in range(2))
        return let(((1 - down) << axis) | (u << ((axis + 1) % 3)) | (v << ((axis + 2) % 3)))

    @staticmethod
    def between(solid: Solid, first, second):
        """The edge between two vertices that differ in one bit; without that bit, so that it has one number."""
        bit = let((first ^ second) & 7)
        return let(8 * ti.min(bit >> 1, 2) + (first & second))

    @staticmethod
    def stretch(solid: Solid, k) -> tuple:
        """Where an edge begins and ends along its direction, from its point on."""
        half = where(k // 8 == 0, solid.size.x, where(k // 8 == 1, solid.size.y, solid.size.z))
        return let(0.0 - half), half

    @staticmethod
    def degree(solid: Solid, k):
        return let(3)

    @staticmethod
    def neighbour(solid: Solid, k, i):
        return let(k ^ (1 << i))

    @staticmethod
    def grow(solid: Solid, bar: SolidBar, signs: Vec3, local: Vec3) -> None:
        bar.add_size(times(signs, local))


@ti.func
def _no_support(solid: ti.template(), direction: ti.template(), start: ti.i32):
    return 0


@ti.func
def _no_face_towards(solid: ti.template(), direction: ti.template()):
    return 0


class PointView:
    """The centre of a sphere."""

    FACES, RESTS, ROUND, SPINE, SHARP, OPTIONS = False, False, False, False, False, 1
    support = staticmethod(_no_support)
    face_towards = staticmethod(_no_face_towards)

    @staticmethod
    def vertex(solid: Solid, k) -> tuple:
        return vec(), vec()

    @staticmethod
    def edge(solid: Solid, k) -> tuple:
        return vec(), vec(0.0, 0.0, 1.0), vec()

    @staticmethod
    def face(solid: Solid, k) -> tuple:
        return vec(), vec(0.0, 0.0, 1.0), vec()

    @staticmethod
    def corners(solid: Solid, face):
        return let(1)

    @staticmethod
    def sides(solid: Solid, face):
        return let(0)

    @staticmethod
    def corner(solid: Solid, face, i):
        return let(0)

    @staticmethod
    def between(solid: Solid, first, second):
        return let(0)

    side = corner

    @staticmethod
    def grow(solid: Solid, bar: SolidBar, signs: Vec3, local: Vec3) -> None:
        pass

    @staticmethod
    def radius(solid: Solid):
        return solid.size.x

    @staticmethod
    def add_radius(bar: SolidBar, value) -> None:
        bar.add_size(vec(value))


@ti.func
def _segment_support(solid: ti.template(), direction: ti.template(), start: ti.i32):
    return where(direction.dot(solid.r.column(2)) > 0.0, 1, 0)


class SegmentView(PointView):
    """The axis of a capsule: vertices 0 (lower) and 1, one edge."""

    SPINE, OPTIONS = True, 2

    support = staticmethod(_segment_support)

    @staticmethod
    def vertex(solid: Solid, k) -> tuple:
        sign = where(k == 1, 1.0, -1.0)
        return vec(0.0, 0.0, sign * solid.size.y), vec(0.0, 0.0, sign)

    @staticmethod
    def grow(solid: Solid, bar: SolidBar, signs: Vec3, local: Vec3) -> None:
        bar.add_size(vec(0.0, signs.z * local.z))

    @staticmethod
    def stretch(solid: Solid, k) -> tuple:
        return let(0.0 - solid.size.y), solid.size.y

    @staticmethod
    def corners(solid: Solid, face):
        return let(2)

    @staticmethod
    def sides(solid: Solid, face):
        return let(1)

    @staticmethod
    def corner(solid: Solid, face, i):
        return let(i % 2)
