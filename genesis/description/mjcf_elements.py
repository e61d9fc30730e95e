"""The XML of an MJCF file, includes put in place, and which element became which number of the compiled model.

MuJoCo can write XML itself, but rounds every number to six digits and drops comments; so the file's own XML is edited.
"""

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from genesis.description.limits import check_file_size
from genesis.description.mjcf_names import Names
from genesis.description.source import Source, decoded, parse_xml, trimmed
from genesis.errors import ModelError, UnsupportedError

if TYPE_CHECKING:
    import mujoco

MULTIPLYING = (
    "replicate",
    "attach",
    "composite",
    "flexcomp",
    "plugin",
)  # one element of the file makes several, or some elsewhere
FOLDERS = ("meshdir", "texturedir")  # assetdir stands for both


@dataclass
class Elements:
    """Elements by MuJoCo's number; bodies[0] is the world. spec: the same elements as MuJoCo reads them, model: compiled."""

    root: Element
    bodies: list[Element]
    joints: list[Element]
    geoms: list[Element]
    actuators: list[Element]
    equalities: list[Element]
    pairs: list[Element]
    spec: Any
    model: "mujoco.MjModel"
    names: Names


def read_elements(source: Source) -> Elements:
    """Parse, put includes in place, name folders of meshes absolutely, and number the elements.

    Raises: UnsupportedError if the elements of the file are not those of the model one by one.
    """
    root = spelled_out(source)
    for tag in MULTIPLYING:
        if (found := next((e for section in root.findall("worldbody") for e in section.iter(tag)), None)) is not None:
            raise UnsupportedError(
                f'{source.where}: <{tag} name="{found.get("name", "")}"> makes elements that the file does not spell out, so they '
                "cannot be changed there; save the expanded model first (mujoco.mj_saveLastXML)."
            )
    import mujoco

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they were reported when the file was read
        spec = mujoco.MjSpec.from_string(ElementTree.tostring(root, encoding="unicode"))
        model = spec.compile()
    bodies = [root.find("worldbody") or Element("worldbody")]
    joints: list[Element] = []
    geoms: list[Element] = []
    worlds = root.findall("worldbody")
    geoms += [e for world in worlds for e in _inside(world) if e.tag == "geom"]
    stack = [e for world in worlds for e in _inside(world) if e.tag == "body"][::-1]
    while stack:
        body = stack.pop()
        bodies.append(body)
        inside = list(_inside(body))
        joints += [e for e in inside if e.tag in ("joint", "freejoint")]
        geoms += [e for e in inside if e.tag == "geom"]
        stack += [e for e in inside if e.tag == "body"][::-1]
    pairs = [e for section in root.findall("contact") for e in section.findall("pair")]
    made = Elements(
        root, bodies, joints, geoms, _section(root, "actuator"), _section(root, "equality"), pairs, spec, model, Names(model)
    )
    _check(made, source.where)
    return made


def spelled_out(source: Source) -> Element:
    """The document with its includes put in place and its folders named absolutely: it may be read from anywhere."""
    root, _ = _expanded(source)
    _absolute_folders(root, source.folder)
    return root


def included_files(source: Source) -> list[Path]:
    """Files that the document includes, and those that they include."""
    return _expanded(source)[1]


def _expanded(source: Source) -> tuple[Element, list[Path]]:
    files: list[Path] = []
    root = parse_xml(source.text, source.where, comments=True)
    _expand(root, (source.folder,), source.where, files)
    return root, files


def _expand(element: Element, folders: tuple[Path, ...], where: str, files: list[Path]) -> None:
    """Replace every <include file="…"> below by what the file holds, and append it to ``files``.

    folders: where names may lie: in the folder of the main file, else, as MuJoCo looks for them, beside the file that includes.

    Raises: ModelError for a file that does not exist, cannot be parsed, or is included already, which MuJoCo does not allow either.
    """
    for child in list(element):
        if child.tag == "include":
            paths = [folder / child.get("file", "") for folder in folders]
            path = next((path for path in paths if path.is_file()), None)
            if path is None:
                raise ModelError(f"{where}: included file {paths[0]} does not exist.")
            if path in files:
                raise ModelError(f"{where}: file {path} is included already; MuJoCo allows every file once.")
            files.append(path)
            check_file_size(path)
            inner = parse_xml(trimmed(decoded(path.read_bytes())), str(path), comments=True)
            _expand(inner, (folders[0], path.parent), str(path), files)
            place = list(element).index(child)
            element.remove(child)
            for k, part in enumerate(inner):
                element.insert(place + k, part)
        else:
            _expand(child, folders, where, files)


def _absolute_folders(root: Element, folder: Path) -> None:
    """Let meshdir and texturedir name folders absolutely, so that the file may stand anywhere."""
    base = folder.resolve()
    compilers = root.findall("compiler")
    if not compilers:
        compilers = [Element("compiler")]
        compilers[0].tail = root.text
        root.insert(0, compilers[0])
    for attribute in FOLDERS:
        named = [name for c in compilers for name in (c.get("assetdir"), c.get(attribute)) if name]
        compilers[-1].set(attribute, os.path.join(base, named[-1] if named else ""))


def _inside(body: Element) -> Iterator[Element]:
    """What a body owns, frames opened, bodies below not."""
    for child in body:
        if child.tag == "frame":
            yield from _inside(child)
        else:
            yield child


def _section(root: Element, tag: str) -> list[Element]:
    return [e for section in root.findall(tag) for e in section if isinstance(e.tag, str)]


def _check(made: Elements, where: str) -> None:
    """Raises: UnsupportedError where counts or names differ from those of the compiled model."""
    kinds = {
        "body": (made.bodies[1:], made.names.body[1:]),
        "joint": (made.joints, made.names.joint),
        "geom": (made.geoms, made.names.geom),
        "actuator": (made.actuators, made.names.actuator),
        "equality": (made.equalities, made.names.equality),
    }
    for kind, (elements, names) in kinds.items():
        same = len(elements) == len(names) and all(e.get("name", n) == n for e, n in zip(elements, names, strict=True))
        if not same:
            raise UnsupportedError(
                f"{where}: the {len(elements)} {kind} elements of the file are not the {len(names)} of the model (something merges, "
                "removes or reorders them, e.g. compiler fusestatic or discardvisual); save the compiled model first (mujoco.mj_saveLastXML)."
            )
