"""Height field against sphere (field.py)."""

from genesis.pairs.field import field_pair
from genesis.pairs.views import PointView

PAIR = field_pair("hfield-sphere", PointView)
