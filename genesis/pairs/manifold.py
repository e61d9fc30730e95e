"""Overlap of two faces that lie on each other: which features of them meet along a normal.

The polygons are seen along n. Their overlap has three sorts of corners, found one by one without storing polygons: corners of the
incident face inside the reference face, crossings of two sides, corners of the reference face inside the incident face.
A slack decides ties once for all sorts, so that coinciding corners and sides give each point exactly once.
"""

import taichi as ti

from genesis.math.lanes import let
from genesis.math.rotation import Vec3
from genesis.pairs.features import EDGE_EDGE, FACE_VERTEX, VERTEX_FACE

ALONG = (
    1e-3  # sides that cross at a smaller angle run along each other: their crossing slides far for nothing, and bounds a sliver
)


def beside(solid, view, face, i, n: Vec3, x: Vec3):
    """How far x lies to the left of the i-th side of a face, seen against n."""
    start, _ = view.vertex(solid, view.corner(solid, face, i))
    end, _ = view.vertex(solid, view.corner(solid, face, i + 1))
    begin = solid.to_world(start)
    d = solid.to_world(end) - begin
    return let(n.dot(d.cross(x - begin)) / ti.sqrt(d.dot(d)))


def corner_point(solid, view, face, i) -> Vec3:
    local, _ = view.vertex(solid, view.corner(solid, face, i))
    return solid.to_world(local)


@ti.func
def inside(solid: ti.template(), view: ti.template(), face: ti.i32, n: ti.template(), x: ti.template(), slack: ti.template()):
    """Whether x lies over a face, its border included. n: along the outward normal of the face, roughly."""
    sides = view.sides(solid, face)
    result = sides > 2
    for i in range(sides):
        if beside(solid, view, face, i, n, x) < 0.0 - slack:
            result = False
            break
    return result


@ti.func
def is_corner(solid: ti.template(), view: ti.template(), face: ti.i32, n: ti.template(), x: ti.template(), slack: ti.template()):
    """Whether x coincides with a corner of the face, seen along n."""
    result = False
    for i in range(view.corners(solid, face)):
        d = corner_point(solid, view, face, i) - x
        across = d - n * n.dot(d)
        if across.dot(across) < 4.0 * slack * slack:
            result = True
            break
    return result


def between(x, y, slack):
    """Whether zero lies between x and y."""
    return ((x > slack) & (y < 0.0 - slack)) | ((x < 0.0 - slack) & (y > slack))


@ti.func
def crossed(
    solid: ti.template(), view: ti.template(), face: ti.i32, i: ti.i32, other: ti.template(), other_view: ti.template(),
    line: ti.i32, j: ti.i32, n: ti.template(), slack: ti.template(),
):  # fmt: skip
    """Whether the i-th side of a face crosses the j-th of another, taken as endless; n: along the outward normal of the other face.

    A lone line (one side) has no inside to which a corner on it could belong. There one of the two sides that meet on it takes that corner: the
    left one, or both ends of a side that lies on the line.
    """
    last = view.corners(solid, face)
    here = beside(other, other_view, line, j, n, corner_point(solid, view, face, i))
    there = beside(other, other_view, line, j, n, corner_point(solid, view, face, i + 1))
    result = between(here, there, slack)
    if other_view.sides(other, line) == 1 and view.sides(solid, face) > 2 and not result:
        if ti.abs(there) <= slack and ti.abs(here) > slack:
            beyond = beside(other, other_view, line, j, n, corner_point(solid, view, face, i + 2))
            result = here > 0.0 or beyond <= slack
        elif ti.abs(here) <= slack and ti.abs(there) > slack:
            before = beside(other, other_view, line, j, n, corner_point(solid, view, face, i + last - 1))
            result = there > 0.0 or before <= slack
    return result


@ti.func
def candidate(
    a: ti.template(),
    b: ti.template(),
    view_a: ti.template(),
    view_b: ti.template(),
    face_a: ti.i32,
    face_b: ti.i32,
    n: ti.template(),
    k: ti.i32,
    swapped: ti.i32,
    slack: ti.template(),
):
    """The k-th candidate for a corner of the overlap: (kind, feature of a, feature of b), kind -1 if it is none.

    Candidates: corners of b's face, corners of a's face, pairs of sides. swapped: a's face is the incident one, so its corners win ties.
    """
    corners_a, corners_b, sides_b = view_a.corners(a, face_a), view_b.corners(b, face_b), view_b.sides(b, face_b)
    kind, first, second = -1, 0, 0
    down = n * -1.0
    if k < corners_b:
        x = corner_point(b, view_b, face_b, k)
        if inside(a, view_a, face_a, n, x, slack):
            if swapped == 0 or not is_corner(a, view_a, face_a, n, x, slack):
                kind, first, second = FACE_VERTEX, face_a, view_b.corner(b, face_b, k)
    elif k < corners_b + corners_a:
        y = corner_point(a, view_a, face_a, k - corners_b)
        if inside(b, view_b, face_b, down, y, slack):
            if swapped != 0 or not is_corner(b, view_b, face_b, down, y, slack):
                kind, first, second = VERTEX_FACE, view_a.corner(a, face_a, k - corners_b), face_b
    else:
        i, j = (k - corners_b - corners_a) // sides_b, (k - corners_b - corners_a) % sides_b
        b1, b2 = corner_point(b, view_b, face_b, j), corner_point(b, view_b, face_b, j + 1)
        d = b2 - b1
        slope = beside(a, view_a, face_a, i, n, b1) - beside(a, view_a, face_a, i, n, b2)
        if ti.abs(slope) > ALONG * ti.sqrt(d.dot(d)) and crossed(b, view_b, face_b, j, a, view_a, face_a, i, n, slack):
            if crossed(a, view_a, face_a, i, b, view_b, face_b, j, down, slack):
                kind, first, second = EDGE_EDGE, view_a.side(a, face_a, i), view_b.side(b, face_b, j)
    return kind, first, second


@ti.func
def candidates(a: ti.template(), b: ti.template(), view_a: ti.template(), view_b: ti.template(), face_a: ti.i32, face_b: ti.i32):
    """How many candidates two faces have."""
    pairs = view_a.sides(a, face_a) * view_b.sides(b, face_b)
    return view_a.corners(a, face_a) + view_b.corners(b, face_b) + pairs
