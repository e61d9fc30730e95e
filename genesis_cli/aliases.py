"""Overrides as users type them: `task=reach` means the group `tasks`, `task.horizon=5` the value."""

import re

from genesis_cli.errors import CommandError
from genesis_cli.schema import GROUPS, TERMS

# Words of before, by node: what stands for the node, and for those of its keys that went elsewhere.
_RENAMED = {
    "solver": (
        "optimizer",
        {
            "iterations": "stop.iterations",
            "windows": "shooting.mini_batch",
            "every": "shooting.whole_every",
            "learning_rate": "optimizer.lr",
        },
    ),
}
# [+ | ++ | ~] name [@package] [=value]; a name with a dot is a value, not a group.
_GROUP_OVERRIDE = re.compile(r"^(?P<sign>\+\+?|~)?(?P<name>\w+)(?P<rest>(@[^=]*)?(=.*)?)$", re.DOTALL)


def expand(override: str) -> str:
    """The override with a node's name replaced by its group's: `scene=arm` -> `scenes=arm`.

    A mapping is a value, not an option: `scene={dt: 0.1}` stays.

    Raises: CommandError for a word of before, and for `scene=null`, which is no option either.
    """
    refuse_renamed(override)
    match = _GROUP_OVERRIDE.match(override)
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


def refuse_renamed(word: str) -> None:
    """Raises: CommandError for a node or key (or an override of it) that has another name now, naming that."""
    key, sign, value = word.lstrip("+~").partition("=")
    node, _, last = key.partition("@")[0].partition(".")
    singular = node.removesuffix("s")
    if singular not in _RENAMED:
        return
    name, keys = _RENAMED[singular]
    now = name if not last else keys.get(last, f"{name}.{last}")
    raise CommandError(f"{key}: is called {now} now; write {now}{sign}{value}.")


def expand_all(overrides: list[str]) -> list[str]:
    """`expand` over the command line."""
    return [expand(override) for override in overrides]


def node_of(group: str) -> str:
    """The config node that a group fills: tasks -> task."""
    return next((node for node, folder in GROUPS.items() if folder == group), group)
