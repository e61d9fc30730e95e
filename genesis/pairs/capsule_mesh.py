"""Capsule against convex hull: polytopes in general (convex.py)."""

from genesis.pairs.convex import convex_pair
from genesis.pairs.hull_view import HullView
from genesis.pairs.views import SegmentView

PAIR = convex_pair("capsule-mesh", SegmentView, HullView)
