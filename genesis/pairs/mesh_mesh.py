"""Mesh against convex hull: polytopes in general (convex.py)."""

from genesis.pairs.convex import convex_pair
from genesis.pairs.hull_view import HullView

PAIR = convex_pair("mesh-mesh", HullView, HullView)
