"""What the bodies of a description look like: their visual shapes, else what touches, else a skeleton."""

import math
from dataclasses import dataclass, replace

import numpy as np

from genesis.description.description import Description, Geom
from genesis.description.poses import quat_to_matrix
from genesis.replay import solids
from genesis.replay.decimation import creased, decimated, share_out
from genesis.replay.mesh_parts import MeshPart, picture, read_parts, split_corners
from genesis.replay.palette import colour_of
from genesis.replay.replay import Colour, Skin
from genesis.replay.skeleton import Box, skeletons

TRIANGLES = 20_000  # of all bodies of a description together, at most
GROUND = 5.0  # half width of the piece of an endless plane that is worth seeing [m]
HIDDEN_GROUP = 3  # the first group of geoms that is not drawn, as in MuJoCo
COARSEST = 8  # corners of a circle
WHITE: Colour = (1.0, 1.0, 1.0, 1.0)


def skins_of(description: Description, triangles: int = TRIANGLES) -> list[list[Skin]]:
    """Skins of each link, in the order of the description, then those of what is fixed in the world (link -1).

    Drawn are, of a file with groups, those up to 2, without what touches where a link has a mesh that is only seen; of other files what is
    only seen, else what touches. Never what is wholly transparent. A link with mass or joints but without any shape gets a bone.
    triangles: of all together, at most; meshes have fewer where they would have more. (Hundreds of solids may need a few more.)
    """
    made: list[list[Skin]] = [[] for _ in range(len(description.links) + 1)]
    drawn = drawn_of(description, triangles)
    bones = skeletons(description, _boxes(description, drawn))
    free = triangles - sum(len(part.faces) for _, found in bones for part in found)
    shares = share_out([len(shape.part.faces) for shape in drawn], [shape.part.surface for shape in drawn], max(free, 0))
    simpler: dict[tuple[int, int], MeshPart] = {}  # by part and share: equal parts of a robot are equal
    for shape, share in zip(drawn, shares, strict=True):
        key, geom = (id(shape.part), share), shape.geom
        if key not in simpler:
            simpler[key] = shape.part if geom.type == "plane" else creased(decimated(shape.part, share))
        made[geom.link].append(_skin(DrawnPart(geom, simpler[key]), colour_of(description, geom)))
    for link, found in bones:
        made[link] += [_bare(creased(part)) for part in found]
    return made


@dataclass
class DrawnPart:
    """A part of a geom that is drawn, in the frame of the geom."""

    geom: Geom
    part: MeshPart

    @property
    def vertices(self) -> np.ndarray:
        """(n, 3) in the frame of its link [m]."""
        return self.part.vertices @ quat_to_matrix(self.geom.quat).T + self.geom.pos


def drawn_of(description: Description, triangles: int = TRIANGLES) -> list[DrawnPart]:
    """What is drawn, with all its triangles; round solids have fewer where there are many of them."""
    solid = [geom for geom in description.geoms if geom.type not in ("mesh", "sdf", "hfield", "plane")]
    detail = int(math.sqrt(triangles / max(len(solid), 1)))  # a ball of n corners around has about n² triangles
    detail = min(solids.DETAIL, max(COARSEST, detail - detail % 4))
    files: dict[tuple, list[MeshPart]] = {}
    made: list[DrawnPart] = []
    for link in range(-1, len(description.links)):
        shown = [geom for geom in description.geoms if geom.link == link and geom.rgba[3] > 0.0]
        shown = [geom for geom in shown if geom.group is None or geom.group < HIDDEN_GROUP]
        seen = [DrawnPart(geom, part) for geom in shown if not touches(geom) for part in _parts(geom, detail, files)]
        made += seen
        if not any(shape.geom.group is None or shape.geom.type == "mesh" for shape in seen):
            made += [DrawnPart(geom, part) for geom in shown if touches(geom) for part in _parts(geom, detail, files)]
    return made


def touches(geom: Geom) -> bool:
    """Whether it is there to touch, though a morph may have said that it shall not."""
    return not geom.visual or bool(geom.contype or geom.conaffinity)


def _boxes(description: Description, drawn: list[DrawnPart]) -> dict[int, Box | None]:
    """Around what is drawn of each link; None where nothing is, though the file has a shape."""
    boxes: dict[int, Box | None] = {geom.link: None for geom in description.geoms if geom.type != "mesh" or not _lost(geom)}
    for link in {shape.geom.link for shape in drawn}:
        points = np.concatenate([shape.vertices for shape in drawn if shape.geom.link == link])
        boxes[link] = points.min(0), points.max(0)
    return boxes


def _lost(geom: Geom) -> bool:
    """A mesh that is not there, or that nobody could read."""
    return geom.vertices is None if geom.mesh_file is None or not geom.unread else not geom.mesh_file.path.is_file()


