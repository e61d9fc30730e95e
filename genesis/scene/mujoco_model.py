"""A built scene as an MJCF model of MuJoCo with the same physics, and the reasons where it is not the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
import torch

from genesis.description.compose_mjcf import MjcfDocument, WorldPart, body_name, compose_mjcf, geom_name, write_meshes
from genesis.description.description import ContactPair, Description
from genesis.description.write_changes import joints_of, words
from genesis.errors import InputError
from genesis.model.builder import Placed
from genesis.model.describe import describe
from genesis.scene.scene import Scene

EXACT = {"solver": "Newton", "tolerance": "1e-15", "iterations": "500", "ls_iterations": "200", "ls_tolerance": "1e-10"}
KINDS = {
    "force": (0.0, 0.0, 1),
    "position": (1.0, 1.0, "dof_kp"),
    "velocity": (0.0, 1.0, "dof_kv"),
}  # kp acts, kv acts, gain of a control


@dataclass
class MujocoModel:
    """A model as text.

    text: of the MJCF file; composed: with its meshes. driven: degrees of freedom of the scene (index into qvel) of the actuators, in
    their order; a control of the scene is the control of its actuator. followers: (joint, leader, multiplier, offset).
    reasons: in words, why MuJoCo's motion of it is another; empty where it is the same to rounding.
    """

    text: str
    composed: MjcfDocument
    driven: list[int]
    followers: list[tuple[str, str, float, float]]
    reasons: list[str]

    def write(self, folder: Path) -> list[Path]:
        """model.xml and its meshes."""
        file = folder / "model.xml"
        file.write_text(self.text, encoding="utf-8")
        return [file, *write_meshes(self.composed, folder)]


def mujoco_model(scene: Scene, control: str, params: Mapping[str, Any], forced: frozenset[int] = frozenset()) -> MujocoModel:
    """The model of a built scene.

    Args:
        control: kind of the controls, force, position or velocity; joints are driven by actuators of that kind with the gains of the scene.
        params: physical parameters in place of the scene's, as `Scene.rollout` takes them.
        forced: degrees of freedom of free joints that controls act on.

    Raises: UnsupportedError for what MuJoCo has no word for, InputError for parameters that differ between environments.
    """
    return _Model(scene, control, params, forced).make()


class _Model:
    """Makes one."""

    def __init__(self, scene: Scene, control: str, params: Mapping[str, Any], forced: frozenset[int]) -> None:
        self.scene, self.control, self.forced = scene, control, forced
        self.solver = scene.rigid_solver
        self.physics, self.model = self.solver.physics, self.solver.model
        self.values = {name: _numpy(value) for name, value in (dict(scene.physical_parameters()) | dict(params)).items()}
        self.before = {name: _numpy(self.solver.parameters.described(name)[0]) for name in self.solver.parameters.names}
        self.before["gravity"] = self.before["gravity"].reshape(3)
        for name, value in self.values.items():
            if value.size != self.before[name].size:
                raise InputError(f"mujoco: {name} differs between the environments of the run; one model cannot hold it.")
            self.values[name] = value.reshape(self.before[name].shape)
        self.reasons: list[str] = []
        with_kp, with_kv, gain = KINDS[control]
        self.kp, self.kv = with_kp * self.values["dof_kp"], with_kv * self.values["dof_kv"]
        self.gain = np.ones_like(self.kp) if control == "force" else self.values[str(gain)]

    def make(self) -> MujocoModel:
        descriptions = [self._described(k) for k in range(len(self.scene.entities))]
        touching = self._touching()
        integrator, damped = self._integrator()
        if damped:
            self._damp_joints(descriptions)
        parts = [
            WorldPart(d, self._prefix(k), np.asarray(e.morph.pos, float), np.asarray(e.morph.quat, float), touching[k])
            for k, (d, e) in enumerate(zip(descriptions, self.scene.entities, strict=True))
        ]
        made = compose_mjcf(parts, "genesis")
        self._options(made.root, integrator)
        self._contacts(made.root, parts)
        driven = self._actuators(made.root)
        if made.followers:
            self.reasons.append("joints that mimic another follow it exactly here, and by a soft equality in MuJoCo")
        if self.physics.constraints is not None and self.model.constraints.contact == "smooth":
            self.reasons.append(
                "contacts, limits and equalities act by the smooth law here (scene.contact=smooth), which MuJoCo does not have"
            )
        if self.physics.dtype != torch.float64:
            self.reasons.append("the run computed in 32 bits")
        ElementTree.indent(made.root)
        text = ElementTree.tostring(made.root, encoding="unicode") + "\n"
        return MujocoModel(text, made, driven, made.followers, self.reasons)

    def _described(self, k: int) -> Description:
        """The description of an entity with the values of now; the gains are the actuators'."""
        entity = self.scene.entities[k]
        placed = Placed(
            entity.description, entity.name, np.asarray(entity.morph.pos, float), np.asarray(entity.morph.quat, float)
        )
        return describe(self.model, k, placed, self.values, self.before).description

    def _prefix(self, k: int) -> str:
        """As `solution.named_joints` names joints: alone, the entity that moves needs none."""
        moving = [entity for entity in self.scene.entities if entity.n_dofs]
        entity = self.scene.entities[k]
        return "" if len(moving) <= 1 and (entity in moving or len(self.scene.entities) == 1) else f"{entity.name}/"

    def _touching(self) -> list[frozenset[int]]:
        """Of each entity the places of its geoms in candidate pairs."""
        rows = {int(row) for end in (1, 2) for row in self.model.integers[f"cand_geom{end}"]}
        geoms = {self.model.contact_geoms[row] for row in rows}
        return [frozenset(g - e.geom_start for g in geoms if 0 <= g - e.geom_start < e.n_geoms) for e in self.model.entities]

    def _integrator(self) -> tuple[str, bool]:
        """MuJoCo's integrator, and whether the velocity gains are put into the damping of the joints.

        Here Euler takes velocity gains at the end of the step. MuJoCo's does so with joint damping alone; its implicitfast does so with
        actuators too, and is Euler otherwise, but for free bodies, whose gyroscopic forces it also takes.
        """
        physics = self.physics
        if physics.integrator != "Euler" or physics.damping_dt == 0.0 or not np.any(self.kv):
            return physics.integrator, False
        if not self.model.integers["link_free"].any():
            return "implicitfast", False
        if np.isfinite(self.values["dof_force_lo"]).any() or np.isfinite(self.values["dof_force_hi"]).any():
            self.reasons.append(
                "where a joint force is at its limit, velocity gains are part of the damping in MuJoCo and not limited"
            )
        return "Euler", True

    def _damp_joints(self, descriptions: list[Description]) -> None:
        for info, joint in zip(self.model.joints, (j for d in descriptions for j in joints_of(d)), strict=True):
            if joint.mimic is None and not joint.kind.floats:
                joint.damping += float(self.kv[info.dof_adr])
        self.kv = np.zeros_like(self.kv)

    def _options(self, root: Element, integrator: str) -> None:
        physics, constraints, request = self.physics, self.model.constraints, self.scene.rigid_options.request()
        values = {
            "timestep": words(physics.step_dt), "integrator": integrator, "gravity": words(self.values["gravity"]),
            "cone": constraints.cone, "impratio": words(constraints.impratio),
        }  # fmt: skip
        option = Element("option", values | EXACT)
        flags = {
            "eulerdamp": physics.damping_dt > 0.0 or physics.integrator != "Euler",
            "contact": self.model.sizes["ncand"] > 0,
            "limit": request.enable_joint_limit,
            "constraint": not request.disable_constraint,
            "filterparent": False,  # who may touch whom is said pair by pair
        }
        SubElement(option, "flag", {name: "disable" for name, on in flags.items() if not on})
        root.insert(1, option)

    def _contacts(self, root: Element, parts: list[WorldPart]) -> None:
        """Which bodies may touch: those that MuJoCo's bits would let and the scene does not are excluded; explicit pairs by name.

        Rules of the scene that MuJoCo does not have, as one on self-collision for an entity, are all rules of bodies.
        """
        contact, integers = SubElement(root, "contact"), self.model.integers
        found = [tuple(int(integers[f"cand_geom{end}"][c]) for end in (1, 2)) for c in range(self.model.sizes["ncand"])]
        explicit = integers["cand_explicit"]
        slots = integers["geom_slot"]
        allowed = {frozenset(int(slots[row]) for row in rows) for c, rows in enumerate(found) if explicit[c] < 0}
        rows = sorted({row for pair in found for row in pair})
        bits = {row: self._bits(row) for row in rows}
        excluded = {
            frozenset((int(slots[a]), int(slots[b])))
            for a in rows
            for b in rows
            if a < b and slots[a] != slots[b] and (bits[a][0] & bits[b][1] or bits[b][0] & bits[a][1])
        } - allowed  # fmt: skip
        for pair in sorted(tuple(sorted(pair)) for pair in excluded):
            SubElement(contact, "exclude", body1=self._body(parts, pair[0]), body2=self._body(parts, pair[1]))
        for c, ends in enumerate(found):
            if explicit[c] >= 0:
                places = [self._geom(row) for row in ends]
                names = [geom_name(parts[e], k) for e, k in places]
                touching = {parts[e].description.geoms[k].name for e, k in places}
                pairs = parts[places[0][0]].description.pairs
                given = next(pair for pair in pairs if {pair.geom1, pair.geom2} == touching)
                self._explicit(SubElement(contact, "pair", geom1=names[0], geom2=names[1]), given)

    def _bits(self, row: int) -> tuple[int, int]:
        geom = self.model.geoms[self.model.contact_geoms[row]]
        return (0, 0) if geom.visual else (geom.contype, geom.conaffinity)

    def _body(self, parts: list[WorldPart], slot: int) -> str:
        if slot == 0:
            return "world"
        k = next(k for k, e in enumerate(self.model.entities) if 0 <= slot - 1 - e.link_start < e.n_links)
        return body_name(parts[k], parts[k].description.links[slot - 1 - self.model.entities[k].link_start].name)

    def _geom(self, row: int) -> tuple[int, int]:
        """(entity, place in it) of a row of the table of geoms that touch."""
        number = self.model.contact_geoms[row]
        found = next(k for k, e in enumerate(self.model.entities) if 0 <= number - e.geom_start < e.n_geoms)
        return found, number - self.model.entities[found].geom_start

    @staticmethod
    def _explicit(element: Element, pair: ContactPair) -> None:
        element.set("condim", str(pair.condim))
        for name in ("friction", "solref", "solimp", "margin", "gap"):
            element.set(name, words(getattr(pair, name)))
        element.set("solreffriction", words(pair.solref_friction))

    def _actuators(self, root: Element) -> list[int]:
        """gain · control - kp q - kv v within the bounds of force, one for each degree of freedom that may be driven."""
        actuators, driven = SubElement(root, "actuator"), []
        for info in self.model.joints:
            if info.mimic is not None:
                continue
            for k in range(info.nv):
                dof = info.dof_adr + k
                if info.kind.floats and dof not in self.forced:
                    continue
                name = self._prefix(info.entity) + info.name
                gear = np.eye(6)[k] if info.nv > 1 else np.array([1.0])
                element = SubElement(actuators, "general", name=info.kind.label(name, k), joint=name, gear=words(gear))
                bias = (0.0, -self.kp[dof], -self.kv[dof])
                element.attrib.update(gainprm=words(self.gain[dof]), biastype="affine", biasprm=words(bias))
                low, high = float(self.values["dof_force_lo"][dof]), float(self.values["dof_force_hi"][dof])
                if np.isfinite(low) or np.isfinite(high):
                    ends = np.nan_to_num([low, high], posinf=1e10, neginf=-1e10)
                    element.attrib.update(forcelimited="true", forcerange=words(ends))
                driven.append(dof)
        return driven


def _numpy(value: Any) -> np.ndarray:
    made: np.ndarray = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return made.astype(np.float64)
