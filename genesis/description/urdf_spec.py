"""Links and geometry of a URDF by way of MuJoCo's MjSpec, read before MuJoCo compiles (and would refuse or merge) anything.

MjSpec turns origins into poses, materials into colours and shapes into geoms. What it would lose, refuse or rename is kept away
from it: links and meshes go in under numbers, joints as fixed ones; they are put back by name afterwards.
"""

import copy
import os
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np

from genesis.description.description import LATE, Geom, Link, Texture
from genesis.description.inertia import rotate_inertia
from genesis.description.poses import quat_to_matrix
from genesis.description.source import Source
from genesis.description.urdf_elements import end_of, label, name_of, number, numbers
from genesis.description.urdf_meshes import MeshReader, MeshUse
from genesis.errors import ModelError

COMPILER = {"discardvisual": "false", "fusestatic": "false", "strippath": "true", "balanceinertia": "false"}
SHAPES = ("box", "sphere", "cylinder", "capsule", "mesh")


@dataclass
class Shape:
    """The <visual> or <collision> element that becomes one geom, and its mesh if it has one."""

    element: Element
    mesh: MeshUse | None


def read_links(
    source: Source, package_dirs: Sequence[str | os.PathLike], collision: bool = True
) -> tuple[list[Link], list[Geom]]:
    """All links with pose, mass and inertia but without joints, parents first, in the order of a depth-first walk; their geoms.

    Args: collision: whether every collision mesh must be there; else a lost one is noted, as a visual one is.
    Raises: ModelError if a collision shape is unknown or lost, or MuJoCo cannot parse what is left.
    """
    import mujoco

    elements = source.root.findall("link")
    text, shapes = _numbered(source, elements)
    try:
        spec = mujoco.MjSpec.from_string(text)
    except ValueError as error:
        raise ModelError(f"{source.where}: {' '.join(str(error).split())}") from None
    links: list[Link] = []
    geoms: list[Geom] = []
    index_of: dict[str, int] = {"world": -1}
    reader, paints = MeshReader(source, package_dirs), _paints(source)
    for body in spec.bodies[1:]:
        element = elements[int(body.name)]
        index_of[body.name] = len(links)
        links.append(_link(body, element, index_of[body.parent.name]))
        for order, (geom, shape) in enumerate(zip(body.geoms, shapes[int(body.name)], strict=True)):
            geoms.append(_geom(geom, shape, order, len(links) - 1, name_of(element), reader))
            if geoms[-1].visual:
                _paint(geoms[-1], shape.element, paints, reader)
    reader.report(collision)
    _number_repeated(geoms)
    return links, geoms


@dataclass
class _Paint:
    """What a <material> says. texture: the name of its picture, empty for none."""

    coloured: bool
    texture: str


def _paints(source: Source) -> dict[str, _Paint]:
    """The materials of the file by name, wherever they are defined."""
    return {
        name: paint for element in source.root.iter("material") if (name := element.get("name")) and (paint := _paint_of(element))
    }


def _paint_of(material: Element) -> _Paint | None:
    """None if the element says nothing: it names one that is defined elsewhere."""
    texture = material.find("texture")
    paint = _Paint(material.find("color") is not None, "" if texture is None else texture.get("filename", ""))
    return paint if paint.coloured or paint.texture else None


def _paint(geom: Geom, visual: Element, paints: dict[str, _Paint], reader: MeshReader) -> None:
    """Say whether the colour of a visual is one that the file names, and its texture."""
    material = visual.find("material")
    if material is None:
        return
    paint = _paint_of(material) or paints.get(material.get("name", ""))
    if paint is not None:
        geom.coloured = paint.coloured
        picture = reader.find_texture(paint.texture) if paint.texture else None
        geom.texture = None if picture is None else Texture(picture)


def _number_repeated(geoms: list[Geom]) -> None:
    """Shapes may share a name in a URDF: the second "body" becomes "body_2"."""
    taken: set[str] = set()
    for geom in geoms:
        name, count = geom.name, 1
        while geom.name in taken:
            count += 1
            geom.name = f"{name}_{count}"
        taken.add(geom.name)


