"""Which files are read, and which part of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from genesis.errors import InputError

TRAIN, VALIDATION = "train", "validation"


@dataclass(frozen=True)
class FileEntry:
    """One file: the part from start to end [s from its first sample], stamps that are delay [s] late, and which trajectories."""

    path: Path
    split: str
    start: float = 0.0
    end: float = float("inf")
    delay: float = 0.0
    trajectories: tuple[int, ...] | slice | None = None


def entries(spec: Mapping[str, Any], base: Path) -> list[FileEntry]:
    """The files of the config in order, those for training first. What a pattern matches and validation names is not trained on.

    Raises: InputError for a pattern that matches no file, or a part that is none.
    """
    held = [
        entry
        for k, item in enumerate(spec["validation"].get("files") or [])
        for entry in _entries(f"observation.validation.files[{k}]", item, VALIDATION, base)
    ]
    kept_out = {entry.path for entry in held}
    found: list[FileEntry] = []
    for k, item in enumerate(spec["files"]):
        made = _entries(f"observation.files[{k}]", item, TRAIN, base)
        found += [entry for entry in made if not (has_magic(_path(item)) and entry.path in kept_out)]
    return found + held


def _path(item: Any) -> str:
    return str(item["path"]) if isinstance(item, Mapping) else str(item)


def _entries(where: str, item: Any, split: str, base: Path) -> list[FileEntry]:
    given = _path(item)
    absolute = str(base / Path(given).expanduser())
    paths = [Path(p) for p in sorted(glob(absolute, recursive=True))] if has_magic(given) else [Path(absolute)]
    if not paths:
        raise InputError(f"{where}: no file matches {absolute}.")
    for path in paths:
        if not path.exists():
            raise InputError(f"{where}: file {path} not found.")
    options = item if isinstance(item, Mapping) else {}
    start, end = options.get("start") or 0.0, options.get("end")
    end = float("inf") if end is None else float(end)
    if not start < end:
        raise InputError(f"{where}: start is {start:g} s and end {end:g} s; start must be less.")
    chosen = trajectories(f"{where}.trajectories", options.get("trajectories"))
    return [FileEntry(path, split, float(start), end, float(options.get("delay") or 0.0), chosen) for path in paths]


def trajectories(where: str, given: Any) -> tuple[int, ...] | slice | None:
    """Numbers from 0: a list, or a range as text, first:last without the last."""
    if given is None:
        return None
    if isinstance(given, int):
        return (given,)
    if isinstance(given, Sequence) and not isinstance(given, str):
        if given and all(isinstance(x, int) and x >= 0 for x in given):
            return tuple(given)
    elif isinstance(given, str) and given.count(":") in (1, 2):
        try:
            return slice(*(int(part) if part.strip() else None for part in given.split(":")))
        except ValueError:
            pass
    raise InputError(f'{where}: {given!r}; allowed: a list of numbers from 0, or a range "0:60".')
