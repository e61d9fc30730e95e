"""Triangle meshes: find the file that a robot names, read its vertices and faces."""

import glob
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from genesis.description.limits import MOST_MESH_BYTES, check_file_size
from genesis.errors import ModelError
from genesis.log import logger

ARCHIVES = (".zip", ".zae", ".gz", ".bz2", ".xz", ".tar", ".tgz", ".7z")
SUBSTITUTED = ("$(", "${")  # how xacro names what it puts in
Mesh = tuple[np.ndarray, np.ndarray]  # vertices (n, 3) [m], faces (m, 3)


@dataclass(frozen=True)
class MeshFile:
    """A mesh file, read when its shape is first asked for. scale (3,): of its axes. where: the robot file that names it.

    known: what has been read so far, shared by the shapes of one robot: a mesh in the units of the file, or why there is none.
    """

    path: Path
    scale: np.ndarray
    where: str
    known: dict[Path, Mesh | str] = field(default_factory=dict, repr=False, compare=False)

    def read(self) -> Mesh | str:
        """Vertices and faces at the scale, which may mirror them; else the reason why the file cannot be read."""
        if self.path not in self.known:
            try:
                self.known[self.path] = read_mesh(self.path)
            except ModelError as error:
                self.known[self.path] = str(error)
        found = self.known[self.path]
        return found if isinstance(found, str) else scaled(found, self.scale)

    def read_late(self) -> Mesh | None:
        """As `read`; None, with a warning the first time, where that gives a reason."""
        new = self.path not in self.known
        found = self.read()
        if not isinstance(found, str):
            return found
        if new:
            logger.warning("%s: visual meshes not found or unreadable, kept without shape: %s.", self.where, found.rstrip("."))
        return None

    def at(self, factor: float) -> "MeshFile":
        """The same, larger by a factor."""
        return replace(self, scale=self.scale * factor)


def scaled(mesh: Mesh, scale: np.ndarray) -> Mesh:
    """A mesh with scaled axes; the faces of a mirrored one turn round, or it would be inside out."""
    vertices, faces = mesh
    return vertices * scale, faces[:, ::-1] if np.prod(scale) < 0 else faces


def locate(name: str, folder: Path, package_dirs: Sequence[str | os.PathLike] = ()) -> Path | None:
    """The file behind a mesh name of a robot file in ``folder``, or None.

    ``package://pkg/rest`` (and ``model://``) is looked for in ``package_dirs`` (each a package itself or a folder of packages), then in
    ROS_PACKAGE_PATH, then in the folders above the robot file, then as ``rest`` alone there: the package of the robot file may lie in a
    folder of another name. Anything else is relative to the robot file, or to a folder of ``package_dirs``. What is nowhere may lie in one
    of these by the end of its name; the file that shares the most folders with it is taken. A folder that only xacro knows,
    ``$(arg …)/rest``, is the one below the robot file that has ``rest``, if it is the only one.

    Raises: ModelError for a ``package://`` or ``file://`` name that climbs out of where it begins, unless what it names lies in one of
        ``package_dirs``, and for a package without a name. Links inside a package may lead elsewhere: built ROS workspaces consist of them.
    """
    if name.startswith(SUBSTITUTED):
        rest = glob.escape(name.partition("/")[2])
        found = [path for path in folder.glob(f"**/{rest}") if path.is_file()] if rest else []
        return found[0] if len(found) == 1 else None
    given = [Path(d).expanduser() for d in package_dirs]
    scheme, rest = _scheme(name)
    _check_stays(name, folder, given)
    if scheme == "file":
        return _existing([folder / rest, *(root / rest for root in given)]) or _by_end(rest, given)
    if scheme not in ("package", "model"):
        return None
    package, inside = _in_package(rest)
    roots = given + [Path(d) for d in os.environ.get("ROS_PACKAGE_PATH", "").split(os.pathsep) if d]
    above = [path for path in (folder.absolute(), *folder.absolute().parents) if path.name]  # "/" is no folder of packages
    roots += above
    candidates = []
    for root in roots:
        candidates += [root / package / inside] + ([root / inside] if root.name == package else [])
    candidates += [root / inside for root in above]
    if _climbs(inside):  # into a given folder, as was asked above: and into no other
        candidates = [_spelled(path) for path in candidates if _lies_in(path, given)]
    return _existing(candidates) or _by_end(inside, given)


def _scheme(name: str) -> tuple[str, str]:
    scheme, _, rest = name.partition("://")
    return (scheme, rest) if rest else ("file", name)


def _in_package(rest: str) -> tuple[str, str]:
    """(package, path in it) of what follows ``package://``; ".." are taken away where they can be, links or not."""
    package, _, inside = rest.partition("/")
    return package, os.path.normpath(inside.lstrip("/"))


def _climbs(inside: str) -> bool:
    return Path(inside).parts[:1] == ("..",)


def _spelled(path: Path) -> Path:
    """Absolute and without "..". Links are not followed."""
    return Path(os.path.normpath(path.absolute()))


def _lies_in(path: Path, roots: Sequence[Path]) -> bool:
    return any(_spelled(path).is_relative_to(_spelled(root)) for root in roots)


def _check_stays(name: str, folder: Path, given: Sequence[Path]) -> None:
    """Raises: ModelError for a name with a scheme whose ".." lead out of the package, or for a file anywhere, but into a given folder, and for
    one whose package is none."""
    scheme, separator, rest = name.partition("://")
    if not separator:
        return
    package, inside = _in_package(rest)
    if scheme in ("package", "model") and package in ("", ".", ".."):
        raise ModelError(f"{name} names no package; allowed: {scheme}://PACKAGE/FILE, or a relative path.")
    if scheme == "file":
        inside = os.path.normpath(rest.lstrip("/"))
    if not _climbs(inside):
        return
    starts = [folder] if scheme == "file" else [root / part for root in given for part in (package, "")]
    if not any(_lies_in(start / inside, given) for start in starts):
        what = "the folder of the robot file" if scheme == "file" else "its package"
        raise ModelError(f"{name} leaves {what}; name the folder that it means in package_dirs, or write a relative path.")


