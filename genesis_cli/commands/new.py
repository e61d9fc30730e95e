"""`genesis new`: commented files in the user's folder, that run at once."""

import json
import keyword
import math
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from genesis_cli import console
from genesis_cli.errors import CommandError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
WORDS = ("null", "true", "false", "yes", "no", "on", "off", "none", "nan", "inf")  # what YAML or an override takes for a value


def checked_name(name: str, groups: Sequence[str] = ()) -> str:
    """The name, if it can be that of a file and of an option, and hides none of the shipped ones.

    groups: folders of configs in which files of that name are to be written.
    Raises: CommandError.
    """
    if not NAME.fullmatch(name) or name.lower() in WORDS:
        raise CommandError(
            f'genesis new: "{name}" is no name; allowed: letters, digits, _ and -, a letter first, no word of YAML.'
        )
    from genesis_cli.compose import options

    for group in groups:
        if name in options(group):
            raise CommandError(
                f'genesis new: {group}/{name} ships with the project and would be hidden; take another, such as "my_{name}".'
            )
    return name


def checked_module(name: str) -> str:
    """The name, if it can be that of a Python module and of a function, and hides no module.

    Raises: CommandError.
    """
    if not name.isidentifier() or not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise CommandError(
            f'genesis new: "{name}" is no name of a Python function; allowed: letters, digits and _, a letter first.'
        )
    if find_spec(name) is not None:
        raise CommandError(f'genesis new: "{name}" is a Python module already; take another name, such as "my_{name}".')
    return name


def free(folder: str, places: Sequence[str]) -> list[Path]:
    """Paths in the user's config folder where nothing is yet. Raises: CommandError for the first that is taken."""
    paths = [Path(folder).expanduser() / place for place in places]
    for path in paths:
        if path.exists() or path.is_symlink():
            raise CommandError(f"{path}: is there already and is not overwritten; take another name, or move it away.")
    return paths


def write(texts: Mapping[Path, str]) -> None:
    """Write new files, all or none of them. Raises: CommandError where that is not possible."""
    made: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                made.append(path)
                file.write(text)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise CommandError(f"{error.filename or path}: cannot be written: {error.strerror or error}.") from error


def told(lines: Mapping[Path, str], command: Sequence[str]) -> None:
    """Say what was written, and the command to run next."""
    width = max(len(str(path)) for path in lines)
    for path, what in lines.items():
        console.say(f"{str(path):{width}}  {what}")
    console.say(f"next: {command_line(command)}", style="bold")


def command_line(words: Sequence[str]) -> str:
    """Words as a shell takes them."""
    return " ".join(word if re.fullmatch(r"[\w./=:@%+,-]+", word) else shlex.quote(word) for word in words)


def beside(file: str, folder: str, group: str) -> str:
    """The path from a YAML of a group to a file below the working folder, so that both can be moved together; another file's own path."""
    here, where = Path.cwd().resolve(), (Path(folder).expanduser() / group).resolve()
    if Path(file).is_relative_to(here) and where.is_relative_to(here):
        return Path(os.path.relpath(file, where)).as_posix()
    return file


def render(template: str, **values: Any) -> str:
    """The text of a template."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(word=word, number=number, numbers=numbers)
    text = files("genesis_cli").joinpath("templates", template).read_text(encoding="utf-8")
    return "\n".join(line.rstrip() for line in environment.from_string(text).render(**values).split("\n"))


def word(text: str) -> str:
    """A text as YAML reads it back."""
    return text if PLAIN.fullmatch(text) and text.lower() not in WORDS else json.dumps(text, ensure_ascii=False)


def number(value: float, digits: int = 4) -> str:
    """A float of so many significant digits as YAML reads it back: with a point, also where there is an exponent."""
    if not math.isfinite(value):
        return {math.inf: ".inf", -math.inf: "-.inf"}.get(value, ".nan")
    text = f"{value:.{digits}g}"
    mantissa, mark, exponent = text.partition("e")
    return (mantissa if "." in mantissa else f"{mantissa}.0") + mark + exponent


def numbers(value: Any) -> str:
    """A number, or a list of them, to four decimals."""
    if isinstance(value, (int, float)):
        return number(round(float(value), 4) + 0.0, 6)
    return "[" + ", ".join(numbers(float(entry)) for entry in value) + "]"


def loss(name: str, folder: str) -> None:
    """`genesis new loss NAME`."""
    checked_module(name)
    (path,) = free(folder, [f"losses/{name}.py"])
    override = f'+loss.{name}={{kind: user, function: "{path}:{name}", weight: 1.0e-6}}'
    run = ["genesis", "optimize", "task=swing_up", "optimizer=lbfgs", override]
    check = ["genesis", "gradcheck", "task=swing_up", override]
    write({path: render("loss.py.j2", name=name, run=command_line(run), check=command_line(check))})
    told({path: f"a function of the trajectory, {name}; its docstring says what it is given"}, run)
