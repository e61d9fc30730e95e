"""Values of the command line that Hydra's grammar does not read without quotation marks: paths, mostly."""

import re

from genesis_cli.errors import CommandError

_PLAIN = re.compile(r"[\w./+\-]*", re.ASCII)  # of these alone every value is read
_FUNCTION = re.compile(r"\s*\w+\s*\(.*\)\s*", re.DOTALL)
_POWER = re.compile(r"[+-]?\d+(\.\d+)?[eE]\+?(\d|1[0-5])")
_NAME = re.compile(r"[\w./:@$\-]+", re.ASCII)


def quoted(override: str) -> str:
    """The override with quotation marks around a value, or the entries of a list of values, that cannot be read without.

    Only where it is clear what is meant: what begins with a bracket, a brace or a quotation mark, or calls a function, is left as it is, and
    commas go on separating the values of a sweep.

    Raises: CommandError for what is no override, and for a value that cannot be read so either, with how to write it.
    """
    key, equals, value = override.partition("=")
    if not _NAME.fullmatch(key.lstrip("+~")) or (not equals and not key.startswith("~")):
        raise CommandError(f"{override!r} is no override: write KEY=VALUE, with a KEY of `genesis show keys`.")
    if not equals or _PLAIN.fullmatch(value) or _readable(override):
        return override
    text = value.strip()
    if text.startswith("[") and text.endswith("]") and not re.search(r"[\[\]{}'\"]", text[1:-1]):
        made = f"{key}=[{','.join(_entry(key, part) for part in text[1:-1].split(','))}]"
    elif text[:1] in ("[", "{", "'", '"') or _FUNCTION.fullmatch(text):
        made = override
    else:
        made = f"{key}={','.join(_entry(key, part) for part in value.split(','))}"
    if not _readable(made):
        raise CommandError(
            f"override {override} cannot be read: write KEY=VALUE, lists as [1,2], mappings as {{a: 1}}, and a text with other characters in "
            f"""quotation marks, within those of the shell: '{key}="…"'."""
        )
    return made


def whole(override: str) -> str:
    """1e9 as 1000000000, for a key that wants a whole number."""
    key, _, value = override.partition("=")
    return f"{key}={int(float(value))}" if _POWER.fullmatch(value) and float(value).is_integer() else override


def _entry(key: str, value: str) -> str:
    """One value, in quotation marks if it needs them. In them a backslash is itself, but for those right before a quotation mark."""
    if _readable(f"{key}={value}"):
        return value
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value)
    return f"'{escaped}'"


def _readable(override: str) -> bool:
    """Hydra's grammar accepts the override."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        return False
    return True
