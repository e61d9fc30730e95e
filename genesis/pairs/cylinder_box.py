"""Cylinder against box: curved bodies in general (curved.py)."""

from genesis.pairs.curved import curved_pair
from genesis.pairs.round_views import CylinderView
from genesis.pairs.views import BoxView

PAIR = curved_pair("cylinder-box", CylinderView, BoxView)
