"""Errors of Hydra, OmegaConf and the engine as messages for the user: what, where, what is allowed, nearest name."""

import re
import sys
from dataclasses import fields
from traceback import walk_tb

from hydra.errors import HydraException
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from genesis_cli.aliases import POLISH, expand, refuse_former
from genesis_cli.compose import compose_config, flat_keys, options
from genesis_cli.config_places import chosen_there, not_a_config, place, reading
from genesis_cli.errors import FAILED, WRONG_INPUT, CommandError
from genesis_cli.schema import GROUPS, KINDS, PLAIN, TERMS
from genesis_cli.schema.sweeps import EXTRAS
from genesis_cli.suggest import known, nearest_first
from genesis_cli.validate import NOT_NULL, first_line

_NO_KEY = re.compile(r"Could not (?:override|append to config|delete from config)[^']*'(?P<key>[^']+)'")
_NO_OPTION = re.compile(r"(?:Could not find|Could not load) '(?P<path>[^']+)'")
_WITHIN = re.compile(r"In '(?P<config>[^'<]+)': ")
_FULL_KEY = re.compile(r"full_key: (?P<key>\S+)")
_AMBIGUOUS = re.compile(r"Ambiguous value for argument '(?P<word>.*?)'\n", re.DOTALL)
_NOT_IN = re.compile(r"Key '(?P<key>[^']+)' not in '(?P<schema>\w+)'")
_UNREAD = re.compile(r"Error parsing override '(?P<word>.*?)'\n", re.DOTALL)
_MERGING = re.compile(r"^Error merging override (?P<word>.*)$")
_MISSING_PRIMARY = re.compile(r"Cannot find primary config '(?P<name>[^']+)'")

#: Modules of Hydra in which configs are put together, before any job.
COMPOSING = ("hydra._internal.config_loader_impl", "hydra._internal.config_repository", "hydra._internal.defaults_list")

#: (config, node) of keys that the config of the other command has: what stands for them in this one.
ELSEWHERE = {
    ("sysid", "restarts"): "tasks have restarts; an identification has further starts: starts.candidates",
    ("optimize", "starts"): "an identification has starts; a task has restarts: restarts.count",
    ("sysid", "multiple_shooting"): "tasks have multiple_shooting; an identification has windows of its own: shooting.window",
    ("optimize", "shooting"): "an identification has shooting; the motion of a task is cut by multiple_shooting.segments",
}


def is_hydra_error(error: Exception) -> bool:
    """Composition, parsing or interpolation went wrong; Hydra leaves some wrong files to whatever exception they happen to end in.

    What is raised by our own code in the midst of that is a mistake of ours.
    """
    if isinstance(error, CommandError):
        return False
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return True
    modules = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    return any(name.startswith(COMPOSING) for name in modules) and not modules[-1].startswith("genesis_cli.")


def as_command_error(error: Exception, config: str, overrides: list[str], config_dirs: list[str]) -> CommandError:
    """The message for a failed composition of a config, that of a command or of a stored run, with the file that is wrong if it is one."""
    text = _whole_text(error)
    said = _said(error, text, config, overrides, config_dirs)
    return CommandError(_place(error, text, overrides, config_dirs) + str(said))


def _place(error: Exception, text: str, overrides: list[str], config_dirs: list[str]) -> str:
    """`FILE: line N: ` of what is wrong, if that stands in a file; "" for what stands on the command line."""
    option, within, key = _NO_OPTION.search(text), _WITHIN.search(text), _FULL_KEY.search(text)
    if option is not None:
        group, _, name = option["path"].rpartition("/")
        if any(word.partition("=")[2] == name for word in overrides):
            return ""
        found = chosen_there(group, name, overrides, config_dirs)
        return found or (place(within["config"], [name], config_dirs) if within is not None and "/" in within["config"] else "")
    missing = _NO_KEY.search(text)
    if within is not None:
        names = (
            [missing["key"].split("@")[0]] if missing is not None else [key["key"].rpartition(".")[2]] if key is not None else []
        )
        return place(within["config"], names, config_dirs)
    own = [found for config in reading(error) if (found := place(config, ["defaults"], config_dirs, shipped=False))]
    return own[-1] if own and not isinstance(error, RecursionError) else ""


