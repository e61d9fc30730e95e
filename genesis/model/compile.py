"""From descriptions to a Model: joints become elementary joints, trees become index arrays, units are checked.

A free joint becomes three slides along the world axes and a ball, which have the same coordinates and velocities.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from genesis.description.description import JOINT_NQ, JOINT_NV, Actuator, Description, Joint, Link, Mimic
from genesis.errors import ModelError, UnsupportedError, unknown_name
from genesis.model.layout import PARAMETERS
from genesis.model.model import EntityInfo, JointInfo, Model

HINGE, SLIDE, BALL = 0, 1, 2  # codes of the elementary joints, as in genesis/joints
IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])


@dataclass
class Placed:
    """A description with a name and a pose of its root in the world. A free root starts there; another root stands there."""

    description: Description
    name: str
    pos: np.ndarray = field(default_factory=lambda: np.zeros(3))
    quat: np.ndarray = field(default_factory=lambda: IDENTITY.copy())


@dataclass
class _Elementary:
    """One elementary joint: a hinge, a slide or a ball."""

    code: int
    axis: np.ndarray
    pos: np.ndarray
    qadr: int
    dof: int
    owner: bool
    scale: float
    offset: float


def quat_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product, wxyz."""
    w, v = a[0] * b[0] - a[1:] @ b[1:], a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:])
    return np.concatenate([[w], v])


