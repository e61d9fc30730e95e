"""One line per entity for what its description has and this version does not simulate."""

from typing import Any

from genesis.log import logger
from genesis.scene.options import RigidOptions


def warn_not_simulated(entities: list[Any], options: RigidOptions) -> None:
    """Warn of contacts, joint limits, dry friction and what the files' readers name, unless the user switched them off."""
    solid = [_solid_links(e) for e in entities]
    touching = sum(solid) > 1 and options.enable_collision is not False and not options.disable_constraint
    for entity, count in zip(entities, solid, strict=True):
        what = []
        if touching and count and entity.n_dofs:
            what.append("contacts")
        joints = [j for link in entity.description.links for j in link.joints]
        limited = [j.name for j in joints if j.limit is not None]
        if limited and options.enable_joint_limit is not False and not options.disable_constraint:
            what.append(f"limits of {_some(limited)}")
        rough = [j.name for j in joints if j.frictionloss]
        if rough:
            what.append(f"dry friction of {_some(rough)}")
        what += [f'equality "{equality.name}" ({equality.type})' for equality in entity.description.equalities]
        what += entity.description.not_simulated
        if what:
            logger.warning('entity "%s": not simulated in this version: %s.', entity.name, "; ".join(what))


def _solid_links(entity: Any) -> int:
    """Links with geometry that could touch something."""
    if not entity.morph.collision:
        return 0
    return len({g.link for g in entity.description.geoms if not g.visual and (g.contype or g.conaffinity)})


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
