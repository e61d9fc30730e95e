"""Height field against cylinder (field.py)."""

from genesis.pairs.field import field_pair
from genesis.pairs.round_views import CylinderView

PAIR = field_pair("hfield-cylinder", CylinderView)
