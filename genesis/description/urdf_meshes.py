"""The meshes that a URDF names: found, read once each, and what is lost: a collision shape is an error, a visual one a warning."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from genesis.description.meshes import SUBSTITUTED, Mesh, MeshFile, ends_as_asked, locate
from genesis.description.notes import listed
from genesis.description.source import Source, expand
from genesis.errors import ModelError


@dataclass
class MeshUse:
    """One <mesh> of the file: its name there and its scale (3,)."""

    name: str
    scale: np.ndarray


@dataclass
class Lost:
    """A mesh that is not there or cannot be read (``reason``)."""

    link: str
    name: str
    visual: bool
    reason: str | None


class MeshReader:
    """Finds the mesh files of one robot, reads each once, and collects what is lost."""

    def __init__(self, source: Source, package_dirs: Sequence[str | os.PathLike]) -> None:
        self._source = source
        self._dirs = [*package_dirs, *mesh_folders(source)]
        self._meshes: dict[Path, Mesh | str] = {}
        self._lost: list[Lost] = []

    def find(self, use: MeshUse, link: str, visual: bool) -> MeshFile | None:
        """The file of a mesh at its scale, not yet read; None if it is lost."""
        path = self._locate(use.name, f'link "{link}"')
        if path is None:
            self._lost.append(Lost(link, use.name, visual, None))
            return None
        package = use.name.partition("://")[2].partition("/")[0]
        named = any(Path(d).expanduser() in path.parents for d in self._dirs)
        if package and use.name.startswith("package:") and package not in path.parts and not named:
            kind = "packages that are nowhere, whose meshes are taken from the folders above the robot file"
            self._source.notes.add(kind, f'"{package}"')
        if use.name.startswith(SUBSTITUTED):
            kind = "folders that only xacro knows, whose meshes are found by name below the robot file"
            self._source.notes.add(kind, use.name.partition("/")[0])
        elif not ends_as_asked(use.name, path) and path.parent not in mesh_folders(
            self._source
        ):  # where MuJoCo drops folders too
            self._source.notes.add(
                "meshes that are not where the file says, taken from package_dirs by name", f"{use.name} as {path}"
            )
        return MeshFile(path, use.scale, self._source.where, self._meshes)

    def read(self, file: MeshFile, use: MeshUse, link: str) -> Mesh | None:
        """The collision mesh of a link; None if it is lost."""
        mesh = file.read()
        if isinstance(mesh, str):
            self._lost.append(Lost(link, use.name, False, mesh))
            return None
        return mesh

    def find_texture(self, name: str) -> Path | None:
        """The file of a picture; None, with a note, if it is lost."""
        path = self._locate(name, "texture")
        if path is None:
            self._source.notes.add("textures not found, left out", name)
        return path

    def _locate(self, name: str, of: str) -> Path | None:
        try:
            return locate(name, self._source.folder, self._dirs)
        except ModelError as error:
            raise ModelError(f"{self._source.where}: {of}: {error}") from None

    def report(self, collision: bool) -> None:
        """Note the visual meshes that are lost, and the others unless they are needed.

        Raises: ModelError if one of those is lost.
        """
        missed = [lost for lost in self._lost if not lost.visual]
        if missed and collision:
            self._refuse(missed)
        for lost in self._lost:
            what = "visual" if lost.visual else "collision"
            self._source.notes.add(f"{what} meshes not found or unreadable, kept without shape", lost.reason or lost.name)

    def _refuse(self, missed: list[Lost]) -> NoReturn:
        first = missed[0]
        links = list(dict.fromkeys(lost.link for lost in missed))
        others = f" (also lost: those of {listed(links[1:])})" if len(links) > 1 else ""
        what = f"is not readable: {first.reason.rstrip('.')}" if first.reason else "is not found"
        cure = "repair the file" if first.reason else "put it there or name its folder in package_dirs"
        if first.name.startswith(SUBSTITUTED):
            cure = expand(self._source.where)
        raise ModelError(
            f'{self._source.where}: link "{first.link}": its collision mesh {first.name} {what}{others}; {cure}, or load with '
            "collision=False if nothing is to touch the robot."
        )


def mesh_folders(source: Source) -> list[Path]:
    """Where a file written for MuJoCo keeps its meshes: meshdir of <mujoco><compiler>."""
    compiler = source.root.find("mujoco/compiler")
    name = None if compiler is None else compiler.get("meshdir") or compiler.get("assetdir")
    return [source.folder / name] if name else []
