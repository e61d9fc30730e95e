"""From the arrays of a model back to a description: the inverse of what the builder does with the values of one entity."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from genesis.description.description import Description, Geom, Joint, Link
from genesis.description.poses import quat_multiply, rotate
from genesis.description.write_changes import Beside, joints_of
from genesis.errors import InputError, UnsupportedError, unknown_name
from genesis.model.builder import Placed
from genesis.model.layout import PARAMETER
from genesis.model.model import EntityInfo, JointInfo, Model

DERIVED = ("link_invweight", "dof_invweight")  # made from the others when a model is compiled
FIXED = ("jnt_axis", "jnt_pos", "jnt_scale", "jnt_offset", "jnt_pitch", "limit_offset", "eq_data")
INERTIA = np.array([[0, 3, 4], [3, 1, 5], [4, 5, 2]])  # places of xx yy zz xy xz yz
DOF = {"damping": "dof_damping", "armature": "dof_armature", "stiffness": "dof_stiffness", "frictionloss": "dof_frictionloss"}
GAINS = {"dof_kp": ("Nm/rad", "N/m"), "dof_kv": ("Nms/rad", "Ns/m")}
CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])
Values = Mapping[str, np.ndarray]


@dataclass
class Described:
    """description: with the changed values; beside: those of joint controllers and friction laws, which no robot file has."""

    description: Description
    beside: list[Beside] = field(default_factory=list)


def describe(model: Model, entity: int, placed: Placed, values: Values, before: Values) -> Described:
    """The description of entity number ``entity``, with what differs between ``before`` and ``values``.

    Args:
        placed: its description and pose, as the model was compiled from.
        values: core name -> array of the whole scene; names left out have not changed.
        before: the same names, as described.

    Raises: UnknownNameError, InputError (shape), UnsupportedError naming an element whose change a robot file cannot say.
    """
    changes = _Changes(model, values, before)
    made = _copy(placed.description)
    info = model.entities[entity]
    where = f'entity "{info.name}"'
    for name in FIXED:
        if changes.any(name):
            raise UnsupportedError(f"{where}: {name} has changed; it is not written to robot files.")
    _links(made, info, placed, changes, where)
    beside = _joints(made, model, info, changes, where)
    _limits(made, model, info, changes)
    _geoms(made, model, info, placed, changes)
    beside += _actuators(made, model, info, changes)
    _equalities(made, model, info, changes, where)
    _contacts(made, model, info, changes)
    if changes.any("gravity"):
        made.options = replace(made.options, gravity=tuple(rotate(placed.quat * CONJUGATE, changes.values["gravity"]).tolist()))
    return Described(made, beside)


class _Changes:
    """Arrays that differ, with the rows that do."""

    def __init__(self, model: Model, values: Values, before: Values) -> None:
        self.values: dict[str, np.ndarray] = {}
        self.rows: dict[str, np.ndarray] = {}
        for name, value in values.items():
            if name not in before:
                raise unknown_name("values to write", "physical parameter", name, before)
            value, old = np.asarray(value), np.asarray(before[name])
            if value.shape != old.shape:
                raise InputError(
                    f"values to write: {name} has shape {value.shape}; allowed: {old.shape}, one set for the whole scene."
                )
            if np.isnan(value).any():
                raise InputError(f"values to write: {name} holds a NaN.")
            differs = old.astype(value.dtype) != value
            many = name in PARAMETER and PARAMETER[name].width > 1 and name != "gravity"
            self.values[name] = value.astype(np.float64)
            self.rows[name] = differs.any(-1) if many else differs
        ratio = self.values.pop("friction_ratio", None)
        if ratio is not None and self.rows["friction_ratio"].any():
            friction = self.values.get("geom_friction", np.asarray(before["geom_friction"], np.float64)).copy()
            friction[:, 0] *= ratio
            self.values["geom_friction"] = friction
            self.rows["geom_friction"] = self.rows["friction_ratio"] | self.rows.get("geom_friction", False)

    def any(self, name: str) -> bool:
        return name not in DERIVED and name in self.values and bool(self.rows[name].any())

    def at(self, name: str, row: int) -> np.ndarray | None:
        """The new value of a row, None if it is the old one."""
        return self.values[name][row] if name in self.values and self.rows[name][row] else None


def _copy(d: Description) -> Description:
    """A copy of every part that may change; shapes are shared."""
    links = [replace(link, joints=[replace(joint) for joint in link.joints]) for link in d.links]
    return replace(
        d,
        links=links,
        geoms=[geom.copied() for geom in d.geoms],
        actuators=[replace(actuator) for actuator in d.actuators],
        equalities=[replace(equality) for equality in d.equalities],
        pairs=[replace(pair) for pair in d.pairs],
    )


def _links(made: Description, info: EntityInfo, placed: Placed, changes: _Changes, where: str) -> None:
    for k, link in enumerate(made.links):
        row = info.link_start + k
        if (mass := changes.at("link_mass", row)) is not None:
            link.mass = float(mass)
        if (com := changes.at("link_com", row)) is not None:
            link.com = com
        if (inertia := changes.at("link_inertia", row)) is not None:
            link.inertia = inertia[INERTIA]
        pos, quat = changes.at("link_pos", row), changes.at("link_quat", row)
        if (pos is not None or quat is not None) and any(joint.kind.floats for joint in link.joints):
            raise UnsupportedError(
                f'{where}: link "{link.name}" moves freely; where it is belongs to the state, not to the robot file.'
            )
        link.pos, link.quat = _unplaced(link, pos, quat, placed, link.parent < 0)


def _unplaced(
    part: Link | Geom, pos: np.ndarray | None, quat: np.ndarray | None, placed: Placed, in_world: bool
) -> tuple[np.ndarray, np.ndarray]:
    """New pose of a link or geom, without that of the entity where it stands in the world."""
    back = placed.quat * CONJUGATE
    if pos is not None and in_world:
        pos = rotate(back, pos - placed.pos)
    if quat is not None:
        quat = quat_multiply(back, quat) if in_world else quat
        quat = quat / np.linalg.norm(quat)
    return part.pos if pos is None else pos, part.quat if quat is None else quat


def _joints(made: Description, model: Model, info: EntityInfo, changes: _Changes, where: str) -> list[Beside]:
    beside: list[Beside] = []
    joints = joints_of(made)
    infos = model.joints[info.joint_start : info.joint_start + info.n_joints]
    for joint, place in zip(joints, infos, strict=True):
        if joint.mimic is not None:
            continue
        followers = [j for j in joints if j.mimic is not None and j.mimic.joint == joint.name]
        dofs = range(place.dof_adr, place.dof_adr + place.nv)
        for attribute, name in DOF.items():
            if (value := _shared(changes, name, dofs, joint, where)) is not None:
                _share(joint, followers, attribute, float(value))
        for attribute, name in (("friction_solref", "dof_solref"), ("friction_solimp", "dof_solimp")):
            if (value := _shared(changes, name, dofs, joint, where)) is not None:
                setattr(joint, attribute, tuple(value.tolist()))
        _effort(joint, changes, dofs, where)
        _spring(joint, followers, place, changes, where)
        if (law := _shared(changes, "dof_frictionlaw", dofs, joint, where)) is not None:
            beside.append(Beside("dof_frictionlaw", f'joint "{joint.name}"', law, "-"))
        for name, units in GAINS.items():
            found = [changes.at(name, dof) for dof in dofs]
            if any(value is not None for value in found):
                whole = [float(changes.values[name][dof]) for dof in dofs]
                gains = whole[0] if len(whole) == 1 else whole
                beside.append(Beside(name, f'joint "{joint.name}"', gains, joint.kind.either(*units)))
    return beside


def _shared(changes: _Changes, name: str, dofs: range, joint: Joint, where: str) -> np.ndarray | None:
    """The new value of all degrees of freedom of a joint, None if it is the old one."""
    if all(changes.at(name, dof) is None for dof in dofs):
        return None
    rows = changes.values[name][list(dofs)]
    if name != "dof_stiffness" and (rows != rows[0]).any():  # of a ball joint the first spring counts
        raise UnsupportedError(f'{where}: joint "{joint.name}" has one {name} in a robot file, the values are {rows.tolist()}.')
    return rows[0]


def _share(joint: Joint, followers: list[Joint], attribute: str, total: float) -> None:
    """Give a joint and those that mimic it their parts of a value that the model has once: in proportion to what they had."""
    if all(getattr(follower, attribute) == 0.0 for follower in followers):
        setattr(joint, attribute, total)
        return
    power = 1 if attribute == "frictionloss" else 2
    parts = [abs(f.mimic.multiplier) ** power * getattr(f, attribute) for f in followers if f.mimic is not None]
    ratio = total / (getattr(joint, attribute) + sum(parts))
    for part in (joint, *followers):
        setattr(part, attribute, ratio * getattr(part, attribute))


def _effort(joint: Joint, changes: _Changes, dofs: range, where: str) -> None:
    low, high = (_shared(changes, name, dofs, joint, where) for name in ("dof_force_lo", "dof_force_hi"))
    if low is None and high is None:
        return
    before = joint.effort if joint.effort is not None else (-np.inf, np.inf)
    both = (before[0] if low is None else float(low), before[1] if high is None else float(high))
    joint.effort = None if both == (-np.inf, np.inf) else both


def _spring(joint: Joint, followers: list[Joint], place: JointInfo, changes: _Changes, where: str) -> None:
    """Rest position; with followers that have springs, of the leader's own one: Σ k (rest) of all is that of the model."""
    rows = range(place.qpos_adr, place.qpos_adr + place.nq)
    if all(changes.at("qpos_spring", row) is None for row in rows):
        return
    if not joint.kind.scalar:
        raise UnsupportedError(
            f'{where}: joint "{joint.name}" ({joint.type}) has no rest position in a robot file; qpos_spring is not written.'
        )
    rest = float(changes.values["qpos_spring"][place.qpos_adr])
    springs = [(f, f.mimic) for f in followers if f.mimic is not None and f.stiffness > 0.0]
    if not springs:
        joint.springref = rest
        return
    if joint.stiffness == 0.0:
        raise UnsupportedError(
            f'{where}: joint "{joint.name}" has a spring only through joints that mimic it; qpos_spring is not written.'
        )
    total = joint.stiffness + sum(m.multiplier**2 * f.stiffness for f, m in springs)
    pull = sum(m.multiplier * f.stiffness * (f.springref - m.offset) for f, m in springs)
    joint.springref = (total * rest - pull) / joint.stiffness