def _said(error: Exception, text: str, config: str, overrides: list[str], config_dirs: list[str]) -> CommandError:
    """What is wrong, and what is allowed."""
    if isinstance(error, RecursionError):
        return _circle(reading(error), config_dirs)
    option = _NO_OPTION.search(text)
    if option is not None and "/" in option["path"]:
        group, _, name = option["path"].rpartition("/")
        if group in ("hydra/launcher", "hydra/sweeper") and name in EXTRAS:
            return CommandError(f'{group}={name} needs an extra: pip install "genesis-optimize[{EXTRAS[name]}]".')
        former = _former(group, name)
        if former is not None:
            return former
        asked = POLISH if _of_polish(name, overrides) and group == GROUPS["optimizer"] else group
        there = not_a_config(group, name, config_dirs)
        if there:
            return CommandError(f'{asked}: "{name}" is no option: {there}.')
        return CommandError(f'{asked}: unknown option "{name}"; {known(name, _options(group, config_dirs))}.')
    primary = _MISSING_PRIMARY.search(text)
    if primary is not None:
        return CommandError(
            f'--config-name: unknown config "{primary["name"]}"; known: optimize, sysid, simulate, control, gradcheck.'
        )
    missing = _NO_KEY.search(text)
    if missing is not None:
        name = missing["key"].split("@")[0].lstrip("/")
        former = _former(name)
        if former is not None:
            return former
        if _WITHIN.search(text) is not None and name in (*GROUPS, *GROUPS.values()):
            return CommandError(
                f'"override /{name}" finds nothing to override; begin the file with the line # @package _global_.'
            )
        return CommandError(_unknown_key(missing["key"], config, overrides, config_dirs))
    several = _AMBIGUOUS.search(text)
    if several is not None:
        return CommandError(
            f"{several['word']}: several values are a sweep, which -m starts; a list is [1,2], and a text with commas has quotation marks."
        )
    unknown = _NOT_IN.search(text)
    if unknown is not None:
        return CommandError(f'unknown key "{unknown["key"]}"; {known(unknown["key"], _keys_of(unknown["schema"]))}.')
    unread = _UNREAD.search(text)
    if unread is not None:
        return CommandError(
            f"override {unread['word']} cannot be read: write KEY=VALUE, lists as [1,2], quotes around special characters."
        )
    if isinstance(error, InterpolationResolutionError) and getattr(error, "full_key", None) is None:
        words = [word for word in overrides if "${" in word]
        return CommandError(f"{' '.join(words)}: {_clean(error)}" if words else _clean(error))
    return CommandError(_clean(error))


def _options(group: str, config_dirs: list[str]) -> list[str]:
    """Names that a group offers: of files, or of the dataclasses of `schema`."""
    if group.startswith("schema/"):
        node = group.removeprefix("schema/")
        return list({**KINDS, **TERMS}.get(node, PLAIN if node == "run" else {}))
    return [] if ".." in group else options(group, config_dirs)


def _keys_of(schema: str) -> list[str]:
    """The keys of a dataclass of the schema, by its name."""
    made = [kind for kinds in (*KINDS.values(), *TERMS.values(), PLAIN) for kind in kinds.values()]
    return next(([declared.name for declared in fields(kind)] for kind in made if kind.__name__ == schema), [])


def _circle(stack: list[str], config_dirs: list[str]) -> CommandError:
    """Defaults that lead back to where they come from."""
    if not stack:
        return CommandError("the config refers to itself without end.")
    last = len(stack) - 1 - stack[-2::-1].index(stack[-1]) - 1 if stack[-1] in stack[:-1] else 0
    ring = " -> ".join(stack[last:])
    return CommandError(f"{place(stack[-1], ['defaults'], config_dirs)}the defaults go round in a circle: {ring}.")


