"""Colours of what a file gives none: robots warm white and grey, link by link, what stands blue, what moves freely amber, the ground pale."""

from genesis.description.description import Description, Geom
from genesis.replay.replay import Colour

LIMBS: tuple[Colour, ...] = ((0.88, 0.87, 0.84, 1.0), (0.60, 0.60, 0.59, 1.0))  # of robots, by turns along a chain
STANDING: Colour = (0.47, 0.58, 0.70, 1.0)
FREE: Colour = (0.85, 0.60, 0.32, 1.0)
GROUND: Colour = (0.93, 0.94, 0.95, 1.0)
BONE: Colour = (0.80, 0.79, 0.76, 1.0)
ACCENT: Colour = (0.90, 0.45, 0.18, 1.0)  # of the joints of a skeleton
GHOST = 0.3  # opacity of a take that stands behind


def colour_of(description: Description, geom: Geom) -> Colour:
    """The colour of a geom: that of its file, else one of what it belongs to."""
    if geom.coloured or geom.rgba not in ((0.5, 0.5, 0.5, 1.0), (0.7, 0.7, 0.7, 1.0)):
        return geom.rgba
    if geom.type == "plane":
        return GROUND
    if is_robot(description):
        return LIMBS[depth_of(description, geom.link) % len(LIMBS)]
    moves = geom.link >= 0 and bool(description.links[geom.link].joints)
    return FREE if moves else STANDING


def is_robot(description: Description) -> bool:
    """Whether it has joints other than those that float."""
    return any(not joint.kind.floats for link in description.links for joint in link.joints)


def depth_of(description: Description, link: int) -> int:
    """How many moving links lie above a link; what is fixed to another counts with it."""
    depth, at = 0, link
    while at >= 0:
        above = description.links[at].parent
        depth += bool(description.links[at].joints) and above >= 0
        at = above
    return depth
