"""Which files are read, and which part of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genesis.errors import InputError
from genesis.patterns import is_pattern, matches

TRAIN, VALIDATION = "train", "validation"


@dataclass(frozen=True)
class FileEntry:
    """One file: the part from start to end [s from its first sample], stamps that are delay [s] late, which trajectories or episodes.

    where: its key in the config, for messages; given: what it says of how it is read.
    """

    path: Path
    split: str
    start: float = 0.0
    end: float = float("inf")
    delay: float = 0.0
    trajectories: tuple[int, ...] | slice | None = None
    episodes: tuple[int, ...] | slice | None = None
    where: str = "observation.files"
    given: Mapping[str, Any] = field(default_factory=dict)


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
        found += [entry for entry in made if not (is_pattern(base, _path(item)) and entry.path in kept_out)]
    return found + held


def _path(item: Any) -> str:
    return str(item["path"]) if isinstance(item, Mapping) else str(item)


def _entries(where: str, item: Any, split: str, base: Path) -> list[FileEntry]:
    given = _path(item)
    absolute = base / Path(given)
    paths = matches(base, given)
    if not paths:
        why = "no file matches {}." if is_pattern(base, given) else "file {} not found."
        raise InputError(f"{where}: {why.format(absolute)}")
    options = item if isinstance(item, Mapping) else {}
    start, end = options.get("start") or 0.0, options.get("end")
    end = float("inf") if end is None else float(end)
    if not start < end:
        raise InputError(f"{where}: start is {start:g} s and end {end:g} s; start must be less.")
    chosen = trajectories(f"{where}.trajectories", options.get("trajectories"))
    episodes = _episodes(f"{where}.episodes", options.get("episodes"))
    if chosen is not None and episodes is not None:
        raise InputError(
            f"{where}: trajectories and episodes are both given; the trajectories of a LeRobot data set are its episodes."
        )
    delay = float(options.get("delay") or 0.0)
    return [FileEntry(path, split, float(start), end, delay, chosen, episodes, where, options) for path in paths]


def _episodes(where: str, given: Any) -> tuple[int, ...] | slice | None:
    """Numbers of episodes. Raises: InputError for a range that counts from the end, which is not known."""
    made = trajectories(where, given)
    if isinstance(made, slice) and any(x is not None and x < 0 for x in (made.start, made.stop, made.step)):
        raise InputError(f'{where}: {given!r}; allowed: a list of numbers from 0, or a range "0:60".')
    return made


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
