"""Height field against convex hull (field.py)."""

from genesis.pairs.field import field_pair
from genesis.pairs.hull_view import HullView

PAIR = field_pair("hfield-mesh", HullView)