def _limits(made: Description, model: Model, info: EntityInfo, changes: _Changes) -> None:
    first, place = {}, 0  # elementary joint -> joint of the scene
    for k, whole in enumerate(model.joints):
        first[place] = k - info.joint_start
        place += whole.kind.elements
    joints = joints_of(made)
    for row, elementary in enumerate(model.integers["limit_jnt"]):
        if not 0 <= first[int(elementary)] < len(joints):
            continue
        joint = joints[first[int(elementary)]]
        if (limit := changes.at("limit_range", row)) is not None:
            joint.limit = (float(limit[0]), float(limit[1]))
        if (margin := changes.at("limit_margin", row)) is not None:
            joint.limit_margin = float(margin)
        for name in ("limit_solref", "limit_solimp"):
            if (value := changes.at(name, row)) is not None:
                setattr(joint, name, tuple(value.tolist()))


def _geoms(made: Description, model: Model, info: EntityInfo, placed: Placed, changes: _Changes) -> None:
    for row, number in enumerate(model.contact_geoms):
        if not 0 <= number - info.geom_start < info.n_geoms:
            continue
        geom = made.geoms[number - info.geom_start]
        for name in ("friction", "solref", "solimp"):
            if (value := changes.at(f"geom_{name}", row)) is not None:
                setattr(geom, name, tuple(value.tolist()))
        for name in ("margin", "gap", "solmix"):
            if (value := changes.at(f"geom_{name}", row)) is not None:
                setattr(geom, name, float(value))
        if (size := changes.at("geom_size", row)) is not None:
            geom.size = size
        geom.pos, geom.quat = _unplaced(geom, changes.at("geom_pos", row), changes.at("geom_quat", row), placed, geom.link < 0)