def _parts(geom: Geom, detail: int, files: dict[tuple, list[MeshPart]]) -> list[MeshPart]:
    """The triangles of a geom in its own frame; none where nothing is known of its shape. files: what was read so far."""
    return _mesh_parts(geom, files) if geom.type == "mesh" else _solid(geom, detail)


def _solid(geom: Geom, detail: int) -> list[MeshPart]:
    size = np.asarray(geom.size, float)
    if geom.type == "plane":
        x, y = (float(s) if s > 0.0 else GROUND for s in size[:2])
        vertices = np.array([[-x, -y, 0.0], [x, -y, 0.0], [x, y, 0.0], [-x, y, 0.0]])
        return [MeshPart(vertices, np.array([[0, 1, 2], [0, 2, 3]]))]
    if geom.type == "hfield" and geom.hfield is not None:
        return [MeshPart(*solids.height_field(geom.hfield))]
    if geom.type == "box":
        return [MeshPart(*solids.box(size[:3]))]
    if geom.type == "capsule":
        return [MeshPart(*solids.capsule(size[0], size[1], detail))]
    if geom.type == "cylinder":
        return [MeshPart(*solids.cylinder(size[0], size[1], detail))]
    if geom.type in ("sphere", "ellipsoid"):
        return [MeshPart(*solids.ellipsoid(np.full(3, size[0]) if geom.type == "sphere" else size[:3], detail))]
    return []


def _mesh_parts(geom: Geom, files: dict[tuple, list[MeshPart]]) -> list[MeshPart]:
    """The parts of a mesh: those of its file with their looks, else the triangles that the geom has."""
    parts: list[MeshPart] = []
    if geom.mesh_file is not None:
        key = (geom.mesh_file.path, geom.mesh_file.scale.tobytes(), id(geom) if geom.texture is not None else None)
        if key not in files:
            files[key] = [_textured(part, geom) for part in read_parts(geom.mesh_file)]
        parts = files[key]
    if geom.unread or any(not part.plain for part in parts):
        return parts
    if geom.vertices is None or geom.faces is None:
        return []
    part = MeshPart(geom.vertices, geom.faces)
    if geom.texture is not None and geom.texture.uv is not None:
        corners = np.arange(3 * len(part.faces)).reshape(-1, 3)
        keys, back = np.unique(geom.texture.uv.reshape(-1, 2), axis=0, return_inverse=True)
        vertices, faces, uv = split_corners(part.vertices, part.faces, keys, back.reshape(-1)[corners])
        part = MeshPart(vertices, faces, uv=uv)
    return [_textured(part, geom)]


def _textured(part: MeshPart, geom: Geom) -> MeshPart:
    """A part with the picture of its geom, unless its file says how it looks."""
    pixels = picture(geom.texture.pixels) if geom.texture is not None and part.plain else None
    if pixels is None:
        return part if part.texture is not None else replace(part, uv=None)  # places on a picture that is not there
    if part.uv is not None:
        return replace(part, texture=pixels)
    mean = pixels[..., :3].reshape(-1, 3).mean(0) / 255.0
    return replace(part, rgba=(float(mean[0]), float(mean[1]), float(mean[2]), 1.0))


def _skin(shape: DrawnPart, colour: Colour) -> Skin:
    """In the frame of the link, in the colour of the part, else that of its geom."""
    geom, part = shape.geom, shape.part
    vertices, faces = shape.vertices.astype(np.float32), np.asarray(part.faces, np.int32)
    if part.colours is not None:
        return Skin(vertices, faces, WHITE, colours=np.ascontiguousarray(part.colours, np.uint8))
    if part.uv is not None and part.texture is not None:
        tint, texture = geom.rgba if geom.coloured else WHITE, part.texture
        if tint[:3] != WHITE[:3]:
            texture = texture.copy()
            texture[..., :3] = np.rint(texture[..., :3] * np.array(tint[:3]))
        return Skin(vertices, faces, (1.0, 1.0, 1.0, tint[3]), uv=part.uv.astype(np.float32), texture=texture)
    return Skin(vertices, faces, part.rgba or colour, ground=geom.type == "plane")


def _bare(part: MeshPart) -> Skin:
    """A bone."""
    assert part.rgba is not None
    return Skin(part.vertices.astype(np.float32), np.asarray(part.faces, np.int32), part.rgba)


def moved(skin: Skin, pos: np.ndarray, quat: np.ndarray) -> Skin:
    """A skin in the frame that sees its own at pos (3,) [m], quat (4,)."""
    return replace(skin, vertices=(skin.vertices @ quat_to_matrix(quat).T + pos).astype(np.float32))
