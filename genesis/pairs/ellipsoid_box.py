"""Ellipsoid against box: curved bodies in general (curved.py)."""

from genesis.pairs.curved import curved_pair
from genesis.pairs.round_views import EllipsoidView
from genesis.pairs.views import BoxView

PAIR = curved_pair("ellipsoid-box", EllipsoidView, BoxView)
