"""The text of a URDF with other values: elements, order and comments of the file are kept."""

import re
from collections.abc import Sequence
from os import PathLike
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from genesis.description.description import Description, Geom, Joint, Link
from genesis.description.inertia import rotate_inertia
from genesis.description.kinds import FREE
from genesis.description.meshes import locate
from genesis.description.poses import compose, quat_multiply, quat_to_matrix, rotate
from genesis.description.source import Source, parse_xml
from genesis.description.urdf_check import SCALAR_KINDS
from genesis.description.urdf_elements import end_of, label, name_of, number, numbers
from genesis.description.urdf_meshes import mesh_folders
from genesis.description.urdf_spec import SHAPES
from genesis.description.write_changes import GEOM_UNITS, Beside, FileChanges, joints_of, words
from genesis.errors import UnsupportedError

PARTS = ("_x", "_y", "_z", "_ball", "_hinge")  # of the joints that one planar or floating element becomes
INERTIAL = {"mass", "com", "inertia"}
CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])
Pose = tuple[np.ndarray, np.ndarray]


def urdf_text(
    source: Source, old: Description, new: Description, changes: FileChanges, package_dirs: Sequence[str | PathLike]
) -> str:
    """The file with the changed values of ``new``; what URDF cannot say goes to ``changes.beside``.

    Raises: UnsupportedError for a placement that no joint of the file holds.
    """
    root = parse_xml(source.text, source.where, comments=True)
    _Writer(source.where, root, old, new, changes).write()
    for part in (part for tag in ("mesh", "texture") for part in root.iter(tag)):
        path = locate(part.get("filename", ""), source.folder, [*package_dirs, *mesh_folders(source)])
        if path is not None:
            part.set("filename", str(path.resolve()))
    start = re.search(r"<robot[\s>]", source.text)
    prolog = re.sub(r"""(encoding\s*=\s*)["'][^"']*["']""", r'\1"utf-8"', source.text[: start.start()] if start else "")
    return prolog + ElementTree.tostring(root, encoding="unicode") + "\n"