def _former(group: str, option: str = "") -> CommandError | None:
    """What to say of a group, or of a kind in the group `schema`, if it is a word of before."""
    node = group.removeprefix("schema/")
    try:
        refuse_former(node, option)
        if node != group:
            refuse_former(f"{node}.*.kind" if node in TERMS else f"{node}.kind", option)
    except CommandError as said:
        return said
    return None


def _of_polish(name: str, overrides: list[str]) -> bool:
    """Whether the optimizer that does not exist was asked for as a polish."""
    asked, group = {expand(word).lstrip("+").partition("=")[::2] for word in overrides}, GROUPS["optimizer"]
    return (f"{group}@{POLISH}", name) in asked and (group, name) not in asked


def _elsewhere(key: str, config: str) -> str | None:
    """What to say of a key of a node that this config does not have."""
    node = key.partition(".")[0]
    if node == POLISH and config not in ("simulate", "control", "gradcheck"):
        return f"{key}: no polish is chosen; add {POLISH}=METHOD (genesis show groups), whose keys these are."
    if (config, node) in ELSEWHERE:
        return f"{key}: {ELSEWHERE[config, node]}."
    return None


def _unknown_key(key: str, config: str, overrides: list[str], config_dirs: list[str]) -> str:
    """`unknown key` with the nearest keys of the config as it would be without the value overrides."""
    base = key.split("@")[0]
    if "." not in base and "/" not in base:
        names = [*GROUPS, *GROUPS.values(), "stop", "gradcheck"]
        return f'unknown key "{base}"; {known(base, names)}.'
    chosen = [word for word in overrides if "." not in word.split("=")[0] and not word.startswith(("+", "~"))]
    try:
        keys = list(flat_keys(compose_config(config, chosen, config_dirs)))
    except (HydraException, OmegaConfBaseException):
        keys = []
    if base in keys:
        return f"{base}: names are added with a plus: +{base}.NAME=VALUE."
    parent = base.rpartition(".")[0]
    siblings = [k for k in keys if k.startswith(parent + ".")]
    if siblings:
        name, names = base[len(parent) + 1 :], [k[len(parent) + 1 :] for k in siblings]
        return f'{parent}: unknown key "{name}"; {known(name, names)}.'
    elsewhere = _elsewhere(base, config)
    if elsewhere is not None:
        return elsewhere
    close = nearest_first(base, keys)[:5]
    return f'unknown key "{base}"; nearest: {", ".join(close) or "none"} (all: genesis show keys).'


def _whole_text(error: BaseException | None) -> str:
    """The messages of an exception and its causes."""
    parts = []
    while error is not None:
        parts.append(str(error))
        error = error.__cause__
    return "\n".join(parts)


def _clean(error: Exception) -> str:
    """Where and what, without Hydra's internals."""
    lines = [line.strip() for line in _whole_text(error).splitlines() if line.strip()]
    merging = _MERGING.match(lines[0]) if lines else None
    if merging is not None:
        key, _, value = merging["word"].partition("=")
        why = first_line(Exception("\n".join(lines[1:]))).rstrip(".")
        if why == NOT_NULL:
            return f"{key}: {why}."
        if "Cannot merge" in why:
            why = "a list cannot take the place of a mapping, nor a mapping that of a list"
        return f"{key}: {value} is not possible: {why}."
    text = first_line(Exception("\n".join(lines))).rstrip(".")
    found = _FULL_KEY.search("\n".join(lines))
    where = getattr(error, "full_key", None) or (found["key"] if found is not None else None)
    return f"{where}: {text}." if where else f"{text}."


def from_engine(error: Exception) -> tuple[int, str] | None:
    """Exit code and message of an error that the engine raised on purpose; None for any other."""
    if is_hydra_error(error):
        return WRONG_INPUT, _clean(error)
    errors = sys.modules.get("genesis.errors")  # not loaded: then nothing can have raised its errors
    if errors is None or not isinstance(error, errors.GenesisError):
        return None
    return (WRONG_INPUT if isinstance(error, errors.InputError) else FAILED), str(error)
