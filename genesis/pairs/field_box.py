"""Height field against box (field.py)."""

from genesis.pairs.field import field_pair
from genesis.pairs.views import BoxView

PAIR = field_pair("hfield-box", BoxView)
