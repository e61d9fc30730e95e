"""Height field against ellipsoid (field.py)."""

from genesis.pairs.field import field_pair
from genesis.pairs.round_views import EllipsoidView

PAIR = field_pair("hfield-ellipsoid", EllipsoidView)
