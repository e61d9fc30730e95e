"""Descriptions, placed in one world, as an MJCF file of their own: what is simulated, with every value spelled out.

`write` changes the file that a robot came from; here all of a scene is written anew, also primitives and robots from URDF.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from genesis.description.description import Description, Equality, Geom, Joint, Link, Mimic
from genesis.description.poses import compose
from genesis.description.write_changes import words
from genesis.errors import UnsupportedError

SIZES = {"sphere": 1, "capsule": 2, "cylinder": 2, "box": 3, "ellipsoid": 3, "plane": 3}
SEEN, FELT = "1", "3"  # groups of geoms: MuJoCo's viewer shows the first and not the second


@dataclass
class WorldPart:
    """A description with its place. prefix: put before its names. touching: places of the geoms that contacts are found for."""

    description: Description
    prefix: str
    pos: np.ndarray
    quat: np.ndarray
    touching: frozenset[int] = frozenset()


@dataclass
class MjcfDocument:
    """The growing document. followers: (joint, leader, multiplier, offset) of joints that mimic another, tied softly here."""

    root: Element
    assets: Element
    world: Element
    equality: Element
    meshes: dict[str, str] = field(default_factory=dict)  # file name -> text
    followers: list[tuple[str, str, float, float]] = field(default_factory=list)


def compose_mjcf(parts: Sequence[WorldPart], name: str) -> MjcfDocument:
    """Bodies, joints, geoms, sites and equalities of all parts; options, contact pairs and actuators are the caller's.

    Raises: UnsupportedError for what MuJoCo has no word for: a screw, a height field.
    """
    root = Element("mujoco", model=name)
    SubElement(root, "compiler", angle="radian", inertiafromgeom="false", autolimits="false", meshdir="meshes")
    made = MjcfDocument(root, SubElement(root, "asset"), SubElement(root, "worldbody"), SubElement(root, "equality"))
    for part in parts:
        _Writer(made, part).write()
    return made


def body_name(part: WorldPart, link: str) -> str:
    """Of a link in the file; MuJoCo keeps "world" for itself."""
    return part.prefix + link if link != "world" else f"{part.prefix}world_"


def geom_name(part: WorldPart, k: int) -> str:
    """Of geom number k in the file: names repeat in URDF files, so the place is part of it."""
    return f"{part.prefix}{part.description.geoms[k].name}#{k}"


class _Writer:
    """Writes one part."""

    def __init__(self, made: MjcfDocument, part: WorldPart) -> None:
        self.made, self.part, self.d = made, part, part.description
        self.bodies: list[Element] = []

    def write(self) -> None:
        for link in self.d.links:
            self.bodies.append(self._body(link))
        skinned = {geom.link for geom in self.d.geoms if geom.visual}
        for k, geom in enumerate(self.d.geoms):
            self._geom(k, geom, geom.link in skinned)
        for site in self.d.sites:
            self._site(site.name, site.link, site.pos, site.quat)
        for k, equality in enumerate(self.d.equalities):
            self._equality(k, equality)

    def name(self, name: str) -> str:
        """Unique in the file."""
        return self.part.prefix + name

    def _placed(self, link: int, pos: np.ndarray, quat: np.ndarray) -> dict[str, str]:
        """Attributes of a pose in a link, or of one in the world, with the place of the part."""
        quat = np.asarray(quat, float) / np.linalg.norm(quat)
        if link < 0:
            pos, quat = compose(self.part.pos, self.part.quat, np.asarray(pos, float), quat)
        return {"pos": words(pos), "quat": words(quat)}

    def _holder(self, link: int) -> Element:
        return self.made.world if link < 0 else self.bodies[link]

    def _body(self, link: Link) -> Element:
        name = body_name(self.part, link.name)
        place = self._placed(link.parent, link.pos, link.quat)
        body = SubElement(self._holder(link.parent), "body", {"name": name} | place)
        if link.mass > 0.0 or np.any(link.inertia):
            inertia = _inertia(np.asarray(link.inertia, float))
            SubElement(body, "inertial", {"pos": words(link.com), "mass": words(link.mass)} | inertia)
        for joint in link.joints:
            self._joint(body, joint)
        return body

    def _joint(self, body: Element, joint: Joint) -> None:
        kind = joint.kind
        if kind.mjcf is None:
            raise UnsupportedError(
                f'{self.d.name}: joint "{joint.name}" is a {kind.name}, which MuJoCo does not have; this scene cannot be exported to it.'
            )
        made = SubElement(body, "joint", name=self.name(joint.name), type=kind.mjcf)
        if not kind.floats:
            made.set("pos", words(joint.pos))
        if kind.axis:
            made.set("axis", words(joint.axis))
        if kind.scalar:
            made.attrib.update(ref=words(joint.ref), springref=words(joint.springref))
        if joint.limit is not None and not kind.floats:
            made.attrib.update(limited="true", range=words(joint.limit), margin=words(joint.limit_margin))
            made.attrib.update(solreflimit=words(joint.limit_solref), solimplimit=words(joint.limit_solimp))
        for name in ("damping", "stiffness", "armature", "frictionloss"):
            made.set(name, words(getattr(joint, name)))
        made.attrib.update(solreffriction=words(joint.friction_solref), solimpfriction=words(joint.friction_solimp))
        if joint.mimic is not None:
            self._follow(joint, joint.mimic)

    def _follow(self, joint: Joint, mimic: Mimic) -> None:
        """A joint that mimics another as an equality, which MuJoCo holds softly; displacements are from the described pose."""
        ends = self.name(joint.name), self.name(mimic.joint)
        leader = next(j for link in self.d.links for j in link.joints if j.name == mimic.joint)
        shift = mimic.multiplier * leader.ref + mimic.offset - joint.ref
        coefficients = (shift, mimic.multiplier, 0.0, 0.0, 0.0)
        SubElement(self.made.equality, "joint", joint1=ends[0], joint2=ends[1], polycoef=words(coefficients), solref="0.002 1")
        self.made.followers.append((*ends, mimic.multiplier, mimic.offset))

    def _geom(self, k: int, geom: Geom, skinned: bool) -> None:
        touches = k in self.part.touching
        if not touches and not geom.visual and skinned:
            return  # neither seen nor felt
        if geom.type == "hfield" and touches:
            raise UnsupportedError(f'{self.d.name}: geom "{geom.name}" is a height field; export of it to MuJoCo is not written.')
        attributes = self._shape(k, geom, touches)
        if attributes is None:
            return
        made = SubElement(self._holder(geom.link), "geom", {"name": geom_name(self.part, k)} | attributes)
        made.attrib.update(self._placed(geom.link, geom.pos, geom.quat))
        bits = (geom.contype, geom.conaffinity) if touches and not geom.visual else (0, 0)
        made.attrib.update(contype=str(bits[0]), conaffinity=str(bits[1]))
        made.attrib.update(rgba=words(geom.rgba), group=FELT if touches and skinned else SEEN)
        if touches:
            made.attrib.update(condim=str(geom.condim), priority=str(geom.priority))
            for name in ("friction", "solref", "solimp", "solmix", "margin", "gap"):
                made.set(name, words(getattr(geom, name)))

    def _shape(self, k: int, geom: Geom, touches: bool) -> dict[str, str] | None:
        """Type and size; None for what has no shape to write."""
        if geom.type in SIZES:
            size = np.resize(np.append(np.asarray(geom.size, float), np.zeros(3)), SIZES[geom.type])
            return {"type": geom.type, "size": words(np.maximum(size, [0, 0, 1]) if geom.type == "plane" else size)}
        if geom.type != "mesh" or geom.vertices is None:
            return None
        vertices, faces = geom.vertices, geom.faces
        if touches and geom.hull is not None:
            vertices, faces = geom.hull
        if len(vertices) < 4 or (not touches and faces is None):
            return None
        name = f"{self.part.prefix}{k}".replace("/", "_")
        self.made.meshes[f"{name}.obj"] = _obj(vertices, faces)
        SubElement(self.made.assets, "mesh", name=name, file=f"{name}.obj", inertia="convex" if touches else "shell")
        return {"type": "mesh", "mesh": name}

    def _site(self, name: str, link: int, pos: np.ndarray, quat: np.ndarray) -> str:
        full = self.part.prefix + name
        SubElement(self._holder(link), "site", {"name": full, "size": "0.005"} | self._placed(link, pos, quat))
        return full

    def _equality(self, k: int, equality: Equality) -> None:
        """Between links by two sites, whose frames say what `Equality.data` says."""
        common = {
            "name": f"{self.part.prefix}{equality.name}",
            "solref": words(equality.solref),
            "solimp": words(equality.solimp),
        }
        if equality.type == "joint":
            ends = {"joint1": self.name(equality.first)}
            if equality.second is not None:
                ends["joint2"] = self.name(equality.second)
            SubElement(self.made.equality, "joint", common | ends | {"polycoef": words(equality.data[:5])})
            return
        numbers = {link.name: number for number, link in enumerate(self.d.links)}
        first, second = (numbers.get(str(name), -1) for name in (equality.first, equality.second))
        data, neutral = np.asarray(equality.data, float), np.array([1.0, 0.0, 0.0, 0.0])
        if equality.type == "weld":
            places, turn = (data[3:6], data[:3]), data[6:10] if np.any(data[6:10]) else neutral
            common["torquescale"] = words(data[10])
        else:
            places, turn = (data[:3], data[3:6]), neutral
        sites = {
            "site1": self._site(f"equality{k}.1", first, places[0], turn),
            "site2": self._site(f"equality{k}.2", second, places[1], neutral),
        }
        SubElement(self.made.equality, equality.type, common | sites)


def _inertia(inertia: np.ndarray) -> dict[str, str]:
    """(3, 3) as attributes: six numbers, or its moments where it is not positive definite, as that of a frame without extent."""
    moments, axes = np.linalg.eigh(inertia)
    if moments[0] > 0.0:
        return {"fullinertia": words(inertia[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]])}
    if not np.any(inertia - np.diag(np.diag(inertia))):
        return {"diaginertia": words(np.diag(inertia))}
    from scipy.spatial.transform import Rotation  # only writers pay for its start

    turn = Rotation.from_matrix(axes * np.sign(np.linalg.det(axes))).as_quat(scalar_first=True)
    return {"diaginertia": words(moments), "quat": words(turn)}


def _obj(vertices: np.ndarray, faces: np.ndarray | None) -> str:
    """Wavefront OBJ in the precision that MuJoCo keeps."""
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in np.asarray(vertices, float)]
    lines += [] if faces is None else [f"f {a} {b} {c}" for a, b, c in np.asarray(faces, int) + 1]
    return "\n".join(lines) + "\n"


def write_meshes(made: MjcfDocument, folder: Path) -> list[Path]:
    """The mesh files of a document, in its folder `meshes`."""
    files = [folder / "meshes" / name for name in made.meshes]
    for file, text in zip(files, made.meshes.values(), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return files
