"""The pairs as distances want them: of boxes, hulls and cylinders, where contacts follow rules of their own.

Contacts of two boxes lie along an axis that separates them, which is no distance where they are apart; overlapping bodies rest on a face
that is a little off the direction of least depth, along which the depth is not stationary; and a capsule rests on a box along its whole
length. Distances take the nearest features, and the least depth, in general (convex.py, curved.py).
"""

from genesis.pairs import BOX, CAPSULE, CYLINDER, MESH, PAIRS
from genesis.pairs.convex import convex_pair
from genesis.pairs.curved import curved_pair
from genesis.pairs.hull_view import HullView
from genesis.pairs.round_views import CylinderView
from genesis.pairs.views import BoxView, SegmentView


class _Box(BoxView):
    """One that rests on nothing."""

    RESTS = False


class _Hull(HullView):
    """One that rests on nothing."""

    RESTS = False


class _Cylinder(CylinderView):
    """One that rests on nothing."""

    RESTS = False


APART = {
    **PAIRS,
    (CAPSULE, BOX): convex_pair("capsule-box apart", SegmentView, _Box),
    (CYLINDER, CYLINDER): curved_pair("cylinder-cylinder apart", _Cylinder, _Cylinder),
    (CYLINDER, BOX): curved_pair("cylinder-box apart", _Cylinder, _Box),
    (CYLINDER, MESH): curved_pair("cylinder-mesh apart", _Cylinder, _Hull),
    (BOX, BOX): convex_pair("box-box apart", _Box, _Box),
    (BOX, MESH): convex_pair("box-mesh apart", _Box, _Hull),
    (MESH, MESH): convex_pair("mesh-mesh apart", _Hull, _Hull),
}
