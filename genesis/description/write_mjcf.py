"""The text of an MJCF file with other values: an attribute of an element wins over every default class."""

from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from genesis.description.description import Actuator, Description, Geom, Link
from genesis.description.inertia import unphysical
from genesis.description.mjcf_elements import Elements, read_elements
from genesis.description.poses import compose, rotate
from genesis.description.source import Source
from genesis.description.write_changes import FileChanges, joints_of, words
from genesis.errors import ModelError, UnsupportedError

CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])
TURNS = ("euler", "axisangle", "xyaxes", "zaxis", "quat")
SIZES = {"sphere": 1, "capsule": 2, "cylinder": 2, "box": 3, "ellipsoid": 3, "plane": 3}
KEPT = ("name", "class", "group", "user", "joint", "jointinparent", "tendon")  # of an actuator that is written in general form
RESCALING = {"settotalmass": "-1", "boundmass": "0", "boundinertia": "0", "balanceinertia": "false"}
JOINT_ATTRIBUTES = {
    "damping": "damping", "frictionloss": "frictionloss", "armature": "armature", "stiffness": "stiffness", "limit_margin": "margin",
    "limit_solref": "solreflimit", "limit_solimp": "solimplimit", "friction_solref": "solreffriction", "friction_solimp": "solimpfriction",
}  # fmt: skip


def mjcf_text(source: Source, old: Description, new: Description, changes: FileChanges) -> str:
    """The file with the changed values of ``new``, its includes put in place.

    Raises: UnsupportedError, ModelError for a value that the file cannot hold.
    """
    made = read_elements(source)
    _Writer(source.where, made, old, new, changes).write()
    return ElementTree.tostring(made.root, encoding="unicode") + "\n"


