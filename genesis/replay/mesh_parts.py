"""Mesh files as they are to be seen: their triangles in parts of one material, with its colour or picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from genesis.description.meshes import MeshFile, collada_scene, scaled
from genesis.errors import ModelError
from genesis.log import logger
from genesis.replay.replay import Colour

LARGEST = 1024  # pixels on a side of a picture
FEW = 16  # colours of faces that become parts of their own


@dataclass
class MeshPart:
    """Triangles of one material. vertices (n, 3), faces (m, 3). rgba: None where the file names no colour. The rest as in `Skin`."""

    vertices: np.ndarray
    faces: np.ndarray
    rgba: Colour | None = None
    colours: np.ndarray | None = None
    uv: np.ndarray | None = None
    texture: np.ndarray | None = None

    @property
    def plain(self) -> bool:
        """Whether the file says nothing of how it looks."""
        return self.rgba is None and self.colours is None and self.texture is None

    @property
    def surface(self) -> float:
        """[m²]"""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return float(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())


def read_parts(file: MeshFile) -> list[MeshPart]:
    """The parts of a mesh file at its scale; none, with a warning, where it cannot be read.

    Raises: nothing: a run does not end because of a picture.
    """
    try:
        found = list(_collada(file.path) if file.path.suffix.lower() == ".dae" else _with_trimesh(file.path))
        if not any(len(part.faces) for part in found):
            raise ModelError("it has no faces")
        if not all(np.isfinite(part.vertices).all() for part in found):
            raise ModelError("it has vertices that are not finite")
    except Exception as error:  # whatever the loader of one of their many formats raises
        logger.warning("%s: mesh %s cannot be drawn: %s.", file.where, file.path, str(error).rstrip(".") or type(error).__name__)
        return []
    for part in found:
        part.vertices, part.faces = scaled((part.vertices, part.faces), file.scale)
    return _joined([part for part in found if len(part.faces)])


def picture(pixels: np.ndarray | Path) -> np.ndarray | None:
    """A picture (h, w, 3 or 4) uint8 of at most `LARGEST` pixels on a side; None, with a warning, if the file is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(pixels) if isinstance(pixels, Path) else Image.fromarray(pixels)
        image.thumbnail((LARGEST, LARGEST))
        return np.asarray(image.convert("RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"))
    except (OSError, UnidentifiedImageError) as error:
        logger.warning("%s: cannot be drawn as a texture: %s.", pixels, error)
        return None


def _joined(parts: list[MeshPart]) -> list[MeshPart]:
    """Parts of one colour alone as one."""
    made: list[MeshPart] = []
    of_colour: dict[Colour | None, list[MeshPart]] = {}
    for part in parts:
        if part.colours is None and part.texture is None and part.uv is None:
            of_colour.setdefault(part.rgba, []).append(part)
        else:
            made.append(part)
    for rgba, same in of_colour.items():
        starts = np.cumsum([0, *(len(part.vertices) for part in same)])
        faces = [part.faces + start for part, start in zip(same, starts, strict=False)]
        made.append(MeshPart(np.concatenate([part.vertices for part in same]), np.concatenate(faces), rgba))
    return made


def _collada(path: Path) -> Iterator[MeshPart]:
    document, scene = collada_scene(path)
    unit, pictures = document.assetInfo.unitmeter or 1.0, dict[str, Any]()
    for triangles in scene:
        vertices, faces = np.asarray(triangles.vertex, float) * unit, np.asarray(triangles.vertex_index, int).reshape(-1, 3)
        effect = getattr(triangles.material, "effect", None)
        diffuse = getattr(effect, "diffuse", None)
        sampler = getattr(diffuse, "sampler", None)
        if sampler is not None and len(triangles.texcoordset):
            name = unquote(sampler.surface.image.path)
            if name not in pictures:
                pictures[name] = picture(path.parent / name)
            at = np.asarray(triangles.texcoord_indexset[0], int).reshape(-1, 3)
            vertices, faces, uv = split_corners(vertices, faces, np.asarray(triangles.texcoordset[0], float)[:, :2], at)
            yield MeshPart(vertices, faces, None, uv=uv, texture=pictures[name])
        elif len(triangles.texcoordset) and diffuse is None:
            at = np.asarray(triangles.texcoord_indexset[0], int).reshape(-1, 3)
            vertices, faces, uv = split_corners(vertices, faces, np.asarray(triangles.texcoordset[0], float)[:, :2], at)
            yield MeshPart(vertices, faces, None, uv=uv)
        else:
            yield MeshPart(vertices, faces, _collada_colour(effect, diffuse))


