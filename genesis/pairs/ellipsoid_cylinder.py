"""Ellipsoid against cylinder: curved bodies in general (curved.py)."""

from genesis.pairs.curved import curved_pair
from genesis.pairs.round_views import CylinderView, EllipsoidView

PAIR = curved_pair("ellipsoid-cylinder", EllipsoidView, CylinderView)
