"""The rows of every array of a model, collected while the descriptions are walked once.

A free joint becomes three slides along the world axes and a ball, which have the same coordinates and velocities.
"""

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from genesis.description.description import (
    Actuator,
    Description,
    Geom,
    Joint,
    Link,
    Mimic,
    Site,
    Solimp,
    Solref,
)
from genesis.description.kinds import CODE, ELEMENTARY, KINDS, SCALARS, JointKind
from genesis.description.poses import IDENTITY_QUAT, quat_multiply, rotate
from genesis.errors import ModelError, UnsupportedError, unknown_name
from genesis.model.checks import check_joint
from genesis.model.model import EntityInfo, JointInfo

Part = TypeVar("Part", Geom, Site)


@dataclass
class Placed:
    """A description with a name and a pose of its root in the world. A free root starts there; another root stands there."""

    description: Description
    name: str
    pos: np.ndarray = field(default_factory=lambda: np.zeros(3))
    quat: np.ndarray = field(default_factory=lambda: IDENTITY_QUAT.copy())


@dataclass(frozen=True)
class Limited:
    """A joint with a limit: its coordinate is scale * q + offset, scale that of its elementary joint."""

    joint: Joint
    elementary: int
    offset: float
    where: str


@dataclass
class Elementary:
    """One elementary joint: its code is a place in `kinds.ELEMENTARY`."""

    code: int
    axis: np.ndarray
    pos: np.ndarray
    qadr: int
    dof: int
    owner: bool
    scale: float
    offset: float
    pitch: float = 0.0

    @property
    def kind(self) -> JointKind:
        return ELEMENTARY[self.code]


