"""The pairs as distances want them: of boxes, hulls and cylinders, where contacts follow rules of their own.

Contacts of two boxes lie along an axis that separates them, which is no distance where they are apart; overlapping bodies rest on a face
that is a little off the direction of least depth, along which the depth is not stationary; straight sides that are nearly parallel touch at
two points, which are not the nearest; a capsule rests on a box along its whole length; and the deepest vertex of overlapping bodies need not
lie over the face it counts from. Distances take the nearest features, and the least depth, in general (convex.py, curved.py).
"""

from genesis.pairs import BOX, CAPSULE, CYLINDER, ELLIPSOID, MESH, PAIRS, SPHERE
from genesis.pairs.convex import convex_pair
from genesis.pairs.curved import curved_pair
from genesis.pairs.hull_view import HullView
from genesis.pairs.round_views import CylinderView, EllipsoidView
from genesis.pairs.solid import Pair
from genesis.pairs.views import BoxView, PointView, SegmentView


class _Box(BoxView):
    """One that rests on nothing."""

    RESTS, SHARP = False, True


class _Hull(HullView):
    """One that rests on nothing."""

    RESTS, SHARP = False, True


class _Cylinder(CylinderView):
    """One that rests on nothing, nor along anything."""

    RESTS, SPINE, SHARP = False, False, True


class _Segment(SegmentView):
    """The axis of a capsule that lies along nothing."""

    SPINE = False


def _apart(codes: tuple[int, int]) -> Pair:
    one, other = (VIEWS[code] for code in codes)
    make = curved_pair if one.ROUND or other.ROUND else convex_pair
    return make(f"{PAIRS[codes].NAME} apart", one, other)


VIEWS = {SPHERE: PointView, CAPSULE: _Segment, ELLIPSOID: EllipsoidView, CYLINDER: _Cylinder, BOX: _Box, MESH: _Hull}
GENERAL = [  # pairs of which at least one has faces, but for those of a sphere whose nearest point has a formula
    *(
        (SPHERE, MESH),
        (CAPSULE, CYLINDER),
        (CAPSULE, BOX),
        (CAPSULE, MESH),
        (ELLIPSOID, CYLINDER),
        (ELLIPSOID, BOX),
        (ELLIPSOID, MESH),
    ),
    *((CYLINDER, CYLINDER), (CYLINDER, BOX), (CYLINDER, MESH), (BOX, BOX), (BOX, MESH), (MESH, MESH)),
]
APART = {**PAIRS, **{codes: _apart(codes) for codes in GENERAL}}