def _by_end(asked: str, roots: list[Path]) -> Path | None:
    parts = Path(asked).parts
    ends = [root.joinpath(*parts[k:]) for root in roots for k in range(1 if Path(asked).is_absolute() else 0, len(parts))]
    found = [path for path in ends if path.is_file() and _lies_in(path, roots)]
    return max(found, key=lambda path: _shared(path, parts), default=None)


def ends_as_asked(name: str, path: Path) -> bool:
    """Whether ``path``, as `locate` found it, ends with all that a mesh name says but for its package."""
    scheme, rest = _scheme(name)
    parts = Path(rest if scheme == "file" else rest.partition("/")[2]).parts
    return _shared(path, parts) == len(parts)


def _shared(path: Path, parts: tuple[str, ...]) -> int:
    """Number of names, from the last backwards, in which a path and these parts of one agree."""
    pairs = zip(reversed(path.parts), reversed(parts), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _existing(candidates: list[Path]) -> Path | None:
    return next((path for path in candidates if path.is_file()), None)


def read_mesh(file: str | os.PathLike) -> Mesh:
    """Vertices (n, 3) [m] and faces (m, 3) of a mesh file, equal vertices merged; scenes become one mesh.

    COLLADA is read by pycollada, with the unit and the placement of its nodes; what else there is (STL, OBJ, PLY, glTF, OFF, ...) by
    trimesh, as metres unless the format says otherwise. Axes are those of the file, whatever direction it calls up: exporters write
    coordinates that fit the link and leave the tag at their default, so that robots come apart where it is obeyed.
    Raises: ModelError if the file is missing, cannot be read or holds no triangles.
    """
    path = Path(file)
    if not path.is_file():
        raise ModelError(f"{file}: no such mesh file.")
    check_file_size(path, MOST_MESH_BYTES, "a mesh")
    if path.suffix.lower() in ARCHIVES:
        raise ModelError(f"{file}: is an archive; unpack it.")
    _check_stl(path)
    try:
        vertices, faces = _read_collada(path) if path.suffix.lower() == ".dae" else _read_with_trimesh(path)
    except Exception as error:  # whatever the loader of one of their many formats raises
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{file}: not a readable mesh: {reason}") from None
    if len(faces) == 0:
        raise ModelError(f"{file}: the mesh has no faces.")
    if not np.isfinite(vertices).all():
        raise ModelError(f"{file}: the mesh has vertices that are not finite.")
    return _merge(vertices, faces)


def _check_stl(path: Path) -> None:
    """Raises: ModelError for a binary STL that is shorter than its head says."""
    if path.suffix.lower() != ".stl":
        return
    with path.open("rb") as file:
        head = file.read(84)
    held = (path.stat().st_size - 84) // 50
    if len(head) == 84 and not head.lstrip().startswith(b"solid") and (said := int.from_bytes(head[80:], "little")) > held:
        raise ModelError(f"{path}: says that it has {said} triangles, and holds {held}; the file is cut off, or no STL.")


def _read_with_trimesh(path: Path) -> Mesh:
    import trimesh

    mesh: Any = trimesh.load(path, force="mesh", process=False, skip_materials=True)
    return np.array(mesh.vertices, np.float64).reshape(-1, 3), np.array(mesh.faces, np.int64).reshape(-1, 3)


def _read_collada(path: Path) -> Mesh:
    """Every triangle of the scene."""
    document, triangles = collada_scene(path)
    vertices, faces, count = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)], 0
    for part in triangles:
        vertices.append(np.asarray(part.vertex, np.float64))
        faces.append(np.asarray(part.vertex_index, np.int64).reshape(-1, 3) + count)
        count += len(vertices[-1])
    return np.concatenate(vertices) * (document.assetInfo.unitmeter or 1.0), np.concatenate(faces)


def collada_scene(path: Path) -> tuple[Any, list[Any]]:
    """The document, and the sets of triangles in its scene, where their nodes place them. Missing pictures and materials do not matter; a
    missing shape does."""
    import collada

    document = collada.Collada(str(path), ignore=_collada_errors())
    spelled = sum(1 for element in document.xmlnode.getroot().iter() if str(element.tag).endswith("}geometry"))
    if spelled > len(document.geometries):
        raise ValueError(f"{spelled - len(document.geometries)} of its {spelled} geometries cannot be read")
    scene, found = document.scene or next(iter(document.scenes), None), []
    for shape in scene.objects("geometry") if scene is not None else ():
        for part in shape.primitives():
            triangles = part.triangleset() if hasattr(part, "triangleset") else part
            if isinstance(triangles, collada.triangleset.BoundTriangleSet) and triangles.vertex is not None:
                found.append(triangles)
    return document, found


def _collada_errors() -> list[type]:
    """What pycollada may pass over: it compares types, not classes."""
    from collada import common

    return [
        common.DaeError,
        common.DaeIncompleteError,
        common.DaeBrokenRefError,
        common.DaeMalformedError,
        common.DaeUnsupportedError,
    ]


def _merge(vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    """Give equal vertices one index (STL repeats them for every triangle) and drop triangles that collapse."""
    unique, index = np.unique(vertices, axis=0, return_inverse=True)
    faces = index.reshape(-1)[faces]
    solid = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return unique, faces[solid]