def _actuators(made: Description, model: Model, info: EntityInfo, changes: _Changes) -> list[Beside]:
    mimics = {joint.name: joint.mimic for joint in joints_of(made) if joint.mimic is not None}
    beside: list[Beside] = []
    for k, actuator in enumerate(made.actuators):
        row, entry = info.act_start + k, int(model.integers["act_trnadr"][info.act_start + k])
        if (law := changes.at("act_frictionlaw", row)) is not None:
            beside.append(Beside("act_frictionlaw", f'actuator "{actuator.name}"', law, "-"))
        if (gain := changes.at("act_gain", row)) is not None:
            actuator.gain = float(gain)
        transmission, shift = [], 0.0
        for name, coef in actuator.transmission:
            values = np.atleast_1d(coef).copy()
            multiplier = mimics[name].multiplier if name in mimics else 1.0
            for i in np.flatnonzero(values * multiplier):
                if (new := changes.at("trn_coef", entry)) is not None:
                    values[i] = float(new) / multiplier
                entry += 1
            transmission.append((name, values))
            shift += float(values[0]) * (mimics[name].offset if name in mimics else 0.0)
        found = [changes.at(f"act_bias{i}", row) for i in range(3)]
        bias = [before if new is None else float(new) for before, new in zip(actuator.bias, found, strict=True)]
        if found[0] is not None:  # that of the model holds the offsets of mimic joints too
            bias[0] -= bias[1] * shift
        actuator.transmission, actuator.bias = transmission, (bias[0], bias[1], bias[2])
        for attribute, names in (("ctrlrange", ("ctrl_lo", "ctrl_hi")), ("forcerange", ("force_lo", "force_hi"))):
            ends = [changes.at(name, row) for name in names]
            if any(end is not None for end in ends):
                before_range = getattr(actuator, attribute) or (-np.inf, np.inf)
                both = tuple(b if end is None else float(end) for b, end in zip(before_range, ends, strict=True))
                setattr(actuator, attribute, None if both == (-np.inf, np.inf) else both)
    return beside


