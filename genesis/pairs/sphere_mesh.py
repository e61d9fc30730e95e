"""Sphere against convex hull: polytopes in general (convex.py)."""

from genesis.pairs.convex import convex_pair
from genesis.pairs.hull_view import HullView
from genesis.pairs.views import PointView

PAIR = convex_pair("sphere-mesh", PointView, HullView)
