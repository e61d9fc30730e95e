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
        left1, left2 = beside(a, view_a, face_a, i, n, b1), beside(a, view_a, face_a, i, n, b2)
        d = b2 - b1
        steep = ti.abs(left1 - left2) > ALONG * ti.sqrt(d.dot(d))
        if steep and ((left1 > slack and left2 < 0.0 - slack) or (left1 < 0.0 - slack and left2 > slack)):
            a1, a2 = corner_point(a, view_a, face_a, i), corner_point(a, view_a, face_a, i + 1)
            right1, right2 = beside(b, view_b, face_b, j, down, a1), beside(b, view_b, face_b, j, down, a2)
            if (right1 > slack and right2 < 0.0 - slack) or (right1 < 0.0 - slack and right2 > slack):
                kind, first, second = EDGE_EDGE, view_a.side(a, face_a, i), view_b.side(b, face_b, j)
    return kind, first, second


@ti.func
def candidates(a: ti.template(), b: ti.template(), view_a: ti.template(), view_b: ti.template(), face_a: ti.i32, face_b: ti.i32):
    """How many candidates two faces have."""
    pairs = view_a.sides(a, face_a) * view_b.sides(b, face_b)
    return view_a.corners(a, face_a) + view_b.corners(b, face_b) + pairs
