"""What a robot file may hold at most. A broken export, or one that nobody means well with, is refused before memory is taken for it."""

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from genesis.errors import ModelError

MOST_BYTES = 1 << 26  # of XML: a robot of a thousand links has one megabyte
MOST_ELEMENTS = 200_000  # of one file; MuJoCo's parser takes a second for so many
MOST_JOINTS = 20_000
DEEPEST = 400  # MuJoCo's own parser stops at 500
LONGEST_NAME = 1000
LONGEST_ENTITY = 256
MOST_MESH_BYTES = 1 << 29
CONTROL = "Cc"  # category of Unicode; a space of another width is a letter like others, and CAD programs write it


def check_file_size(path: Path, most: int = MOST_BYTES, kind: str = "a robot file") -> None:
    """Raises: ModelError for a file that is too large to be what it should be."""
    size = path.stat().st_size
    if size > most:
        raise ModelError(f"{path}: has {size / 2**20:.0f} MiB; {kind} has at most {most / 2**20:.0f}.")


class XmlLimits:
    """Counts what a parser finds, and stops it: entities that grow or come from elsewhere, too many or too deep elements, absurd names."""

    def __init__(self, parser: Any, where: str) -> None:
        self._parser, self._where = parser, where
        self._depth = self._count = self._joints = 0

    def around(self, start: Callable[..., Any], end: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The two handlers of a parser, which count and then do what these do."""

        def counted(tag: str, attributes: dict[str, str]) -> Any:
            self._depth += 1
            self._count += 1
            self._joints += tag in ("joint", "body", "freejoint")
            if self._depth > DEEPEST or self._count > MOST_ELEMENTS or self._joints > MOST_JOINTS:
                self._refuse_size()
            name = attributes.get("name", "")
            if len(name) > LONGEST_NAME or any(unicodedata.category(c) == CONTROL for c in name):
                self._refuse_name(tag, name)
            return start(tag, attributes)

        def left(tag: str) -> Any:
            self._depth -= 1
            return end(tag)

        return counted, left

    def entity(self, name: str, parameter: bool, value: str | None, *others: Any) -> None:
        """Of a declaration: a short text is the only one that is taken."""
        if value is None:
            self._refuse(f"the entity {name} is to be read from elsewhere; write the text itself")
        elif parameter or len(value) > LONGEST_ENTITY or "&" in value:
            self._refuse(
                f"the entity {name} stands for other entities, or for more than {LONGEST_ENTITY} characters; write the text itself"
            )

    def _refuse_size(self) -> None:
        if self._depth > DEEPEST:
            self._refuse(f"more than {DEEPEST} elements are inside each other")
        if self._joints > MOST_JOINTS:
            self._refuse(f"there are more than {MOST_JOINTS} joints and bodies; what makes them may have run on")
        self._refuse(f"there are more than {MOST_ELEMENTS} elements; what makes them may have run on")

    def _refuse_name(self, tag: str, name: str) -> None:
        if len(name) > LONGEST_NAME:
            self._refuse(f"the name of a <{tag}> has {len(name)} characters; at most {LONGEST_NAME}")
        self._refuse(f"the name {name!r} of a <{tag}> has a line break or another control character")

    def _refuse(self, reason: str) -> NoReturn:
        raise ModelError(f"{self._where}: line {self._parser.CurrentLineNumber}: {reason}.")
