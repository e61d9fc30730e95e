"""Robot files to descriptions."""

from genesis.description.mjcf import read_mjcf
from genesis.description.urdf import read_urdf

__all__ = ["read_mjcf", "read_urdf"]