def _numbered(source: Source, elements: list[Element]) -> tuple[str, list[list[Shape]]]:
    """The URDF text for MjSpec, and per link the shapes in it."""
    robot = Element("robot", name="robot")
    SubElement(SubElement(robot, "mujoco"), "compiler", COMPILER)
    robot.extend(source.root.findall("material"))
    number_of = {name_of(element): str(k) for k, element in enumerate(elements)}
    shapes: list[list[Shape]] = []
    mesh_count = 0
    for element in elements:
        link = SubElement(robot, "link", name=number_of[name_of(element)])
        inertial = element.find("inertial")
        if inertial is not None and inertial.find("mass") is not None:
            link.append(_inertial(inertial))
        shapes.append(_shapes(element, source))
        for shape in shapes[-1]:
            part = copy.deepcopy(shape.element)
            part.attrib.clear()  # MuJoCo warns of names that repeat
            for mesh in part.iterfind("geometry/mesh"):
                mesh.attrib = {"filename": f"{mesh_count}.stl"}
                mesh_count += 1
            link.append(part)
    for element in source.root.findall("joint"):
        joint = SubElement(robot, "joint", name=name_of(element), type="fixed")
        for end in ("parent", "child"):
            SubElement(joint, end, link=number_of[end_of(element, end)])
        if (origin := element.find("origin")) is not None:
            joint.append(origin)
    return tostring(robot, encoding="unicode"), shapes


def _inertial(element: Element) -> Element:
    """<inertial> with the inertia replaced by ones: read from the file itself, since MjSpec keeps no zero inertia."""
    inertial = Element("inertial")
    inertial.extend(part for part in element if part.tag in ("origin", "mass"))
    SubElement(inertial, "inertia", ixx="1", iyy="1", izz="1", ixy="0", ixz="0", iyz="0")
    return inertial


def _shapes(element: Element, source: Source) -> list[Shape]:
    shapes = []
    for part in element:
        if part.tag not in ("visual", "collision"):
            continue
        geometry = part.find("geometry")
        known = [] if geometry is None else [shape for shape in geometry if shape.tag in SHAPES]
        if known:
            mesh = known[0] if known[0].tag == "mesh" else None
            shapes.append(Shape(part, mesh if mesh is None else _mesh_use(mesh)))
        elif part.tag == "collision":
            found = "nothing" if geometry is None or len(geometry) == 0 else f"<{geometry[0].tag}>"
            raise ModelError(f"{source.where}: {label(element)}: collision geometry is {found}; known: {', '.join(SHAPES)}.")
        else:
            source.notes.add("visuals of no known shape, left out", label(element))
    return shapes


def _mesh_use(mesh: Element) -> MeshUse:
    return MeshUse(mesh.get("filename", ""), np.ones(3) * numbers(mesh, "scale", [1.0]))


def _link(body, element: Element, parent: int) -> Link:
    link = Link(name_of(element), parent, np.array(body.pos), np.array(body.quat))
    if element.find("inertial/mass") is None:
        return link
    i = {name: number(element.find("inertial/inertia"), name, 0.0) for name in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")}
    inertia = np.array([[i["ixx"], i["ixy"], i["ixz"]], [i["ixy"], i["iyy"], i["iyz"]], [i["ixz"], i["iyz"], i["izz"]]])
    link.mass, link.com = float(body.mass), np.array(body.ipos)
    link.inertia = rotate_inertia(inertia, quat_to_matrix(body.iquat))
    return link


def _geom(geom, shape: Shape, order: int, link: int, link_name: str, reader: MeshReader) -> Geom:
    kind = geom.type.name.removeprefix("mjGEOM_").lower()
    visual = shape.element.tag == "visual"
    made = Geom(
        name=shape.element.get("name") or f"{link_name}_{shape.element.tag}_{order}",
        link=link,
        type=kind,
        size=np.array(geom.size),
        pos=np.array(geom.pos),
        quat=np.array(geom.quat),
        visual=visual,
    )
    if visual:
        made.rgba = (float(geom.rgba[0]), float(geom.rgba[1]), float(geom.rgba[2]), float(geom.rgba[3]))
        made.contype = made.conaffinity = 0
    if shape.mesh is not None:
        made.file, made.mesh_file = shape.mesh.name, reader.find(shape.mesh, link_name, visual)
        if made.mesh_file is not None:
            made.file = str(made.mesh_file.path)
            made.vertices, made.faces = (
                (LATE, LATE) if visual else reader.read(made.mesh_file, shape.mesh, link_name) or (None, None)
            )
    return made