class Builder:
    """Collects rows of every array while the descriptions are walked once."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.parents: list[int] = []
        self.joints: list[JointInfo] = []
        self.elementary: list[Elementary] = []
        self.elementary_of: list[int] = []  # the first one of each joint
        self.link_jnt: list[tuple[int, int]] = []
        self.dof: dict[str, list[float]] = {k: [] for k in ("armature", "damping", "stiffness", "frictionloss", "lo", "hi")}
        self.dof_frictionlaw: list[tuple[float, ...]] = []
        self.dof_solref: list[Solref] = []
        self.dof_solimp: list[Solimp] = []
        self.limited: list[Limited] = []
        self.dof_qadr: list[int] = []
        self.qpos0: list[float] = []
        self.qspring: list[float] = []
        self.actuators: list[Actuator] = []
        self.act_rows: list[list[tuple[int, float]]] = []
        self.act_bias0: list[float] = []
        self.followers: list[tuple[str, Joint, int, int]] = []  # where, joint, its elementary joint, its place in `joints`
        self.geoms: list[Geom] = []
        self.sites: list[Site] = []
        self.placed: list[Placed] = []
        self.entities: list[EntityInfo] = []

    def add(self, placed: Placed) -> None:
        d, index = placed.description, len(self.entities)
        start = len(self.links), len(self.joints), len(self.dof_qadr), len(self.qpos0), len(self.actuators), len(self.geoms)
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
        self.placed.append(placed)
        self.entities.append(
            EntityInfo(
                name=placed.name, source=where,
                link_start=start[0], n_links=len(self.links) - start[0],
                joint_start=start[1], n_joints=len(self.joints) - start[1],
                dof_start=start[2], n_dofs=len(self.dof_qadr) - start[2],
                q_start=start[3], n_qs=len(self.qpos0) - start[3],
                act_start=start[4], n_act=len(self.actuators) - start[4],
                geom_start=start[5], n_geoms=len(self.geoms) - start[5],
                keyframes=dict(d.keyframes), not_simulated=tuple(d.not_simulated),
            )
        )  # fmt: skip

    @staticmethod
    def _shift(part: Part, placed: Placed, first_link: int) -> Part:
        """A geom or site with the link index of the scene; one of the world gets the pose of the entity."""
        if part.link >= 0:
            there: dict[str, Any] = {"link": part.link + first_link}
        else:
            pos = placed.pos + rotate(placed.quat, np.asarray(part.pos, float))
            there = {"pos": pos, "quat": quat_multiply(placed.quat, np.asarray(part.quat, float))}
        made: Any = part.copied(**there) if isinstance(part, Geom) else replace(part, **there)
        return made

    def _add_link(self, placed: Placed, link: Link, first_link: int, entity: int) -> None:
        where = f'{placed.description.file or placed.name}: link "{link.name}"'
        if not np.isfinite(link.mass) or link.mass < 0.0:
            raise ModelError(f"{where} has mass {link.mass:g} kg; a mass is zero or positive.")
        if link.gravcomp:
            raise UnsupportedError(f"{where} asks for gravity compensation ({link.gravcomp:g}); it is not simulated, remove it.")
        pos, quat = np.asarray(link.pos, float), np.asarray(link.quat, float)
        quat = quat / np.linalg.norm(quat)
        if link.parent < 0:
            pos, quat = placed.pos + rotate(placed.quat, pos), quat_multiply(placed.quat, quat)
        l = len(self.links)  # noqa: E741
        first = len(self.elementary)
        if any(self._kind(where, j).floats for j in link.joints):
            if link.parent >= 0 or len(link.joints) > 1:
                raise UnsupportedError(f"{where} has a free joint below the world; use three slides and a ball there.")
            self._add_free(link.joints[0], pos, quat, l, entity)
            pos, quat = np.zeros(3), IDENTITY_QUAT  # absolute coordinates
        else:
            for joint in link.joints:
                self._add_joint(where, joint, l, entity)
        self.links.append(replace(link, pos=pos, quat=quat))
        self.parents.append(-1 if link.parent < 0 else first_link + link.parent)
        self.link_jnt.append((first, len(self.elementary) - first))

    @staticmethod
    def _kind(where: str, joint: Joint) -> JointKind:
        if joint.type not in KINDS:
            raise unknown_name(f'{where}: joint "{joint.name}"', "joint type", joint.type, KINDS)
        return joint.kind

    def _new_dofs(self, joint: Joint, q: int) -> None:
        """Rows of its degrees of freedom; its coordinates begin at ``q``."""
        lo, hi = joint.effort if joint.effort is not None else (-np.inf, np.inf)
        for k in range(joint.kind.nv):
            self.dof_qadr.append(q + k if k < joint.kind.plain else -1)
            values = (joint.armature, joint.damping, joint.stiffness, joint.frictionloss, lo, hi)
            for key, value in zip(self.dof, values, strict=True):
                self.dof[key].append(value)
            self.dof_frictionlaw.append(joint.friction_law)
            self.dof_solref.append(joint.friction_solref)
            self.dof_solimp.append(joint.friction_solimp)

    def _add_free(self, joint: Joint, pos: np.ndarray, quat: np.ndarray, l: int, entity: int) -> None:  # noqa: E741
        q, v = len(self.qpos0), len(self.dof_qadr)
        self.elementary_of.append(len(self.elementary))
        for k, part in enumerate(joint.kind.parts):
            axis = np.eye(3)[k if KINDS[part].axis else 2]
            self.elementary.append(Elementary(CODE[part], axis, np.zeros(3), q + k, v + k, True, 1.0, 0.0))
        self._new_dofs(joint, q)
        self.qpos0 += [*pos, *quat]
        self.qspring += [*pos, *quat]
        self.joints.append(JointInfo(joint.name, joint.type, l, entity, q, v, joint.kind.nq, joint.kind.nv, None))

    def _add_joint(self, where: str, joint: Joint, l: int, entity: int) -> None:  # noqa: E741
        axis, pos = np.asarray(joint.axis, float), np.asarray(joint.pos, float)
        kind, code = joint.kind, CODE[joint.type]
        check_joint(f'{where}: joint "{joint.name}"', joint)
        self.elementary_of.append(len(self.elementary))
        if joint.limit is not None:
            offset = 0.0 if joint.mimic is None else joint.mimic.offset
            self.limited.append(Limited(joint, len(self.elementary), offset, where))
        q, v = len(self.qpos0), len(self.dof_qadr)
        if not kind.scalar:
            self.elementary.append(Elementary(code, axis, pos, q, v, True, 1.0, 0.0))
            self._new_dofs(joint, q)
            self.qpos0 += kind.neutral
            self.qspring += kind.neutral
        else:
            norm = np.linalg.norm(axis)
            if kind.axis and not norm > 0.0:
                raise ModelError(f'{where}: joint "{joint.name}" has the axis {axis.tolist()}; an axis has a direction.')
            if joint.mimic is not None:
                m = joint.mimic
                self.followers.append((where, joint, len(self.elementary), len(self.joints)))
                self.elementary.append(
                    Elementary(code, axis / norm, pos, -1, -1, False, m.multiplier, m.offset - joint.ref, joint.pitch)
                )
                self.joints.append(JointInfo(joint.name, joint.type, l, entity, -1, -1, 0, 0, joint.limit, m.joint))
                return
            self.elementary.append(Elementary(code, axis / norm, pos, q, v, True, 1.0, -joint.ref, joint.pitch))
            self._new_dofs(joint, q)
            self.qpos0.append(joint.ref)
            self.qspring.append(joint.springref)
        speed = joint.velocity_limit
        info = JointInfo(joint.name, joint.type, l, entity, q, v, kind.nq, kind.nv, joint.limit, velocity_limit=speed)
        self.joints.append(info)

    def _join_followers(self) -> None:
        """Mimic joints get the coordinate of their leader, which may stand anywhere in the robot.

        The follower's own rotor, damper, spring and dry friction move with the leader.
        """
        for where, joint, elementary, place in self.followers:
            leader, m = self._leader(where, joint, self.joints[place].entity), joint.mimic
            assert m is not None
            q, v = leader.qpos_adr, leader.dof_adr
            self.elementary[elementary] = replace(self.elementary[elementary], qadr=q, dof=v)
            self.joints[place] = replace(self.joints[place], qpos_adr=q, dof_adr=v)
            self.dof["armature"][v] += m.multiplier**2 * joint.armature
            self.dof["damping"][v] += m.multiplier**2 * joint.damping
            self.dof["frictionloss"][v] += abs(m.multiplier) * joint.frictionloss
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
        mine = {j.name: j for j in self.joints if j.entity == entity and j.mimic is None and j.kind.scalar}
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
            if not info.kind.scalar and actuator.bias[1] != 0.0:
                raise UnsupportedError(
                    f'{where}: actuator "{actuator.name}" feeds back the position of the {info.type} joint "{name}"; '
                    f"position feedback is for {SCALARS}."
                )
            follow = mimics.get(name, Mimic(name))
            values = np.atleast_1d(coef) * follow.multiplier
            rows += [(info.dof_adr + k, float(c)) for k, c in enumerate(values) if float(c) != 0.0]
            bias0 += actuator.bias[1] * float(np.atleast_1d(coef)[0]) * follow.offset
        self.actuators.append(actuator)
        self.act_rows.append(rows)
        self.act_bias0.append(bias0)
