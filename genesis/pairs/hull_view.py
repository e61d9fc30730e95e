"""How the pairs see a convex hull (layout: hull.py): the same view as `BoxView`.

Vertex and face: their numbers. Edge: first vertex * EDGES + second vertex.
"""

import taichi as ti

from genesis.description.hulls import MOST_CORNERS
from genesis.math.lanes import let, load, sqrt
from genesis.math.rotation import Vec3
from genesis.pairs.solid import Solid
from genesis.pairs.views import Polytope

EDGES = MOST_CORNERS  # vertices are numbered below it

VERTICES, NORMALS, FACE_FIRST, LOOPS, NEAR_FIRST, NEAR = 2, 3, 4, 5, 6, 7  # places in the header


def header(solid: Solid, k: int):
    return load(solid.integers, solid.data + k)


def entry(solid: Solid, block: int, k):
    """k-th number of a block of the hull."""
    return load(solid.integers, solid.data + header(solid, block) + k)


def _real3(solid: Solid, block: int, k) -> Vec3:
    first = let(header(solid, block) + 3 * k)
    return Vec3(*(load(solid.shapes, first + i) for i in range(3)))


_STILL = Vec3(0.0, 0.0, 0.0)  # a hull has no size to move with


@ti.func
def hull_support(solid: ti.template(), direction: ti.template(), start: ti.i32):
    """The vertex farthest along a world direction: from neighbour to neighbour, which on a convex body finds the best of all."""
    local = solid.turned_back(direction)
    best = start
    reached = local.dot(HullView.place(solid, best))
    moving = True
    while moving:
        moving = False
        here = best
        for i in range(entry(solid, NEAR_FIRST, here), entry(solid, NEAR_FIRST, here + 1)):
            other = entry(solid, NEAR, i)
            value = local.dot(HullView.place(solid, other))
            if value > reached:
                best, reached, moving = other, value, True
    return best


@ti.func
def hull_face_towards(solid: ti.template(), direction: ti.template()):
    """The face whose normal is nearest to a world direction."""
    local = solid.turned_back(direction)
    best, reached = 0, let(-2.0)
    for k in range(header(solid, 1)):
        value = local.dot(HullView.normal(solid, k))
        if value > reached:
            best, reached = k, value
    return best


class HullView(Polytope):
    FACES, RESTS, ROUND, SPINE, OPTIONS = True, True, False, False, 4

    @staticmethod
    def place(solid: Solid, k) -> Vec3:
        return _real3(solid, VERTICES, k)

    @staticmethod
    def normal(solid: Solid, k) -> Vec3:
        return _real3(solid, NORMALS, k)

    @staticmethod
    def vertex(solid: Solid, k) -> tuple:
        return HullView.place(solid, k), _STILL

    @staticmethod
    def edge(solid: Solid, k) -> tuple:
        first = HullView.place(solid, let(k // EDGES))
        d = HullView.place(solid, let(k % EDGES)) - first
        return first, d * let(1.0 / sqrt(d.dot(d))), _STILL

    @staticmethod
    def face(solid: Solid, k) -> tuple:
        return HullView.place(solid, HullView.corner(solid, k, 0)), HullView.normal(solid, k), _STILL

    @staticmethod
    def corners(solid: Solid, face):
        return let(entry(solid, FACE_FIRST, face + 1) - entry(solid, FACE_FIRST, face))

    sides = corners

    @staticmethod
    def corner(solid: Solid, face, i):
        return entry(solid, LOOPS, entry(solid, FACE_FIRST, face) + i % HullView.sides(solid, face))

    @staticmethod
    def between(solid: Solid, first, second):
        """The edge between two vertices, the smaller number first."""
        return let(ti.min(first, second) * EDGES + ti.max(first, second))

    @staticmethod
    def stretch(solid: Solid, k) -> tuple:
        d = HullView.place(solid, let(k % EDGES)) - HullView.place(solid, let(k // EDGES))
        return let(0.0), sqrt(d.dot(d))

    @staticmethod
    def degree(solid: Solid, k):
        return let(entry(solid, NEAR_FIRST, k + 1) - entry(solid, NEAR_FIRST, k))

    @staticmethod
    def neighbour(solid: Solid, k, i):
        return entry(solid, NEAR, entry(solid, NEAR_FIRST, k) + i)

    support = staticmethod(hull_support)
    face_towards = staticmethod(hull_face_towards)