class _Writer:
    """Edits one document."""

    def __init__(self, where: str, root: Element, old: Description, new: Description, changes: FileChanges) -> None:
        self.where, self.old, self.new, self.changes = where, old, new, changes
        self.links = {name_of(element): element for element in root.findall("link")}
        self.joints = {name_of(element): element for element in root.findall("joint")}
        self.joint_above = {end_of(element, "child"): element for element in self.joints.values()}

    def write(self) -> None:
        self._spell_out()
        for k, names in self.changes.links.items():
            if names & INERTIAL:
                self._inertial(k, names)
            if names & {"pos", "quat"}:
                self._place(k)
        self._dynamics()
        for k, names in self.changes.joints.items():
            joint = joints_of(self.new)[k]
            for name in sorted(names - {"damping", "frictionloss"}):
                if not self._limit(joint, name):
                    self.changes.aside(joint, name)
        for k, names in self.changes.geoms.items():
            self._geom(self.new.geoms[k], names)
        if self.changes.gravity:
            self.changes.beside.append(Beside("gravity", "scene", self.new.gravity, "m/s²"))

    def _spell_out(self) -> None:
        """Say mass and inertia that were taken from shapes, of all links once one of them or its shape changes: which ones are taken from
        shapes depends on what the others say."""
        changes = self.changes
        left_out = {k for k, link in enumerate(self.new.links) if self._left_out(link)}
        touched = {k for k, names in changes.links.items() if names & INERTIAL}
        touched |= {self.new.geoms[k].link for k, names in changes.geoms.items() if names & {"pos", "quat", "size"}}
        if left_out & touched:
            for k in left_out:
                changes.links[k] = changes.links.get(k, set()) | INERTIAL

    def _left_out(self, link: Link) -> bool:
        """Whether the file is silent about the mass, or the inertia, that a link has."""
        element = self.links[link.name]
        inertia = element.find("inertial/inertia")
        silent = inertia is None or not any(number(inertia, name, 0.0) for name in inertia.attrib)
        return link.mass > 0.0 and bool(
            number(element.find("inertial/mass"), "value", 0.0) == 0.0 or (silent and link.inertia.any())
        )

    def _inertial(self, k: int, names: set[str]) -> None:
        """Centre of mass, mass and inertia; the orientation of the inertial frame stays, the tensor is turned into it."""
        link = self.new.links[k]
        inertial = _child(self.links[link.name], "inertial", first=True)
        origin = _child(inertial, "origin", first=True)
        if "com" in names or origin.get("xyz") is None:
            origin.set("xyz", words(link.com))
        if origin.get("rpy") is None:
            origin.set("rpy", "0 0 0")
        _child(inertial, "mass").set("value", words(link.mass))
        if "inertia" in names or inertial.find("inertia") is None:
            turn = _matrix(numbers(origin, "rpy", [0.0, 0.0, 0.0]))
            inertia, element = rotate_inertia(link.inertia, turn.T), _child(inertial, "inertia")
            for row, column in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)):
                element.set(f"i{'xyz'[row]}{'xyz'[column]}", words(inertia[row, column]))
        self.changes.edits.append(f"{label(self.links[link.name])}: {', '.join(sorted(names & INERTIAL))}")

    def _place(self, k: int) -> None:
        """The origin of the joint above the link; of a chain of folded links that of the uppermost, which carries the others along."""
        old, new = self.old.links[k], self.new.links[k]
        upper = "" if old.parent < 0 else self.old.links[old.parent].name
        joint, name = None, new.name
        while name in self.joint_above and name != upper:
            joint = self.joint_above[name]
            name = end_of(joint, "parent")
        if joint is None:
            raise UnsupportedError(
                f'{self.where}: link "{new.name}" hangs on no joint, so the file cannot place it; give pos to its morph.'
            )
        origin = _child(joint, "origin", first=True)
        before: Pose = (np.array(numbers(origin, "xyz", [0.0] * 3)), _quat(numbers(origin, "rpy", [0.0] * 3)))
        wanted: Pose = (new.pos, new.quat)
        if end_of(joint, "child") != new.name:
            back = old.quat * CONJUGATE
            moved = compose(new.pos, new.quat, -rotate(back, old.pos), back)
            wanted = compose(*moved, *before)
        origin.set("xyz", words(wanted[0]))
        origin.set("rpy", words(_angles(quat_to_matrix(wanted[1]))))
        self.changes.edits.append(f"{label(joint)}: origin")

    def _dynamics(self) -> None:
        """Damping and dry friction; all joints of one element share them."""
        joints, done = joints_of(self.new), set()
        for k, names in self.changes.joints.items():
            element = self._element(joints[k])
            for name, attribute in (("damping", "damping"), ("frictionloss", "friction")):
                if name not in names:
                    continue
                same = [j for j in joints if element is not None and self._element(j) is element]
                if element is None or len({getattr(j, name) for j in same}) > 1:
                    self.changes.aside(joints[k], name)
                elif (name_of(element), name) not in done:
                    done.add((name_of(element), name))
                    _child(element, "dynamics").set(attribute, words(getattr(joints[k], name)))
                    self.changes.edits.append(f"{label(element)}: {attribute}")

    def _limit(self, joint: Joint, name: str) -> bool:
        """Whether the <limit> of a joint can hold the attribute, and holds it now."""
        element = self._element(joint)
        if element is None or element.get("type") not in SCALAR_KINDS:
            return False
        if name == "limit" and joint.limit is not None and np.isfinite(joint.limit).all() and joint.limit[0] < joint.limit[1]:
            for side, value in zip(("lower", "upper"), joint.limit, strict=True):
                _child(element, "limit").set(side, words(value))
        elif name == "effort" and joint.effort is not None and 0.0 < joint.effort[1] == -joint.effort[0] < np.inf:
            limit = _child(element, "limit")
            limit.set("effort", words(joint.effort[1]))
            limit.set("velocity", limit.get("velocity", "0"))
        else:
            return False
        self.changes.edits.append(f"{label(element)}: {name}")
        return True

    def _geom(self, geom: Geom, names: set[str]) -> None:
        """Place and size of a shape; contact parameters go beside."""
        shape = self._shape(geom)
        if names & {"pos", "quat"}:
            origin = _child(shape, "origin", first=True)
            origin.set("xyz", words(geom.pos))
            origin.set("rpy", words(_angles(quat_to_matrix(geom.quat))))
        sizes = {
            "box": {"size": 2.0 * geom.size},
            "sphere": {"radius": geom.size[:1]},
            "cylinder": {"radius": geom.size[:1], "length": 2.0 * geom.size[1:2]},
            "capsule": {"radius": geom.size[:1], "length": 2.0 * geom.size[1:2]},
        }.get(geom.type)
        if "size" in names:
            if sizes is None:
                raise UnsupportedError(f'{self.where}: geom "{geom.name}" is a {geom.type}, whose size the file does not hold.')
            solid = next(shape.iter(geom.type))
            for attribute, value in sizes.items():
                solid.set(attribute, words(value))
        held = names & {"pos", "quat", "size"}
        if held:
            self.changes.edits.append(f'geom "{geom.name}": {", ".join(sorted(held))}')
        for name in sorted(names - held):
            self.changes.beside.append(Beside(f"geom_{name}", f'geom "{geom.name}"', getattr(geom, name), GEOM_UNITS[name]))

    def _shape(self, geom: Geom) -> Element:
        """The <visual> or <collision> that became the geom: shapes and geoms of a link stand in the same order."""
        mine = [g for g in self.new.geoms if g.link == geom.link]
        link = self.links[self.new.links[geom.link].name if geom.link >= 0 else "world"]
        shapes = [
            p for p in link if p.tag in ("visual", "collision") and any(p.find(f"geometry/{s}") is not None for s in SHAPES)
        ]
        if len(shapes) != len(mine):
            raise UnsupportedError(
                f'{self.where}: {label(link)}: geom "{geom.name}" cannot be told from the others of this link.'
            )
        return shapes[next(k for k, g in enumerate(mine) if g is geom)]

    def _element(self, joint: Joint) -> Element | None:
        """The <joint> behind a joint; None for the free joint that the file does not mention."""
        if joint.name in self.joints:
            return self.joints[joint.name]
        base = next((joint.name.removesuffix(part) for part in PARTS if joint.name.endswith(part)), "")
        element = self.joints.get(base)
        return element if element is not None and element.get("type") in ("planar", *FREE.urdf) else None