def _collada_colour(effect: Any, diffuse: Any) -> Colour | None:
    """Diffuse colour, with the opacity that the effect says; one of nearly nothing is a slip of an exporter."""
    if not isinstance(diffuse, tuple) or len(diffuse) < 3:
        return None
    clear, share = effect.transparent, effect.transparency
    opacity = float(diffuse[3]) if len(diffuse) > 3 else 1.0
    if isinstance(clear, tuple) and isinstance(share, float) and len(clear) > 3 and str(effect.opaque_mode).endswith("A_ONE"):
        opacity *= clear[3] * share
    return float(diffuse[0]), float(diffuse[1]), float(diffuse[2]), opacity if 0.02 < opacity <= 1.0 else 1.0


def split_corners(
    vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, faces and texture coordinates (n, 2) of vertices that have one each: split where faces (m, 3) and at (m, 3), the rows of
    uv, differ."""
    pairs = faces.astype(np.int64) * (len(uv) + 1) + at
    unique, back = np.unique(pairs.ravel(), return_inverse=True)
    return vertices[unique // (len(uv) + 1)], back.reshape(-1, 3), uv[unique % (len(uv) + 1)]


def _with_trimesh(path: Path) -> Iterator[MeshPart]:
    import trimesh

    loaded: Any = trimesh.load(path, process=False)
    for mesh in loaded.dump() if isinstance(loaded, trimesh.Scene) else [loaded]:
        if not isinstance(mesh, trimesh.Trimesh) or len(mesh.faces) == 0:
            continue
        vertices, faces = np.asarray(mesh.vertices, float), np.asarray(mesh.faces, int)
        look: Any = mesh.visual
        if look.kind == "texture":
            yield _of_material(vertices, faces, look)
        elif look.kind == "vertex":
            yield MeshPart(vertices, faces, None, colours=np.asarray(look.vertex_colors, np.uint8))
        elif look.kind == "face":
            yield from _of_faces(vertices, faces, np.asarray(look.face_colors, np.uint8))
        else:
            yield MeshPart(vertices, faces)


def _of_material(vertices: np.ndarray, faces: np.ndarray, look: Any) -> MeshPart:
    """A part with a material of a glTF or an OBJ."""
    from trimesh.visual.material import PBRMaterial

    material = look.material
    if isinstance(material, PBRMaterial):
        image, rgba = material.baseColorTexture, _of_gltf(material)
    else:  # the loader invents a picture and a colour where an OBJ names none
        image = material.image if material.image is not None and material.image.format is not None else None
        rgba = _of_mtl({str(name).lower(): value for name, value in material.kwargs.items()})
    uv = None if look.uv is None or len(look.uv) != len(vertices) else np.asarray(look.uv, float)[:, :2]
    if image is not None and uv is not None:
        mode = "RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"
        return MeshPart(vertices, faces, None, uv=uv, texture=picture(np.asarray(image.convert(mode))))
    return MeshPart(vertices, faces, rgba, uv=uv if rgba is None else None)


def _of_gltf(material: Any) -> Colour | None:
    """The base colour, which a glTF states as amounts of light."""
    if material.baseColorFactor is None:
        return None
    light = np.asarray(material.baseColorFactor, float).ravel() / (
        255.0 if np.asarray(material.baseColorFactor).dtype == np.uint8 else 1.0
    )
    r, g, b = np.where(light[:3] <= 0.0031308, 12.92 * light[:3], 1.055 * light[:3] ** (1 / 2.4) - 0.055)
    return float(r), float(g), float(b), float(light[3]) if len(light) > 3 and material.alphaMode == "BLEND" else 1.0


def _of_mtl(said: dict[str, Any]) -> Colour | None:
    """The diffuse colour of an MTL and its opacity."""
    if "kd" not in said:
        return None
    r, g, b = (float(x) for x in said["kd"][:3])
    opacity = float(np.ravel(said["d"])[0]) if "d" in said else 1.0 - float(np.ravel(said.get("tr", 0.0))[0])
    return r, g, b, opacity


def _of_faces(vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray) -> Iterator[MeshPart]:
    """A part for each of a few colours, else a colour for each corner."""
    unique, back = np.unique(colours, axis=0, return_inverse=True)
    if len(unique) <= FEW:
        for k, colour in enumerate(unique):
            yield MeshPart(vertices, faces[back.reshape(-1) == k], tuple(colour / 255.0))
    else:
        yield MeshPart(
            vertices[faces.ravel()], np.arange(3 * len(faces)).reshape(-1, 3), None, colours=np.repeat(colours, 3, axis=0)
        )
