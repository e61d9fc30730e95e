"""Cylinder against convex hull: curved bodies in general (curved.py)."""

from genesis.pairs.curved import curved_pair
from genesis.pairs.hull_view import HullView
from genesis.pairs.round_views import CylinderView

PAIR = curved_pair("cylinder-mesh", CylinderView, HullView)