def _child(element: Element, tag: str, first: bool = False) -> Element:
    """The child, made where it is missing: at the end, or first."""
    child = element.find(tag)
    if child is None:
        child = SubElement(element, tag)
        if first:
            element.remove(child)
            element.insert(0, child)
        child.tail = element.text
    return child


def _matrix(rpy: list[float]) -> np.ndarray:
    """Turns about the fixed axes x, y, z: R = R_z(yaw) R_y(pitch) R_x(roll)."""
    return quat_to_matrix(_quat(rpy))


def _quat(rpy: list[float]) -> np.ndarray:
    halves = [0.5 * angle for angle in rpy]
    x, y, z = (np.insert(np.sin(h) * np.eye(3)[k], 0, np.cos(h)) for k, h in enumerate(halves))
    return quat_multiply(z, quat_multiply(y, x))


def _angles(rotation: np.ndarray) -> tuple[float, float, float]:
    """Roll, pitch, yaw of R (3, 3); yaw is what is left after roll is turned back, so that both stay exact where pitch is ±90° (SciPy
    gives up there at 1e-7 rad)."""
    roll = np.arctan2(rotation[2, 1], rotation[2, 2])
    pitch = np.arctan2(-rotation[2, 0], np.hypot(rotation[2, 1], rotation[2, 2]))
    sine, cosine = np.sin(roll), np.cos(roll)
    yaw = np.arctan2(sine * rotation[0, 2] - cosine * rotation[0, 1], cosine * rotation[1, 1] - sine * rotation[1, 2])
    return float(roll), float(pitch), float(yaw)
