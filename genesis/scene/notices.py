"""What a model has and this version does not simulate, one line per entity and one for pairs of shapes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genesis.grad.physics import Physics
from genesis.log import logger
from genesis.model.layout import GEOM_TYPES

if TYPE_CHECKING:
    from genesis.scene.entity import RigidEntity


def warn_not_simulated(entities: Sequence["RigidEntity"], physics: Physics) -> None:
    """Warn of what the files' readers name, and of pairs of geoms that may meet and have no collision."""
    for entity in entities:
        if entity.description.not_simulated:
            logger.warning(
                'entity "%s": not simulated in this version: %s.', entity.name, "; ".join(entity.description.not_simulated)
            )
    missing = physics.constraints.missing if physics.constraints else ()
    if missing:
        pairs = ", ".join(f"{GEOM_TYPES[a]} and {GEOM_TYPES[b]}" for a, b in missing)
        logger.warning("contacts are not simulated in this version between %s: they pass through each other.", pairs)
