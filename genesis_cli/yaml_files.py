"""Config files: read and checked before anything is made of them, with errors that name file and line."""

import copy
import io
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf
from omegaconf.errors import GrammarParseError, OmegaConfBaseException

from genesis_cli.errors import CommandError

MOST_BYTES = 4 << 20  # of a config file: people write a few kilobytes, and numbers by the million belong into data files
MOST_VALUES = 200_000  # after aliases are put in place
DEEPEST = 64
SHORT = 1 << 17
MARKS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
PLAIN_TAGS = {"!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map"))}
_DEFAULTS = re.compile(r"^[\"']?defaults[\"']?\s*:", re.MULTILINE)


def load_yaml(path: str | os.PathLike) -> Any:
    """The mapping that a YAML file holds, as a DictConfig.

    Raises: CommandError with file and line for everything that is not YAML of plain values in UTF-8: see `check_yaml`.
    """
    return _load(read_text(path), path)


def _load(text: str, path: str | os.PathLike) -> Any:
    import yaml

    check_yaml(text, path)
    try:
        made = OmegaConf.load(io.StringIO(text))
        _check_keys(OmegaConf.to_container(made, resolve=False), "", path)
        return made
    except yaml.MarkedYAMLError as error:
        raise _marked(error, path) from None
    except GrammarParseError as error:
        raise CommandError(f"{path}: {error.full_key}: its interpolation cannot be read; write ${{NODE.KEY}}.") from None
    except (
        ValueError,
        TypeError,
        OmegaConfBaseException,
    ) as error:  # what OmegaConf does not take: a number of 5000 digits, a key of null
        raise CommandError(f"{path}: {str(error).splitlines()[0].partition(';')[0].rstrip('.')}.") from None


@lru_cache(maxsize=256)
def _load_once(text: str, path: str) -> Any:
    """What `_load` makes of a text, for all compositions of a process: shells, sweeps, notebooks and tests read the same files again and again.

    It is everybody's: make a copy.
    """
    return _load(text, path)


def _check_keys(node: Any, key: str, path: str | os.PathLike) -> None:
    """Raises: CommandError for keys that are not texts."""
    if isinstance(node, dict):
        for name, value in node.items():
            if not isinstance(name, str):
                raise CommandError(
                    f"{path}: the key {name!r}{f' of {key}' if key else ''} is no text; write it in quotation marks."
                )
            _check_keys(value, f"{key}.{name}" if key else name, path)
    elif isinstance(node, list):
        for k, value in enumerate(node):
            _check_keys(value, f"{key}[{k}]", path)


def read_text(path: str | os.PathLike) -> str:
    """The text of a config file without its byte order mark.

    Raises: CommandError for a file that cannot be read, is too large, or is not UTF-8.
    """
    try:
        size = Path(path).stat().st_size
        raw = Path(path).read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}.") from None
    if size > MOST_BYTES:
        raise CommandError(
            f"{path}: has {size} bytes; a config has at most {MOST_BYTES}, tables of numbers belong into files of data."
        )
    encoding = next((name for mark, name in MARKS.items() if raw.startswith(mark)), None)
    if encoding is not None:
        raise CommandError(f"{path}: line 1: the file is {encoding}; save it as UTF-8.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise CommandError(
            f"{path}: line {line}, column {column}: the byte 0x{raw[error.start]:02x} is no UTF-8 (Latin-1?); save the file as UTF-8."
        ) from None


def check_yaml(text: str, path: str | os.PathLike) -> None:
    """That a text is one mapping of plain values, before anything is made of it: an alias costs nothing here, whatever it stands for.

    Raises: CommandError with file and line for wrong syntax, tags, an alias inside what it stands for, too much or too deep, and for a file
        that is empty or holds something else.
    """
    import yaml

    fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        try:
            found = _measured(yaml.parse(text, Loader=fast), path)
        except yaml.YAMLError:
            if len(text) > SHORT:
                raise
            found = _measured(yaml.parse(text, Loader=yaml.SafeLoader), path)  # twenty times slower, with better words
    except yaml.MarkedYAMLError as error:
        raise _marked(error, path) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise CommandError(
            f"{path}: line {line}: the character U+{ord(text[error.position]):04X} is not allowed in YAML."
        ) from None
    if found is None:
        raise CommandError(f"{path}: is empty; write its keys (genesis show keys), or {{}} for none.")
    if found != "mapping":
        raise CommandError(f"{path}: line 1: holds {found}; a config is a mapping, a line KEY: VALUE for each key.")