def quat_rotate(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Vector v turned by the unit quaternion q."""
    t = 2.0 * np.cross(q[1:], v)
    return v + q[0] * t + np.cross(q[1:], t)


class _Builder:
    """Collects rows of every array while the descriptions are walked once."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.parents: list[int] = []
        self.joints: list[JointInfo] = []
        self.elementary: list[_Elementary] = []
        self.link_jnt: list[tuple[int, int]] = []
        self.dof: dict[str, list[float]] = {k: [] for k in ("armature", "damping", "stiffness", "lo", "hi")}
        self.dof_qadr: list[int] = []
        self.qpos0: list[float] = []
        self.qspring: list[float] = []
        self.actuators: list[Actuator] = []
        self.act_rows: list[list[tuple[int, float]]] = []
        self.act_bias0: list[float] = []
        self.followers: list[tuple[str, Joint, int, int]] = []  # where, joint, its elementary joint, its place in `joints`
        self.geoms: list = []
        self.sites: list = []
        self.entities: list[EntityInfo] = []

    def add(self, placed: Placed) -> None:
        d, index = placed.description, len(self.entities)
        start = len(self.links), len(self.joints), len(self.dof_qadr), len(self.qpos0), len(self.actuators)
        where = d.file or d.name
        for link in d.links:
            self._add_link(placed, link, start[0], index)
        self._join_followers()
        by_name = {j.name: j for j in self.joints[start[1] :]}
        mimics = {j.name: j.mimic for link in d.links for j in link.joints if j.mimic is not None}
        for actuator in d.actuators:
            self._add_actuator(where, actuator, by_name, mimics)
        self.geoms += [self._shift(g, placed, start[0]) for g in d.geoms]
        self.sites += [self._shift(s, placed, start[0]) for s in d.sites]
        self.entities.append(
            EntityInfo(
                name=placed.name, source=where,
                link_start=start[0], n_links=len(self.links) - start[0],
                joint_start=start[1], n_joints=len(self.joints) - start[1],
                dof_start=start[2], n_dofs=len(self.dof_qadr) - start[2],
                q_start=start[3], n_qs=len(self.qpos0) - start[3],
                act_start=start[4], n_act=len(self.actuators) - start[4],
                keyframes=dict(d.keyframes), not_simulated=tuple(d.not_simulated),
            )
        )  # fmt: skip

    @staticmethod
    def _shift(part, placed: Placed, first_link: int):
        """A geom or site with the link index of the scene; one of the world gets the pose of the entity."""
        if part.link >= 0:
            return replace(part, link=part.link + first_link)
        pos = placed.pos + quat_rotate(placed.quat, np.asarray(part.pos, float))
        return replace(part, pos=pos, quat=quat_multiply(placed.quat, np.asarray(part.quat, float)))

    def _add_link(self, placed: Placed, link: Link, first_link: int, entity: int) -> None:
        where = f'{placed.description.file or placed.name}: link "{link.name}"'
        if not np.isfinite(link.mass) or link.mass < 0.0:
            raise ModelError(f"{where} has mass {link.mass:g} kg; a mass is zero or positive.")
        if link.gravcomp:
            raise UnsupportedError(f"{where} asks for gravity compensation ({link.gravcomp:g}); it is not simulated, remove it.")
        pos, quat = np.asarray(link.pos, float), np.asarray(link.quat, float)
        quat = quat / np.linalg.norm(quat)
        if link.parent < 0:
            pos, quat = placed.pos + quat_rotate(placed.quat, pos), quat_multiply(placed.quat, quat)
        l = len(self.links)  # noqa: E741
        first = len(self.elementary)
        if any(j.type == "free" for j in link.joints):
            if link.parent >= 0 or len(link.joints) > 1:
                raise UnsupportedError(f"{where} has a free joint below the world; use three slides and a ball there.")
            self._add_free(link.joints[0], pos, quat, l, entity)
            pos, quat = np.zeros(3), IDENTITY  # absolute coordinates
        else:
            for joint in link.joints:
                self._add_joint(where, joint, l, entity)
        self.links.append(replace(link, pos=pos, quat=quat))
        self.parents.append(-1 if link.parent < 0 else first_link + link.parent)
        self.link_jnt.append((first, len(self.elementary) - first))

    def _new_dofs(self, joint: Joint, count: int, qadr: list[int]) -> None:
        lo, hi = joint.effort if joint.effort is not None else (-np.inf, np.inf)
        for k in range(count):
            self.dof_qadr.append(qadr[k])
            values = (joint.armature, joint.damping, joint.stiffness, lo, hi)
            for key, value in zip(self.dof, values, strict=True):
                self.dof[key].append(value)

    def _add_free(self, joint: Joint, pos, quat, l: int, entity: int) -> None:  # noqa: E741
        q, v = len(self.qpos0), len(self.dof_qadr)
        for k in range(3):
            self.elementary.append(_Elementary(SLIDE, np.eye(3)[k], np.zeros(3), q + k, v + k, True, 1.0, 0.0))
        self.elementary.append(_Elementary(BALL, np.array([0.0, 0.0, 1.0]), np.zeros(3), q + 3, v + 3, True, 1.0, 0.0))
        self._new_dofs(joint, 6, [q, q + 1, q + 2, -1, -1, -1])
        self.qpos0 += [*pos, *quat]
        self.qspring += [*pos, *quat]
        self.joints.append(JointInfo(joint.name, "free", l, entity, q, v, 7, 6, None))

    def _add_joint(self, where: str, joint: Joint, l: int, entity: int) -> None:  # noqa: E741
        axis, pos = np.asarray(joint.axis, float), np.asarray(joint.pos, float)
        if joint.type not in ("hinge", "slide", "ball"):
            raise unknown_name(f'{where}: joint "{joint.name}"', "joint type", joint.type, ("hinge", "slide", "ball", "free"))
        if joint.type == "ball":
            q, v = len(self.qpos0), len(self.dof_qadr)
            self.elementary.append(_Elementary(BALL, axis, pos, q, v, True, 1.0, 0.0))
            self._new_dofs(joint, 3, [-1, -1, -1])
            self.qpos0 += [*IDENTITY]
            self.qspring += [*IDENTITY]
        else:
            code = HINGE if joint.type == "hinge" else SLIDE
            norm = np.linalg.norm(axis)
            if not norm > 0.0:
                raise ModelError(f'{where}: joint "{joint.name}" has the axis {axis.tolist()}; an axis has a direction.')
            if joint.mimic is not None:
                m = joint.mimic
                self.followers.append((where, joint, len(self.elementary), len(self.joints)))
                self.elementary.append(_Elementary(code, axis / norm, pos, -1, -1, False, m.multiplier, m.offset - joint.ref))
                self.joints.append(JointInfo(joint.name, joint.type, l, entity, -1, -1, 0, 0, joint.limit, m.joint))
                return
            q, v = len(self.qpos0), len(self.dof_qadr)
            self.elementary.append(_Elementary(code, axis / norm, pos, q, v, True, 1.0, -joint.ref))
            self._new_dofs(joint, 1, [q])
            self.qpos0.append(joint.ref)
            self.qspring.append(joint.springref)
        info = JointInfo(joint.name, joint.type, l, entity, q, v, JOINT_NQ[joint.type], JOINT_NV[joint.type], joint.limit)
        self.joints.append(info)

    def _join_followers(self) -> None:
        """Mimic joints get the coordinate of their leader, which may stand anywhere in the robot.

        The follower's own rotor, damper and spring move with the leader.
        """
        for where, joint, elementary, place in self.followers:
            leader, m = self._leader(where, joint, self.joints[place].entity), joint.mimic
            q, v = leader.qpos_adr, leader.dof_adr
            self.elementary[elementary] = replace(self.elementary[elementary], qadr=q, dof=v)
            self.joints[place] = replace(self.joints[place], qpos_adr=q, dof_adr=v)
            self.dof["armature"][v] += m.multiplier**2 * joint.armature
            self.dof["damping"][v] += m.multiplier**2 * joint.damping
            pull = m.multiplier * joint.stiffness * (joint.springref - m.offset)
            self._add_spring(q, v, m.multiplier**2 * joint.stiffness, pull)
        self.followers.clear()

    def _add_spring(self, q: int, v: int, stiffness: float, pull: float) -> None:
        """One spring for two in parallel: ``pull`` is the force of the second at q = 0."""
        if stiffness > 0.0:
            pull += self.dof["stiffness"][v] * self.qspring[q]
            self.dof["stiffness"][v] += stiffness
            self.qspring[q] = pull / self.dof["stiffness"][v]

    def _leader(self, where: str, joint: Joint, entity: int) -> JointInfo:
        mine = {j.name: j for j in self.joints if j.entity == entity and j.mimic is None and j.nv == 1}
        assert joint.mimic is not None
        if joint.mimic.joint not in mine:
            raise unknown_name(f'{where}: joint "{joint.name}" mimics another', "joint", joint.mimic.joint, mine)
        return mine[joint.mimic.joint]

    def _add_actuator(self, where: str, actuator: Actuator, by_name: dict[str, JointInfo], mimics: dict[str, Mimic]) -> None:
        """Transmission rows; on a mimic joint, length = coef (multiplier q + offset)."""
        rows, bias0 = [], actuator.bias[0]
        for name, coef in actuator.transmission:
            if name not in by_name:
                raise unknown_name(f'{where}: actuator "{actuator.name}"', "joint", name, by_name)
            info = by_name[name]
            if info.type in ("ball", "free") and actuator.bias[1] != 0.0:
                raise UnsupportedError(
                    f'{where}: actuator "{actuator.name}" feeds back the position of the {info.type} joint "{name}"; '
                    "position feedback is for hinge and slide joints."
                )
            follow = mimics.get(name, Mimic(name))
            values = np.atleast_1d(coef) * follow.multiplier
            rows += [(info.dof_adr + k, float(c)) for k, c in enumerate(values) if float(c) != 0.0]
            bias0 += actuator.bias[1] * float(np.atleast_1d(coef)[0]) * follow.offset
        self.actuators.append(actuator)
        self.act_rows.append(rows)
        self.act_bias0.append(bias0)


def _axes(b: _Builder) -> tuple[list[int], list[int], list[int]]:
    """Motion axes: (dof of each, first axis of each elementary joint, axis before each in the chain to the world or -1)."""
    axis_dof, jnt_axis, before, last_of_link = [], [], [], []
    for l, (first, count) in enumerate(b.link_jnt):  # noqa: E741
        last = last_of_link[b.parents[l]] if b.parents[l] >= 0 else -1
        for e in b.elementary[first : first + count]:
            jnt_axis.append(len(axis_dof))
            for k in range(3 if e.code == BALL else 1):
                before.append(last)
                last = len(axis_dof)
                axis_dof.append(e.dof + k)
        last_of_link.append(last)
    return axis_dof, jnt_axis, before


def _sparsity(nv: int, pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray, list[int], dict[tuple[int, int], int]]:
    """Rows of the factor L of M = L^T D L: each degree of freedom with its ancestors in the elimination tree.

    For a tree of ordinary joints this is the kinematic tree; a mimic joint couples branches and the rows grow accordingly.
    Source: Davis, Direct Methods for Sparse Linear Systems (2006), §4.1; Featherstone (2008), §6.5.
    """
    pattern: list[set[int]] = [set() for _ in range(nv)]
    for i, k in pairs:
        if i != k:
            pattern[max(i, k)].add(min(i, k))
    parent = [-1] * nv
    for i in range(nv - 1, -1, -1):
        if pattern[i]:
            parent[i] = max(pattern[i])
            pattern[parent[i]] |= pattern[i] - {parent[i]}
    madr, depth, column, address = [], [], [], {}
    for i in range(nv):
        madr.append(len(column))
        k = i
        while k >= 0:
            address[(i, k)] = len(column)
            column.append(k)
            k = parent[k]
        depth.append(len(column) - madr[i] - 1)
    return np.array(madr, np.int32), np.array(depth, np.int32), column, address


def compile_model(placed: Sequence[Placed], gravity: Sequence[float] = (0.0, 0.0, -9.81)) -> Model:
    """One model of everything that is placed in a scene, in the order given.

    Raises: ModelError (bad values), UnsupportedError (features that are not simulated), naming file and element.
    """
    b = _Builder()
    for p in placed:
        b.add(p)
    nlink, nv, nq = len(b.links), len(b.dof_qadr), len(b.qpos0)
    axis_dof, jnt_axis, before = _axes(b)
    chain: list[list[int]] = []
    for x in range(len(axis_dof)):
        chain.append([x] + (chain[before[x]] if before[x] >= 0 else []))
    pairs = [(axis_dof[x], axis_dof[y]) for x in range(len(chain)) for y in chain[x]]
    madr, depth, column, address = _sparsity(nv, pairs)
    pair_axis, pair_adr, pairadr, pairnum = [], [], [], []
    for x, ys in enumerate(chain):
        pairadr.append(len(pair_axis))
        for y in ys:
            i, k = axis_dof[x], axis_dof[y]
            # two axes that share one coordinate meet twice on the diagonal
            for _ in range(2 if i == k and x != y else 1):
                pair_axis.append(y)
                pair_adr.append(address[(max(i, k), min(i, k))])
        pairnum.append(len(pair_axis) - pairadr[-1])

    rows = [r for rows in b.act_rows for r in rows]
    sizes = dict(
        one=1, nlink=nlink, njnt=len(b.elementary), nq=nq, nv=nv, nu=len(b.actuators), ntrn=len(rows),
        naxis=len(axis_dof), nM=len(column), npair=len(pair_axis),
    )  # fmt: skip
    count = [len(r) for r in b.act_rows]
    e = b.elementary
    integers = dict(
        link_parent=[p + 1 for p in b.parents],
        link_root=[int(p < 0) for p in b.parents],
        link_jntadr=[first for first, _ in b.link_jnt],
        link_jntnum=[n for _, n in b.link_jnt],
        link_axisend=[(jnt_axis + [len(axis_dof)])[first + n] for first, n in b.link_jnt],
        jnt_type=[j.code for j in e], jnt_qadr=[j.qadr for j in e], jnt_dof=[j.dof for j in e], jnt_axisadr=jnt_axis,
        jnt_owner=[int(j.owner) for j in e], jnt_moved=[int(bool(np.any(j.pos != 0.0))) for j in e],
        axis_dof=axis_dof, axis_pairadr=pairadr, axis_pairnum=pairnum, pair_axis=pair_axis, pair_adr=pair_adr,
        dof_qadr=b.dof_qadr, dof_madr=madr, dof_depth=depth, m_column=column,
        act_trnadr=np.cumsum([0] + count)[:-1], act_trnnum=count, trn_dof=[d for d, _ in rows],
    )  # fmt: skip
    acts = b.actuators
    parameters = dict(
        gravity=gravity,
        link_pos=[k.pos for k in b.links], link_quat=[k.quat for k in b.links],
        link_mass=[k.mass for k in b.links], link_com=[k.com for k in b.links],
        link_inertia=[np.asarray(k.inertia)[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]] for k in b.links],
        jnt_axis=[j.axis for j in e], jnt_pos=[j.pos for j in e], jnt_scale=[j.scale for j in e], jnt_offset=[j.offset for j in e],
        dof_armature=b.dof["armature"], dof_damping=b.dof["damping"], dof_stiffness=b.dof["stiffness"], qpos_spring=b.qspring,
        dof_kp=np.zeros(nv), dof_kv=np.zeros(nv), dof_force_lo=b.dof["lo"], dof_force_hi=b.dof["hi"],
        act_gain=[a.gain for a in acts],
        act_bias0=b.act_bias0, act_bias1=[a.bias[1] for a in acts], act_bias2=[a.bias[2] for a in acts],
        ctrl_lo=[(a.ctrlrange or (-np.inf,))[0] for a in acts], ctrl_hi=[(a.ctrlrange or (np.inf,))[-1] for a in acts],
        force_lo=[(a.forcerange or (-np.inf,))[0] for a in acts], force_hi=[(a.forcerange or (np.inf,))[-1] for a in acts],
        trn_coef=[c for _, c in rows],
    )  # fmt: skip
    return Model(
        sizes=sizes,
        integers={k: np.asarray(v, np.int32).reshape(-1) for k, v in integers.items()},
        parameters={k.name: np.asarray(parameters[k.name], np.float64).reshape(k.shape(sizes)) for k in PARAMETERS},
        qpos0=np.asarray(b.qpos0, np.float64),
        links=b.links,
        link_parents=np.asarray(b.parents, np.int32),
        joints=b.joints,
        entities=b.entities,
        actuators=acts,
        geoms=b.geoms,
        sites=b.sites,
    )
