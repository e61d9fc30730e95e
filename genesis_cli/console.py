"""The only file that prints. Messages are Text, never markup: brackets in values must survive."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


#: Columns of a pipe: tables in it are for programs, which neither keys nor words broken in two would serve.
PIPE = 10_000


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

    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str = "", style: str = "") -> None:
    """One line of result."""
    from rich.text import Text

    stdout().print(Text(text, style=style))


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
    if stdout().is_terminal:
        from rich.syntax import Syntax

        stdout().print(Syntax(text.rstrip(), "yaml", background_color="default", word_wrap=True))
    else:
        stdout().out(text.rstrip(), highlight=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A table; columns named in `right` are numbers."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for i, column in enumerate(columns):
        grid.add_column(column, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    stdout().print(grid, soft_wrap=False)