def _equalities(made: Description, model: Model, info: EntityInfo, changes: _Changes, where: str) -> None:
    """solref and solimp; rows of the entity are those between its links or joints."""
    if not (changes.any("eq_solref") or changes.any("eq_solimp")):
        return
    owner = [0, *(entity for entity in range(len(model.entities)) for _ in range(model.entities[entity].n_links))]
    joints = [j.entity for j in model.joints for _ in range(j.kind.elements)]
    number = model.entities.index(info)
    rows = []
    for row in range(model.sizes["neq"]):
        slot = max(int(model.integers["eq_slot1"][row]), int(model.integers["eq_slot2"][row]))
        if (owner[slot] if slot else joints[int(model.integers["eq_jnt1"][row])]) == number:
            rows.append(row)
    if len(rows) != len(made.equalities):
        raise UnsupportedError(f"{where}: some equalities have no effect in this scene; eq_solref and eq_solimp are not written.")
    for row, equality in zip(rows, made.equalities, strict=True):
        for name in ("solref", "solimp"):
            if (value := changes.at(f"eq_{name}", row)) is not None:
                setattr(equality, name, tuple(value.tolist()))


def _contacts(made: Description, model: Model, info: EntityInfo, changes: _Changes) -> None:
    """Explicit pairs, found by their two geoms."""
    names = {"friction": "friction", "solref": "solref", "solref_friction": "solreffriction", "solimp": "solimp"}
    for candidate, row in enumerate(model.integers["cand_explicit"]):
        ends = [model.contact_geoms[int(model.integers[f"cand_geom{i}"][candidate])] - info.geom_start for i in (1, 2)]
        if row < 0 or not all(0 <= end < info.n_geoms for end in ends):
            continue
        touching = {made.geoms[end].name for end in ends}
        pair = next(pair for pair in made.pairs if {pair.geom1, pair.geom2} == touching)
        for attribute, name in names.items():
            if (value := changes.at(f"xpair_{name}", int(row))) is not None:
                setattr(pair, attribute, tuple(value.tolist()))
        for attribute in ("margin", "gap"):
            if (value := changes.at(f"xpair_{attribute}", int(row))) is not None:
                setattr(pair, attribute, float(value))
