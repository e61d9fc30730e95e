"""The only file that prints. Messages are Text, never markup: brackets in values must survive."""

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


#: Columns of a pipe: tables in it are for programs, which neither keys nor words broken in two would serve.
PIPE = 10_000


_reserved = False  # stdout is for one document of JSON


@contextmanager
def reserved(as_json: bool = True) -> Iterator[None]:
    """In here what is said goes to stderr, if ``as_json``: stdout is for `document` alone."""
    global _reserved
    before, _reserved = _reserved, _reserved or as_json
    try:
        yield
    finally:
        _reserved = before


def document(content: Any) -> None:
    """One document of JSON on stdout; numbers that are not finite become null, and what JSON lacks its text."""
    sys.stdout.write(json.dumps(_plain(content), indent=2) + "\n")


def _plain(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    return content if content is None or isinstance(content, bool | int | str) else str(content)


@cache
def stdout() -> "Console":
    """Terminal for results, or the pipe in its place."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = PIPE
    return console


@cache
def stderr() -> "Console":
    """Terminal for progress and errors."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = PIPE
    return console


def _out() -> "Console":
    """Where results go: to stderr, where stdout is reserved."""
    return stderr() if _reserved else stdout()


def say(text: str = "", style: str = "") -> None:
    """One line of result."""
    from rich.text import Text

    _out().print(Text(text, style=style))


def note(text: str, style: str = "dim") -> None:
    """One line beside the result (to stderr)."""
    from rich.text import Text

    stderr().print(Text(text, style=style))


def error(message: str) -> None:
    """An error, one or two lines."""
    from rich.text import Text

    stderr().print(Text.assemble(("error: ", "bold red"), message))


def yaml(text: str) -> None:
    """YAML, coloured on a terminal and plain in a pipe."""
    if _out().is_terminal:
        from rich.syntax import Syntax

        _out().print(Syntax(text.rstrip(), "yaml", background_color="default", word_wrap=True))
    else:
        _out().out(text.rstrip(), highlight=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A table; columns named in `right` are numbers."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for i, column in enumerate(columns):
        grid.add_column(column, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    _out().print(grid, soft_wrap=False)
