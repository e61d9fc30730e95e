"""What every page has: its template and style sheet, and where a run comes from, with its replay inside the page."""

import base64
import gzip
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from genesis.runners.files import write_bytes
from genesis.runners.report import digits

FILE, REPLAY = "report.html", "replay.html"
HERE = "genesis.runners.report"


@dataclass
class Origin:
    """Where the numbers of a page come from, and how to have them again.

    typed: the line of the run, empty where it is not known. lines: (what it does, what to type). files: (name, content, bytes)
    of the run folder. replay: the page of the replay as base64 of gzip, empty where there is none; replay_bytes: of the page itself.
    without_replay: why there is none.
    """

    folder: str = ""
    typed: str = ""
    lines: list[tuple[str, str]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    seed: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    files: list[tuple[str, str, int]] = field(default_factory=list)
    config_text: str = ""
    replay: str = ""
    replay_bytes: int = 0
    without_replay: str = ""


def embedded(page: Path) -> tuple[str, int]:
    """A page as text that stands inside another one (base64 of gzip), and its size [bytes]; nothing where there is no such file."""
    if not page.is_file():
        return "", 0
    content = page.read_bytes()
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode(), len(content)


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(HERE, "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        breakable=breakable,
        tight=tight,
        plain=digits.plain,
        change=digits.change,
        percent=digits.percent,
        duration=digits.duration,
        size=digits.size,
    )
    return environment


def fill(template: str, **content: Any) -> str:
    """The page of a template in this folder."""
    css = files(HERE).joinpath("report.css").read_text(encoding="utf-8")
    made: str = _environment().get_template(template).render(css=css, **content)
    return made


def write_page(folder: Path, page: str) -> Path:
    """Write ``report.html`` into ``folder`` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    write_bytes(path, page.encode())
    return path


def tight(text: str) -> str:
    """No line breaks between a number and its sign of division, times or percent, nor around ±."""
    for sign in ("÷ ", "× ", " %", " ± "):
        text = text.replace(sign, sign.replace(" ", "\u00a0"))
    return text


def breakable(name: str) -> Any:
    """A name that may be broken after / and _ where a column is narrow."""
    from markupsafe import Markup
    from markupsafe import escape as safe

    return Markup(str(safe(name)).replace("/", "/<wbr>").replace("_", "_<wbr>"))
