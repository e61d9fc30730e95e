"""Paths and patterns of files: what exists is taken literally, whatever signs are in it."""

import os
from glob import escape, glob, has_magic
from pathlib import Path


def matches(base: Path, given: str) -> list[Path]:
    """What a path or pattern means from a folder: the path where it exists, whatever signs are in it; else the matches of the pattern."""
    literal, rest = _literal(base, given)
    if not rest:
        return [literal]
    if not has_magic(rest):
        return []
    return [Path(found) for found in sorted(glob(os.path.join(escape(str(literal)), rest), recursive=True))]


def as_pattern(base: Path, given: str) -> str:
    """The same pattern with an absolute path, for later: folders that exist are taken literally."""
    literal, rest = _literal(base, given)
    return os.path.join(escape(str(literal.absolute())), rest) if rest else str(literal.absolute())


def is_pattern(base: Path, given: str) -> bool:
    """Whether a text that names no path is a pattern of several."""
    return has_magic(_literal(base, given)[1])


def _literal(base: Path, given: str) -> tuple[Path, str]:
    """(the part of the path that exists, the rest of the text)."""
    try:
        path = Path(given).expanduser()
    except RuntimeError:  # ~somebody who has no home
        path = Path(given)
    parts = path.parts
    found = Path(path.anchor) if path.is_absolute() else base
    for k, part in enumerate(parts[1:] if path.is_absolute() else parts):
        if part == "**" or not os.path.lexists(found / part):
            return found, os.path.join(*parts[k + path.is_absolute() :])
        found = found / part
    return found, ""
