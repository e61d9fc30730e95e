"""Errors of Hydra, OmegaConf and the engine as messages for the user: what, where, what is allowed, nearest name."""

import re
import sys

from hydra.errors import HydraException
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from genesis_cli.aliases import POLISH, expand, refuse_former
from genesis_cli.compose import compose_config, flat_keys, options
from genesis_cli.errors import FAILED, WRONG_INPUT, CommandError
from genesis_cli.schema import GROUPS, TERMS
from genesis_cli.schema.sweeps import EXTRAS
from genesis_cli.suggest import known, nearest_first
from genesis_cli.validate import NOT_NULL, first_line

_NO_KEY = re.compile(r"Could not (?:override|append to config|delete from config)[^']*'(?P<key>[^']+)'")
_NO_OPTION = re.compile(r"(?:Could not find|Could not load) '(?P<path>[^']+)'")
_UNREAD = re.compile(r"Error parsing override '(?P<word>.*?)'\n", re.DOTALL)
_GRAMMAR = re.compile("mismatched input|no viable alternative|extraneous input|token recognition")
_MERGING = re.compile(r"^Error merging override (?P<word>.*)$")
_MISSING_PRIMARY = re.compile(r"Cannot find primary config '(?P<name>[^']+)'")

#: (config, node) of keys that the config of the other command has: what stands for them in this one.
ELSEWHERE = {
    ("sysid", "restarts"): "tasks have restarts; an identification has further starts: starts.candidates",
    ("optimize", "starts"): "an identification has starts; a task has restarts: restarts.count",
    ("sysid", "multiple_shooting"): "tasks have multiple_shooting; an identification has windows of its own: shooting.window",
    ("optimize", "shooting"): "an identification has shooting; the motion of a task is cut by multiple_shooting.segments",
}


def is_hydra_error(error: Exception) -> bool:
    """Composition, parsing or interpolation went wrong."""
    return isinstance(error, (HydraException, OmegaConfBaseException))


def as_command_error(error: Exception, config: str, overrides: list[str], config_dirs: list[str]) -> CommandError:
    """The message for a failed composition of a config, that of a command or of a stored run."""
    text = _whole_text(error)
    option = _NO_OPTION.search(text)
    if option is not None and "/" in option["path"]:
        group, _, name = option["path"].rpartition("/")
        if group in ("hydra/launcher", "hydra/sweeper") and name in EXTRAS:
            return CommandError(f'{group}={name} needs an extra: pip install "genesis-optimize[{EXTRAS[name]}]".')
        former = _former(group, name)
        if former is not None:
            return former
        asked = POLISH if _of_polish(name, overrides) and group == GROUPS["optimizer"] else group
        return CommandError(f'{asked}: unknown option "{name}"; {known(name, options(group, config_dirs))}.')
    primary = _MISSING_PRIMARY.search(text)
    if primary is not None:
        return CommandError(f'--config-name: unknown config "{primary["name"]}"; known: optimize, sysid, simulate, gradcheck.')
    missing = _NO_KEY.search(text)
    if missing is not None:
        former = _former(missing["key"].split("@")[0].lstrip("/"))
        if former is not None:
            return former
        return CommandError(_unknown_key(missing["key"], config, overrides, config_dirs))
    unread = _UNREAD.search(text)
    if unread is not None or _GRAMMAR.search(text):
        word = unread["word"] if unread is not None else next((w for w in overrides if not _readable(w)), "")
        return CommandError(f"override {word} cannot be read: write KEY=VALUE, lists as [1,2], quotes around special characters.")
    if isinstance(error, InterpolationResolutionError) and getattr(error, "full_key", None) is None:
        words = [word for word in overrides if "${" in word]
        return CommandError(f"{' '.join(words)}: {_clean(error)}" if words else _clean(error))
    return CommandError(_clean(error))


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
    if node == POLISH and config not in ("simulate", "gradcheck"):
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


def _readable(word: str) -> bool:
    """Hydra's grammar accepts the override."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    return True


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
    where = getattr(error, "full_key", None)
    return f"{where}: {text}." if where else f"{text}."


def from_engine(error: Exception) -> tuple[int, str] | None:
    """Exit code and message of an error that the engine raised on purpose; None for any other."""
    if is_hydra_error(error):
        return WRONG_INPUT, _clean(error)
    errors = sys.modules.get("genesis.errors")  # not loaded: then nothing can have raised its errors
    if errors is None or not isinstance(error, errors.GenesisError):
        return None
    return (WRONG_INPUT if isinstance(error, errors.InputError) else FAILED), str(error)
