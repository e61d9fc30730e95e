"""Where in the files of config folders something stands."""

import re
from collections.abc import Sequence
from pathlib import Path
from traceback import walk_tb

from genesis_cli.errors import CommandError
from genesis_cli.paths import config_dir
from genesis_cli.yaml_files import read_text


def place(config: str, names: Sequence[str], config_dirs: Sequence[str], shipped: bool = True) -> str:
    """`FILE: line N: ` of the config `tasks/mine`, at its first line with all of these names; "" if there is no such file.

    shipped: whether it may be one of ours.
    """
    for folder in [*map(Path, config_dirs), *([config_dir()] if shipped else [])]:
        file = (folder / f"{config}.yaml").resolve()
        if file.is_file():
            line = _line(file, names)
            return f"{file}: " + ("" if line is None else f"line {line}: ")
    return ""


def chosen_there(group: str, option: str, overrides: Sequence[str], config_dirs: Sequence[str]) -> str:
    """`FILE: line N: ` of an option in the defaults of a config that the command line has chosen; "" if it stands in none of these."""
    for word in overrides:
        chosen, _, name = word.lstrip("+").partition("=")
        config = f"{chosen.partition('@')[0]}/{name}"
        for folder in map(Path, config_dirs):
            file = (folder / f"{config}.yaml").resolve()
            if file.is_file() and _line(file, [group, option]) is not None:
                return place(config, [group, option], [str(folder)])
    return ""


def _line(file: Path, names: Sequence[str]) -> int | None:
    """The first line with all names as words of their own, comments aside."""
    patterns = [re.compile(rf"(?<![\w.]){re.escape(name)}(?![\w])") for name in names if name]
    try:
        lines = read_text(file).splitlines()
    except CommandError:
        return None
    fits = (k for k, line in enumerate(lines, 1) if patterns and all(p.search(line.partition("#")[0]) for p in patterns))
    return next(fits, None)


def reading(error: BaseException) -> list[str]:
    """Configs whose defaults Hydra was putting together when it failed, `tasks/mine` for each, from the outermost on."""
    found = []
    for frame, _ in walk_tb(error.__traceback__):
        root = frame.f_locals.get("root") if frame.f_code.co_name == "_create_defaults_tree_impl" else None
        node = getattr(root, "node", None)
        try:
            if node is not None and not node.is_virtual():
                found.append(str(node.get_config_path()))
        except AttributeError:  # of another version of Hydra: then no place is told
            continue
    return found


def not_a_config(group: str, name: str, config_dirs: Sequence[str]) -> str:
    """Why a name is no option although something of that name is there; "" if there is nothing."""
    for folder in map(Path, config_dirs):
        file = folder / group / f"{name}.yaml"
        if file.is_dir():
            return f"{file} is a folder"
        if file.is_symlink() and not file.exists():
            return f"{file} is a link to nothing"
        if file.exists():
            return f"{file} is not an ordinary file"
        if (other := file.with_suffix(".yml")).is_file():
            return f"{other} is there: rename it to {file.name}"
    return ""
