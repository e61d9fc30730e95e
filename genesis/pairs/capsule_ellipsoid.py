"""Capsule against ellipsoid: curved bodies in general (curved.py)."""

from genesis.pairs.curved import curved_pair
from genesis.pairs.round_views import EllipsoidView
from genesis.pairs.views import SegmentView

PAIR = curved_pair("capsule-ellipsoid", SegmentView, EllipsoidView)
