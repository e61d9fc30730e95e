"""Cylinder against cylinder: curved bodies in general (curved.py)."""

from genesis.pairs.curved import curved_pair
from genesis.pairs.round_views import CylinderView

PAIR = curved_pair("cylinder-cylinder", CylinderView, CylinderView)
