"""Overrides as users type them: `task=reach` means the group `tasks`, `task.horizon=5` the value."""

import re
from dataclasses import fields

from genesis_cli.errors import CommandError
from genesis_cli.overrides import quoted, whole
from genesis_cli.schema import ALONE, GROUPS, KINDS, OBSERVED, PARTS, PLAIN, TERMS
from genesis_cli.schema.former import FORMER

# [+ | ++ | ~] name [@package] [=value]; a name with a dot is a value, not a group.
_GROUP_OVERRIDE = re.compile(r"^(?P<sign>\+\+?|~)?(?P<name>\w+)(?P<rest>(@[^=]*)?(=.*)?)$", re.DOTALL)

POLISH = "polish"  # the node of a second optimizer, of the group of the first


def expand(override: str) -> str:
    """The override with a node's name replaced by its group's: `scene=arm` -> `scenes=arm`.

    A mapping is a value, not an option: `scene={dt: 0.1}` stays.

    Raises: CommandError for a word of before, and for `scene=null`, which is no option either.
    """
    key, _, typed = override.lstrip("+~").partition("=")
    key = key.partition("@")[0]
    if key.partition(".")[0] not in (*GROUPS, *KINDS, *TERMS, *PLAIN, *ALONE):
        refuse_former(key, typed)
    match = _GROUP_OVERRIDE.match(override)
    if match is not None and match["name"] == POLISH:
        return f"{match['sign'] or ''}{GROUPS['optimizer']}@{POLISH}{match['rest']}"
    if match is None or match["name"] not in GROUPS:
        return override
    value = match["rest"].partition("=")[2].lstrip()
    if value.startswith("{"):
        return override
    if value.strip() == "null":
        name = match["name"]
        raise CommandError(
            f"{override}: a group takes the name of an option (genesis show groups); ~{name} leaves it out"
            + (f", {name}.NAME=null one of its terms." if name in TERMS else ".")
        )
    return f"{match['sign'] or ''}{GROUPS[match['name']]}{match['rest']}"


def refuse_former(key: str, value: str = "") -> None:
    """To be asked about words that the config does not have; value: what a key is set to, as typed.

    Raises: CommandError for a word of before (see `schema.former`), naming what stands for it now.
    """
    for word, now in FORMER.items():
        pattern, _, only = word.partition("=")
        names = pattern.split(".")
        parts = key.split(".", len(names) - 1) if names[-1] == "*" else key.split(".")
        fits = len(parts) == len(names) and all(name in ("*", part) for name, part in zip(names, parts, strict=True))
        if not fits or (only and only != value):
            continue
        if now.advice:
            raise CommandError(f'{key}: "{value}" is no kind any more; {now.advice}.' if only else f"{key}: {now.advice}.")
        called = now.key
        for name, part in zip(names, parts, strict=True):
            called = called.replace("*", part, 1) if name == "*" else called
        raise CommandError(f"{key}: is called {called} now; write {called}{'=' if value else ''}{value}.")


def expand_all(overrides: list[str]) -> list[str]:
    """`expand` over the command line, with quotation marks where Hydra wants them."""
    words = [expand(override) for override in overrides]
    return [quoted(whole(word) if _wants_whole(word.partition("=")[0]) else word) for word in words]


def _wants_whole(key: str) -> bool:
    """Whether a key of that name is declared as a whole number; hydra's own are not."""
    node, _, name = key.lstrip("+").partition(".")
    schemas = [*PLAIN.values(), *ALONE.values(), *PARTS.values()]
    schemas += [kind for kinds in (*KINDS.values(), *TERMS.values(), *OBSERVED.values()) for kind in kinds.values()]
    last = name.rpartition(".")[2] or node
    return node != "hydra" and any(f.name == last and f.type in (int, int | None) for schema in schemas for f in fields(schema))


def node_of(group: str) -> str:
    """The config node that a group fills: tasks -> task."""
    return next((node for node, folder in GROUPS.items() if folder == group), group)
