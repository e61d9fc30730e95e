"""The XML of a robot, from a file or from a string, with errors that say where."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from genesis.errors import ModelError, nearest_first

READERS = {"robot": "read_urdf", "mujoco": "read_mjcf"}  # root element -> the function that reads it


@dataclass
class Source:
    """where: how messages name it. path: None for XML given as a string. root: the parsed document."""

    where: str
    path: Path | None
    text: str
    root: ElementTree.Element

    @property
    def folder(self) -> Path:
        return self.path.parent if self.path else Path()


def read_source(file: str | PathLike, root_tag: str) -> Source:
    """Read and parse ``file`` (a path, or the XML itself) and check its root element.

    Raises: ModelError if there is no such file, if it is no XML, or if its root element is not ``root_tag``.
    """
    if isinstance(file, str) and file.lstrip().startswith("<"):
        where, path, raw = f"<{root_tag} string>", None, file.lstrip().encode()
    else:
        path = Path(file).expanduser()
        where, raw = str(file), _read_bytes(path)
    try:
        root = ElementTree.fromstring(raw)
    except ElementTree.ParseError as error:
        line, column = error.position
        reason = str(error).rsplit(":", 1)[0]
        raise ModelError(f"{where}: line {line}, column {column + 1}: {reason}.") from None
    if root.tag != root_tag:
        hint = f"; read it with {READERS[root.tag]}" if root.tag in READERS else ""
        raise ModelError(f"{where}: the root element is <{root.tag}>, expected <{root_tag}>{hint}.")
    if b"www.ros.org/wiki/xacro" in raw and b"<xacro:" in raw:
        raise ModelError(f"{where}: this is a xacro macro file; expand it first: xacro {where} > robot.urdf")
    return Source(where, path, raw.decode(errors="replace"), root)


def _read_bytes(path: Path) -> bytes:
    if path.is_file():
        return path.read_bytes()
    if path.is_dir():
        raise ModelError(f"{path}: is a folder, expected a robot file.")
    if not path.parent.is_dir():
        raise ModelError(f"{path}: no such file, and no folder {path.parent}.")
    near = nearest_first(path.name, (p.name for p in path.parent.iterdir() if p.is_file()))[:4]
    raise ModelError(f"{path}: no such file; {path.parent} has {', '.join(near) or 'no files'}.")
