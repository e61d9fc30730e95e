"""Ellipsoid against ellipsoid: curved bodies in general (curved.py)."""

from genesis.pairs.curved import curved_pair
from genesis.pairs.round_views import EllipsoidView

PAIR = curved_pair("ellipsoid-ellipsoid", EllipsoidView, EllipsoidView)
