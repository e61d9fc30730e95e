"""Capsule against cylinder: curved bodies in general (curved.py)."""

from genesis.pairs.curved import curved_pair
from genesis.pairs.round_views import CylinderView
from genesis.pairs.views import SegmentView

PAIR = curved_pair("capsule-cylinder", SegmentView, CylinderView)
