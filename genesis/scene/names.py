"""Names of the rows of physical parameters: links, joints, geoms, limits."""

from genesis.model.layout import PARAMETER
from genesis.model.model import Model
from genesis.model.names import entity_of_geom


def row_names(model: Model, field: str) -> list[str]:
    """One name a row of a parameter of links (their names), coordinates, degrees of freedom and limits (their joints', joint.k where a
    joint has several), actuators (their names), geoms (entity/geom), equalities and explicit pairs (their numbers).

    A name may stand for several rows.
    """
    count = PARAMETER[field].count
    if count == "nlink":
        return [link.name for link in model.links]
    if count == "nv":
        return [joint.kind.label(joint.name, k) for joint in model.joints for k in range(joint.nv)]
    if count == "nq":
        return [joint.kind.label(joint.name, k) for joint in model.joints for k in range(joint.nq)]
    if count == "nu":
        return [actuator.name or str(row) for row, actuator in enumerate(model.actuators)]
    if count == "nlimit":
        first = {joint.dof_adr: joint.name for joint in model.joints if joint.nv}
        followed = [int(model.integers["jnt_dof"][joint]) for joint in model.integers["limit_jnt"]]
        return [_covering(first, dof) for dof in followed]
    if count == "ngeom":
        return [geom_label(model, row) for row in range(len(model.contact_geoms))]
    return [str(row) for row in range(model.sizes[count])]


def geom_label(model: Model, row: int) -> str:
    """entity/geom of a row of the table of geoms that can touch; the type stands for a name that is missing."""
    entity, name, kind = entity_of_geom(model, row)
    return f"{entity}/{name or kind}"


def _covering(first: dict[int, str], dof: int) -> str:
    """The joint whose degrees of freedom hold ``dof``."""
    return first[max(adr for adr in first if adr <= dof)]