def _measured(events: Iterator[Any], path: str | os.PathLike) -> str | None:
    """What the document is: mapping, a list, one value, None if nothing; counted with its aliases in place."""
    from yaml import events as kinds

    top: str | None = None
    sizes: dict[str, int] = {}
    open_nodes: list[list[Any]] = [[None, 0]]  # of each mapping and list that is open: its anchor, its values so far
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, kinds.DocumentStartEvent) and top is not None:
            raise CommandError(f"{path}: line {line}: a second document begins; a config is one (no line of three dashes).")
        if isinstance(event, kinds.AliasEvent):
            if event.anchor not in sizes:
                unknown = all(anchor != event.anchor for anchor, _ in open_nodes)
                what = "stands for nothing: there is no such anchor before it" if unknown else "is inside what it stands for"
                raise CommandError(f"{path}: line {line}: the alias *{event.anchor} {what}.")
            open_nodes[-1][1] += sizes[event.anchor]
        elif isinstance(event, kinds.NodeEvent):
            if event.tag is not None and event.tag not in PLAIN_TAGS:
                tag = event.tag.replace("tag:yaml.org,2002:", "!!")
                raise CommandError(f"{path}: line {line}: the tag {tag} is not allowed; write the value without it.")
            if isinstance(event, kinds.ScalarEvent):
                open_nodes[-1][1] += 1
                sizes |= {event.anchor: 1} if event.anchor else {}
                empty = event.value in ("", "~", "null") and not event.style
                top = top or (None if empty and len(open_nodes) == 1 else "one value")
            else:
                top = top or ("mapping" if isinstance(event, kinds.MappingStartEvent) else "a list")
                open_nodes.append([event.anchor, 1])
                if len(open_nodes) > DEEPEST + 1:
                    raise CommandError(f"{path}: line {line}: more than {DEEPEST} mappings and lists are inside each other.")
        elif isinstance(event, kinds.CollectionEndEvent):
            anchor, size = open_nodes.pop()
            open_nodes[-1][1] += size
            sizes |= {anchor: size} if anchor else {}
        if open_nodes[-1][1] > MOST_VALUES:
            raise CommandError(
                f"{path}: line {line}: there are {open_nodes[-1][1]} values when aliases are put in place; at most {MOST_VALUES}."
            )
    return top


def _marked(error: Any, path: str | os.PathLike) -> CommandError:
    """A syntax error in words that say what to do, for the usual ones."""
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    problem = str(error.problem or error.context)
    if "'\\t'" in problem:
        problem = "there is a tab; indent by spaces"
    elif "duplicate key" in problem:
        problem = f'the key "{problem.partition("duplicate key ")[2]}" is there twice'
    elif "<stream end>" in problem:
        problem = f"the file ends before a bracket that was opened{_begun(error)} is closed"
    elif "end of stream" in problem:
        problem = f"the file ends before the quotation mark{_begun(error)} is closed"
    elif problem.startswith("expected <block end>"):
        problem = "the indentation does not fit the lines before"
    elif problem == "found unhashable key":
        problem = "a list or mapping cannot be a key"
    elif problem == "mapping values are not allowed here":
        problem = "a second colon in the line, or a wrong indentation; put values with a colon in quotation marks"
    return CommandError(f"{path}: {where}{problem}.")


def _begun(error: Any) -> str:
    """Where what is wrong begins, if that is not the line where it was noticed."""
    begin, end = error.context_mark, error.problem_mark
    return f" in line {begin.line + 1}" if begin is not None and end is not None and begin.line < end.line else ""


def _check_defaults(cfg: Any, text: str, path: str | os.PathLike) -> None:
    """Raises: CommandError for a defaults list that is none."""
    if "defaults" not in cfg:
        return
    entries = OmegaConf.to_container(cfg, resolve=False)["defaults"]  # type: ignore[index, call-overload]
    found = _DEFAULTS.search(text)
    where = f"{path}: line {text.count(chr(10), 0, found.start()) + 1}: defaults" if found else f"{path}: defaults"
    if not isinstance(entries, list):
        raise CommandError(f'{where}: must be a list of "- group: option", "- option" and "- _self_".')
    for entry in entries:
        fits = isinstance(entry, str) and bool(entry.strip())
        if isinstance(entry, dict) and len(entry) == 1:
            ((group, option),) = entry.items()
            options = option if isinstance(option, list) else [option]
            fits = isinstance(group, str) and all(name is None or (isinstance(name, str) and name != "") for name in options)
        if not fits:
            raise CommandError(f'{where}: {entry!r} is not possible; each entry is "- group: option", "- option" or "- _self_".')


_checked: set[str] = set()  # folders


def read_checked_files(folders: Iterable[str | os.PathLike]) -> None:
    """Have Hydra read the files of these config folders through this module; those of another program in this process stay its own."""
    _checked.update(os.path.realpath(folder) for folder in folders)
    from hydra.core.plugins import Plugins

    Plugins.instance()  # looks for plugins once, and loads this one anew: before, not after the method is put there
    from hydra._internal.core_plugins.file_config_source import FileConfigSource

    theirs = FileConfigSource.load_config
    if getattr(theirs, "__module__", "") == __name__:
        return

    def load_config(self: Any, config_path: str) -> ConfigResult:
        """Of a config folder; in one of ours files are checked before Hydra makes anything of them."""
        if os.path.realpath(self.path) not in _checked:
            return theirs(self, config_path)
        path = os.path.realpath(os.path.join(self.path, self._normalize_file_name(config_path)))
        text = read_text(path)
        cfg = copy.deepcopy(_load_once(text, path))
        _check_defaults(cfg, text, path)
        try:
            header = self._get_header_dict(text[:512])
        except ValueError as error:
            raise CommandError(f"{path}: line 1: {error}; write # @package NODE.") from None
        unknown = next((name for name in header if name != "package"), None)
        if unknown is not None:
            raise CommandError(f'{path}: the header "# @{unknown}" is not known; write # @package NODE.')
        return ConfigResult(config=cfg, path=f"{self.scheme()}://{self.path}", provider=self.provider, header=header)

    # The method, not a class of our own: launchers send Hydra's registry to processes that register the class themselves.
    FileConfigSource.load_config = load_config  # type: ignore[method-assign]