class _Writer:
    """Edits one document."""

    def __init__(self, where: str, made: Elements, old: Description, new: Description, changes: FileChanges) -> None:
        self.where, self.made, self.old, self.new, self.changes = where, made, old, new, changes
        self.model, self.degrees = made.model, bool(made.spec.compiler.degree)

    def write(self) -> None:
        self._inertials()
        for k, names in self.changes.links.items():
            if names & {"pos", "quat"}:
                self._place(self.made.bodies[k + 1], self.made.spec.bodies[k + 1], self.old.links[k], self.new.links[k])
                self._note("body", self.new.links[k].name, {"pos", "quat"})
        if any(names & {"pos", "quat"} for names in self.changes.links.values()):
            self._hold_welds()
        own = self._actuators()
        for k in sorted(set(self.changes.joints) | own):
            self._joint(k, self.changes.joints.get(k, set()) | ({"armature", "damping"} if k in own else set()))
        for k, names in self.changes.geoms.items():
            self._geom(k, self.new.geoms[k], names)
        for k, names in self.changes.equalities.items():
            equality = self.new.equalities[k]
            element = self.made.equalities[self.made.names.equality.index(equality.name)]
            self._set(element, equality, names, {name: name for name in names}, "equality")
        for k, names in self.changes.contacts.items():
            pair = self.new.pairs[k]
            element = next(e for e in self.made.pairs if {e.get("geom1"), e.get("geom2")} == {pair.geom1, pair.geom2})
            attributes = {name: name for name in names} | {"solref_friction": "solreffriction"}
            self._set(element, pair, names, attributes, "pair")
        if self.changes.gravity:
            options = self.made.root.findall("option")
            (options[-1] if options else SubElement(self.made.root, "option")).set("gravity", words(self.new.gravity))
            self.changes.edits.append("option: gravity")

    # ---- bodies

    def _inertials(self) -> None:
        """Explicit inertials of changed bodies, and of all others where the compiler would still rescale or override them."""
        moved = {
            g.link for k in self.changes.geoms for g in [self.new.geoms[k]] if self.changes.geoms[k] & {"pos", "quat", "size"}
        }
        changed = {k for k, names in self.changes.links.items() if names & {"mass", "com", "inertia"}}
        if not changed | moved - {-1}:
            return
        compilers = self.made.root.findall("compiler")
        rescaled = any(c.get(name, plain) != plain for c in compilers for name, plain in RESCALING.items())
        overridden = any(c.get("inertiafromgeom") == "true" for c in compilers)
        wanted = changed | (moved - {-1})
        if rescaled or overridden:
            wanted |= {k for k, link in enumerate(self.new.links) if link.mass > 0.0}
            for compiler in compilers:
                for name, plain in RESCALING.items():
                    if name in compiler.attrib:
                        compiler.set(name, plain)
                if overridden and "inertiafromgeom" in compiler.attrib:
                    compiler.set("inertiafromgeom", "auto")
        for k in sorted(wanted):
            self._inertial(k, self.new.links[k])
            self._note("body", self.new.links[k].name, self.changes.links.get(k, set()) & {"mass", "com", "inertia"})

    def _inertial(self, k: int, link: Link) -> None:
        reason = unphysical(link.inertia) if "inertia" in self.changes.links.get(k, ()) else None
        if reason:
            raise ModelError(f'{self.where}: body "{link.name}": its inertia {reason}; MuJoCo reads no such body.')
        body = self.made.bodies[k + 1]
        inertial = body.find("inertial")
        if inertial is None:
            inertial = Element("inertial")
            inertial.tail = body.text
            body.insert(0, inertial)
        if np.array_equal(link.inertia, self.old.links[k].inertia):
            moments, quat = self.model.body_inertia[k + 1], self.model.body_iquat[k + 1]
        else:
            from scipy.spatial.transform import Rotation  # only writers pay for its start

            moments, axes = np.linalg.eigh(link.inertia)
            quat = Rotation.from_matrix(axes * np.sign(np.linalg.det(axes))).as_quat(scalar_first=True)
        for name in (*TURNS, "fullinertia"):
            inertial.attrib.pop(name, None)
        inertial.attrib.update(pos=words(link.com), mass=words(link.mass), diaginertia=words(moments), quat=words(quat))

    def _place(self, element: Element, spec: Any, old: Any, new: Any) -> None:
        """Pose in the parent body, seen from the frames around the element: X_F⁻¹ X_new with X_F = X_old X_spec⁻¹."""
        pos, quat = new.pos, new.quat
        if spec.frame is not None:
            turn = np.asarray(self._orientation(spec), float)
            turn = turn / np.linalg.norm(turn)
            frame = compose(old.pos, old.quat, *_inverse(np.asarray(spec.pos, float), turn))
            pos, quat = compose(*_inverse(*frame), new.pos, new.quat)
        for name in TURNS:
            element.attrib.pop(name, None)
        element.attrib.update(pos=words(pos), quat=words(quat))

    def _orientation(self, spec: Any) -> Any:
        """The quaternion that the file says, however it says it."""
        if "QUAT" in str(spec.alt.type):
            return spec.quat
        return self.made.spec.resolve_orientation(
            degree=self.degrees, sequence=self.made.spec.compiler.eulerseq, orientation=spec.alt
        )

    def _hold_welds(self) -> None:
        """Say the relative pose of welds, which MuJoCo takes from the described pose where the file is silent."""
        for equality in (e for e in self.new.equalities if e.type == "weld"):
            element = self.made.equalities[self.made.names.equality.index(equality.name)]
            if element.get("site1") is None:
                anchor, place, quat = equality.data[:3], equality.data[3:6], equality.data[6:10]
                element.set("anchor", words(anchor))
                element.set("relpose", words(place - rotate(quat, anchor), quat))

    # ---- joints, geoms

    def _joint(self, k: int, names: set[str]) -> None:
        joint, element, spec = joints_of(self.new)[k], self.made.joints[k], self.made.spec.joints[k]
        if element.tag == "freejoint":  # has no attributes of motion; a joint of type free has, and default classes reach it
            element.tag = "joint"
            element.attrib.update(type="free", limited="false", springdamper="0 0")
            names = names | {"damping", "armature", "stiffness", "frictionloss"}
        if names & {"damping", "stiffness"} and np.any(spec.springdamper):
            element.set("springdamper", "0 0")
            names = names | {"damping", "stiffness"}
        turn = 180.0 / np.pi if self.degrees and joint.kind.turns else 1.0
        if "springref" in names:
            element.set("springref", words(joint.springref * turn))
        if "limit" in names:
            element.set("range", words(np.array(joint.limit if joint.limit is not None else (0.0, 0.0)) * turn))
            element.set("limited", "true" if joint.limit is not None else "false")
        if "effort" in names:
            _range(element, "actuatorfrcrange", "actuatorfrclimited", joint.effort)
        self._set(element, joint, names - {"springref", "limit", "effort"}, JOINT_ATTRIBUTES, "joint")

    def _geom(self, k: int, geom: Geom, names: set[str]) -> None:
        element, spec = self.made.geoms[k], self.made.spec.geoms[k]
        held = names & {"pos", "quat", "size"}
        if held and (geom.type not in SIZES or not np.isnan(spec.fromto[0])):
            how = f"is a {geom.type}" if geom.type not in SIZES else "is placed by fromto"
            raise UnsupportedError(f'{self.where}: geom "{geom.name}" {how}; its {", ".join(sorted(held))} cannot be written.')
        if held & {"pos", "quat"}:
            self._place(element, spec, self.old.geoms[k], geom)
        if "size" in held:
            element.set("size", words(geom.size[: SIZES[geom.type]]))
        self._set(element, geom, names - {"pos", "quat"} - held, {name: name for name in names}, "geom")
        self._note("geom", geom.name, held)

    def _set(self, element: Element, values: Any, names: set[str], attributes: dict[str, str], kind: str) -> None:
        for name in sorted(names):
            element.set(attributes[name], words(getattr(values, name)))
        self._note(kind, values.name, names)

    # ---- actuators

    def _actuators(self) -> set[int]:
        """Write changed actuators in general form. Returns: joints whose armature or damping came in part from an actuator that now
        leaves it to them."""
        number = {joint.name: k for k, joint in enumerate(joints_of(self.new))}
        touched = {joints_of(self.new)[k].name for k, names in self.changes.joints.items() if names & {"armature", "damping"}}
        moved: set[int] = set()
        for k, actuator in enumerate(self.new.actuators):
            names = self.changes.actuators.get(k, set())
            gives = bool(self.model.actuator_armature[k] or self.model.actuator_damping[k])
            joint = actuator.transmission[0][0] if actuator.transmission else ""
            if gives and ("transmission" in names or joint in touched):
                moved.add(number[joint])
                self.made.actuators[k].attrib.update(armature="0", damping="0")
            if names:
                self._actuator(k, self.old.actuators[k], actuator, names)
        return moved

    def _actuator(self, k: int, old: Actuator, new: Actuator, names: set[str]) -> None:
        element, model = self.made.actuators[k], self.model
        kept = {name: value for name, value in element.attrib.items() if name in (*KEPT, "armature", "damping")}
        element.tag = "general"
        element.attrib.clear()
        element.attrib.update(kept, gear=words(self._gear(k, old, new)))
        element.attrib.update(dyntype="none", gaintype="fixed", gainprm=words(new.gain))
        element.attrib.update(biastype="affine" if any(new.bias) else "none", biasprm=words(new.bias))
        _range(element, "ctrlrange", "ctrllimited", new.ctrlrange)
        _range(element, "forcerange", "forcelimited", new.forcerange)
        for name, values in (("armature", model.actuator_armature), ("damping", model.actuator_damping)):
            element.attrib.setdefault(name, words(values[k]))
        self._note("actuator", new.name, names)

    def _gear(self, k: int, old: Actuator, new: Actuator) -> np.ndarray:
        """The six numbers of gear; over a tendon one factor for all its joints."""
        gear = self.model.actuator_gear[k].copy()
        before, after = (np.concatenate([np.atleast_1d(c) for _, c in a.transmission]) for a in (old, new))
        if np.array_equal(before, after):
            return gear
        if "tendon" not in self.made.actuators[k].attrib:
            gear[: len(after)] = after
            return gear
        ratio = after / before
        if not np.allclose(ratio, ratio[0], rtol=1e-12):
            raise UnsupportedError(
                f'{self.where}: actuator "{new.name}" pulls a tendon, whose joints keep their proportions; one factor for all can be written.'
            )
        gear[0] *= ratio[0]
        return gear

    def _note(self, kind: str, name: str, names: set[str]) -> None:
        if names:
            self.changes.edits.append(f'{kind} "{name}": {", ".join(sorted(names))}')


def _range(element: Element, attribute: str, flag: str, values: tuple[float, float] | None) -> None:
    """A range with its flag; a side without end as the largest number that MuJoCo takes."""
    if values is None:
        element.set(flag, "false")
        return
    element.set(attribute, words(np.nan_to_num(np.array(values), posinf=1e10, neginf=-1e10)))
    element.set(flag, "true")


def _inverse(pos: np.ndarray, quat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    back = quat * CONJUGATE
    return -rotate(back, pos), back
