"""Joint limits, dry friction and equalities: their rows in the arrays of a model."""

from typing import Any

import numpy as np

from genesis.description.description import Equality
from genesis.description.kinds import SCALARS
from genesis.description.poses import IDENTITY_QUAT, compose, quat_multiply
from genesis.errors import ModelError, UnsupportedError, unknown_name
from genesis.model.builder import Builder, Placed
from genesis.model.chains import Chains
from genesis.model.checks import check_equality
from genesis.model.layout import EQUALITY_TYPES, Rows
from genesis.model.model import EntityInfo
from genesis.model.options import ConstraintRequest


def limits(b: Builder, chains: Chains, request: ConstraintRequest) -> tuple[Rows, Rows]:
    """(integers, parameters) limit_* of every joint with a limit, mimic joints included."""
    on = request.enable_joint_limit and not request.disable_constraint
    limited = b.limited if on else []
    joints = [x.joint for x in limited]
    chain = []
    for x in limited:
        e = b.elementary[x.elementary]
        chain.append(chains.of_dofs(range(e.dof, e.dof + e.kind.nv)))
    integers = dict(limit_jnt=[x.elementary for x in limited], limit_chain=chain)
    parameters: Rows = dict(
        limit_range=[j.limit for j in joints], limit_offset=[x.offset for x in limited],
        limit_margin=[j.limit_margin for j in joints],
        limit_solref=[j.limit_solref for j in joints], limit_solimp=[j.limit_solimp for j in joints],
    )  # fmt: skip
    return integers, parameters


def friction(b: Builder, request: ConstraintRequest) -> Rows:
    """Parameters of dry friction per degree of freedom."""
    loss = np.zeros(len(b.dof_qadr)) if request.disable_constraint else b.dof["frictionloss"]
    return dict(dof_frictionloss=loss, dof_solref=b.dof_solref, dof_solimp=b.dof_solimp)


def equalities(b: Builder, chains: Chains, request: ConstraintRequest) -> tuple[Rows, Rows]:
    """(integers, parameters) eq_*; one between bodies that nothing moves or turns, but together along a line, has no effect and no row.

    Raises: ModelError, UnknownNameError for values, types, links and joints that are no good.
    """
    rows = []
    for placed, entity in zip(b.placed, b.entities, strict=True):
        for equality in () if request.disable_constraint else placed.description.equalities:
            where = f'{entity.source}: equality "{equality.name}"'
            check_equality(where, equality)
            if equality.type not in EQUALITY_TYPES:
                raise unknown_name(where, "equality type", equality.type, EQUALITY_TYPES)
            row = _joints if equality.type == "joint" else _links
            rows += row(where, equality, b, placed, entity, chains)
    names = ("eq_type", "eq_slot1", "eq_slot2", "eq_jnt1", "eq_jnt2", "eq_chain", "eq_data", "eq_solref", "eq_solimp")
    columns: dict[str, list[Any]] = {name: [row[k] for row in rows] for k, name in enumerate(names)}
    columns["eq_active"] = [1] * len(rows)
    parameters = {name: columns.pop(name) for name in ("eq_data", "eq_solref", "eq_solimp")}
    return columns, parameters


def _links(where: str, equality: Equality, b: Builder, placed: Placed, entity: EntityInfo, chains: Chains) -> list[tuple]:
    slots = [_slot(where, name or "world", b, entity) for name in (equality.first, equality.second)]
    chain = chains.between(*slots, apart=True)
    if not chains.dofs[chain]:
        return []
    code = EQUALITY_TYPES.index(equality.type)
    data = _in_the_world(equality, slots, placed)
    return [(code, *slots, -1, -1, chain, data, equality.solref, equality.solimp)]


def _slot(where: str, name: str, b: Builder, entity: EntityInfo) -> int:
    names = {b.links[k].name: k + 1 for k in range(entity.link_start, entity.link_start + entity.n_links)}
    if name not in (slots := {"world": 0} | names):
        raise unknown_name(where, "link", name, slots)
    return slots[name]


def _in_the_world(equality: Equality, slots: list[int], placed: Placed) -> np.ndarray:
    """The data where an anchor on the world stands with the placed entity."""
    data = np.array(equality.data, float)
    if 0 not in slots:
        return data
    first = slots[0] == 0
    at = slice(0, 3) if (equality.type == "connect") == first else slice(3, 6)
    data[at], _ = compose(placed.pos, placed.quat, data[at], IDENTITY_QUAT)
    if equality.type == "weld":  # q_W1 * orientation = q_W2 turns with the entity
        back = placed.quat * np.array([1.0, -1.0, -1.0, -1.0])
        data[6:10] = quat_multiply(placed.quat, data[6:10]) if first else quat_multiply(data[6:10], back)
    return data


def _joints(where: str, equality: Equality, b: Builder, placed: Placed, entity: EntityInfo, chains: Chains) -> list[tuple]:
    mine = range(entity.joint_start, entity.joint_start + entity.n_joints)
    found = {b.joints[k].name: b.joints[k] for k in mine}
    elementary = []
    for name in (equality.first, equality.second):
        if name is None:
            continue
        if name not in found:
            raise unknown_name(where, "joint", name, found)
        if not found[name].kind.scalar:
            raise UnsupportedError(f'{where}: joint "{name}" is a {found[name].type}; allowed: {SCALARS}.')
        elementary.append(b.elementary_of[b.joints.index(found[name])])
    if len(set(elementary)) < len(elementary):
        raise ModelError(f'{where}: joint "{equality.first}" is both its joints; allowed: two different ones, or one.')
    chain = chains.of_dofs(b.elementary[e].dof for e in elementary)
    code = EQUALITY_TYPES.index("joint")
    first, second = (*elementary, -1)[:2]
    return [(code, 0, 0, first, second, chain, equality.data, equality.solref, equality.solimp)]
