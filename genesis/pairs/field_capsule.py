"""Height field against capsule (field.py)."""

from genesis.pairs.field import field_pair
from genesis.pairs.views import SegmentView

PAIR = field_pair("hfield-capsule", SegmentView)
