"""What an MJCF file would make of a few lines, counted before MuJoCo makes it: copies, grids, fields, pictures, memory."""

import math
import re
import struct
from pathlib import Path
from xml.etree.ElementTree import Element

from genesis.description.limits import MOST_ELEMENTS, MOST_MESH_BYTES, check_file_size
from genesis.description.magnitudes import MOST_MASS
from genesis.description.mjcf_elements import spelled_out
from genesis.description.source import Source, decoded, parse_xml, trimmed
from genesis.errors import ModelError

MOST_CELLS = 1 << 24  # of a height field
MOST_PIXELS = 1 << 27
MOST_POINTS = 100_000  # of a grid of bodies or of a soft body
MOST_SLOTS = 10**7  # numbers that <size>, <numeric> and actuators ask for
TEXTS = frozenset(  # attributes that hold names, which may look like numbers
    """name class childclass file prefix model content_type meshdir texturedir assetdir plugin instance key value data dclass
    mesh material texture hfield skin body body1 body2 bodyname joint joint1 joint2 jointinparent geom geom1 geom2 site site1 site2 tendon
    tendon1 tendon2 actuator cranksite slidersite refsite sidesite target camera flex objtype objname reftype refname""".split()
)
_ODD = re.compile(r"(?<!\S)[+-]?(?:nan|\d[\d.]*e\+?\d{2,})(?!\S)", re.IGNORECASE)
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50, "E": 1 << 60}
MOST_MEMORY = 1 << 32
GRIDS = ("composite", "flexcomp")
FILES = ("mesh", "skin", "hfield", "flexcomp")
PNG = b"\x89PNG\r\n\x1a\n"


def check_budget(source: Source) -> None:
    """Raises: ModelError that names the element, what it would make, and what is allowed."""
    _check(spelled_out(source), source.folder, source.where, {source.path})


def _check(root: Element, folder: Path, where: str, read: set[Path | None]) -> None:
    """The document, with includes in place; read: documents on the way here, which a model that is attached must not lead back to."""
    for world in root.iter("worldbody"):
        made = sum(_copies(child, where) for child in world)
        if made > MOST_ELEMENTS:
            raise ModelError(f"{where}: its bodies and geoms would be {made} when all copies are made; at most {MOST_ELEMENTS}.")
    for element in root.iter():
        if isinstance(element.tag, str):  # comments have none
            _check_sizes(element, where)
            _check_numbers(element, where)
    folders = _folders(root, folder)
    for element in root.iter("asset"):
        for part in element:
            file = part.get("file", "") if isinstance(part.tag, str) else ""
            kind = "texture" if part.tag in ("texture", "skin") else "mesh"
            path = (folder if part.tag == "model" else folders[kind]) / file
            if not file or not path.is_file():
                continue  # MuJoCo says so
            if part.tag == "model":
                _check_model(path, read)
            elif part.tag == "texture":
                _check_picture(path, where, MOST_PIXELS)
            elif part.tag in FILES:
                check_file_size(path, MOST_MESH_BYTES, "a file of a shape")
                if part.tag == "hfield":
                    _check_picture(path, where, MOST_CELLS)


def _check_model(path: Path, read: set[Path | None]) -> None:
    """A model whose parts are attached."""
    if path in read or path.suffix.lower() == ".mjb":
        raise ModelError(f"{path}: a model that is attached may not be compiled already, nor lead back to where it is attached.")
    check_file_size(path)
    _check(parse_xml(trimmed(decoded(path.read_bytes())), str(path)), path.parent, str(path), {*read, path})


def _copies(element: Element, where: str) -> int:
    """Elements that one makes, with those inside."""
    if not isinstance(element.tag, str):
        return 0
    inside = 1 + sum(_copies(child, where) for child in element)
    if element.tag == "replicate":
        return inside * max(1, *_whole(element, "count"), 1)
    if element.tag in GRIDS:
        count = math.prod(max(1, n) for n in _whole(element, "count"))
        if count > MOST_POINTS:
            raise ModelError(f"{where}: <{element.tag}> makes {count} points; at most {MOST_POINTS}.")
    return inside


def _check_numbers(element: Element, where: str) -> None:
    """MuJoCo passes over what is no number, and computes with what is too large for it."""
    for name, text in element.attrib.items():
        if name in TEXTS:
            continue
        for word in _ODD.findall(text):
            try:
                allowed = abs(float(word)) <= MOST_MASS
            except ValueError:  # no number: MuJoCo says so
                continue
            if not allowed:
                raise ModelError(
                    f'{where}: <{element.tag} {name}="{text[:60]}"> has the number {word}; allowed: up to {MOST_MASS:g}.'
                )


def _check_sizes(element: Element, where: str) -> None:
    """Sizes that are asked for in attributes."""
    tag = element.tag
    if tag == "replicate" and (asked := max(_whole(element, "count"), default=0)) > MOST_ELEMENTS:
        raise ModelError(f"{where}: <replicate> makes {asked} copies; at most {MOST_ELEMENTS}.")
    if tag in ("hfield", "texture"):
        sides = ("nrow", "ncol") if tag == "hfield" else ("width", "height")
        cells = math.prod(max(1, *_whole(element, side), 1) for side in sides)
        most = MOST_CELLS if tag == "hfield" else MOST_PIXELS
        if cells > most:
            raise ModelError(f'{where}: <{tag} name="{element.get("name", "")}"> has {cells} cells; at most {most}.')
    if tag == "size":
        _check_memory(element.get("memory", ""), where)
        slots = {name: max(_whole(element, name), default=0) for name in element.attrib if name != "memory"}
        _check_slots(slots, tag, where)
    if tag in ("numeric", "general", "plugin", "user"):
        _check_slots({name: max(_whole(element, name), default=0) for name in ("size", "actdim", "nsample")}, tag, where)


def _check_slots(slots: dict[str, int], tag: str, where: str) -> None:
    for name, count in slots.items():
        if count > MOST_SLOTS:
            raise ModelError(f'{where}: <{tag} {name}="{count}"> asks for more than {MOST_SLOTS} numbers.')


def _check_memory(text: str, where: str) -> None:
    """<size memory="1G">"""
    number, unit = (text[:-1], text[-1:].upper()) if text[-1:].isalpha() else (text, "")
    if number.isdigit() and int(number) * UNITS.get(unit, 1) > MOST_MEMORY:
        raise ModelError(f'{where}: <size memory="{text}"> asks for more than {MOST_MEMORY >> 30} GiB; leave it out.')


def _whole(element: Element, name: str) -> list[int]:
    """The whole numbers of an attribute; what is none is left to MuJoCo."""
    found = []
    for word in element.get(name, "").split()[:3]:
        try:
            value = float(word)
        except ValueError:
            return []
        found.append(int(value) if math.isfinite(value) else MOST_SLOTS**2)
    return found


def _folders(root: Element, folder: Path) -> dict[str, Path]:
    """Where meshes and pictures lie."""
    found = {"mesh": folder, "texture": folder}
    for compiler in root.iter("compiler"):
        for kind in found:
            name = compiler.get(f"{kind}dir") or compiler.get("assetdir")
            if name:
                found[kind] = folder / name
    return found


def _check_picture(path: Path, where: str, most: int) -> None:
    """The size that the head of a PNG file says."""
    with path.open("rb") as file:
        head = file.read(24)
    if head.startswith(PNG) and len(head) == 24:
        width, height = struct.unpack(">II", head[16:])
        if width * height > most:
            raise ModelError(f"{where}: the picture {path} has {width * height} pixels; at most {most}.")
