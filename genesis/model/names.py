"""What rows of a model are called in messages: joints, geoms, constraints."""

from genesis.model.layout import EQUALITY_TYPES
from genesis.model.model import Model


def entity_of_geom(model: Model, row: int) -> tuple[str, str, str]:
    """(entity, name or "", type) of a row of the table of geoms that can touch."""
    k = model.contact_geoms[row]
    entity = next(e for e in model.entities if e.geom_start <= k < e.geom_start + e.n_geoms)
    return entity.name, model.geoms[k].name or "", model.geoms[k].type


def geom_name(model: Model, row: int) -> str:
    """`geom "name" of "entity"`, or by the type of a geom without a name; row of the table of contact geoms."""
    entity, name, kind = entity_of_geom(model, row)
    return f'geom "{name}" of "{entity}"' if name else f'the {kind} of "{entity}"'


def coordinate_name(model: Model, column: int) -> str:
    """`entity/joint` of a coordinate of the scene."""
    for joint in model.joints:
        if joint.qpos_adr <= column < joint.qpos_adr + joint.nq:
            return f"{model.entities[joint.entity].name}/{joint.name}"
    return str(column)


def dof_name(model: Model, dof: int) -> str:
    """`entity/joint` of a degree of freedom of the scene, with its number if the joint has several."""
    for joint in model.joints:
        if joint.dof_adr <= dof < joint.dof_adr + joint.nv:
            number = f"[{dof - joint.dof_adr}]" if joint.nv > 1 else ""
            return f"{model.entities[joint.entity].name}/{joint.name}{number}"
    return str(dof)


def contact_name(model: Model, candidate: int) -> str:
    """By its two geoms."""
    first, second = (geom_name(model, int(model.integers[f"cand_geom{k}"][candidate])) for k in (1, 2))
    return f"the contact between {first} and {second}"


def limit_name(model: Model, row: int) -> str:
    """By its degree of freedom."""
    return f'the limit of "{dof_name(model, _dof(model, int(model.integers["limit_jnt"][row])))}"'


def dry_friction_name(model: Model, dof: int) -> str:
    """By its degree of freedom."""
    return f'the dry friction of "{dof_name(model, dof)}"'


def equality_name(model: Model, row: int) -> str:
    """By its type and its two ends."""
    kind = EQUALITY_TYPES[int(model.integers["eq_type"][row])]
    if kind == "joint":
        joints = [int(model.integers[f"eq_jnt{k}"][row]) for k in (1, 2)]
        ends = [f'"{dof_name(model, _dof(model, j))}"' for j in joints if j >= 0]
    else:
        slots = [int(model.integers[f"eq_slot{k}"][row]) for k in (1, 2)]
        ends = [f'"{model.links[slot - 1].name}"' if slot else "the world" for slot in slots]
    return f"the {kind} equality of {' and '.join(ends)}"


CONSTRAINTS = {"equality": equality_name, "dry friction": dry_friction_name, "limit": limit_name, "contact": contact_name}


def constraint_name(model: Model, kind: str, index: int) -> str:
    """Of a constraint of one of the kinds of `dynamics.constraints.ledger.SOURCES`."""
    return CONSTRAINTS[kind](model, index)


def _dof(model: Model, joint: int) -> int:
    """First degree of freedom of an elementary joint."""
    return int(model.integers["jnt_dof"][joint])
