"""Completion of overrides in the shell: groups, options, keys."""

import os

# Set when bash has split the word under the cursor at "=": then only the part after it may be returned.
_JOINED = "_GENESIS_JOINED"


def join_words_of_bash() -> None:
    """Undo bash's splitting of `task=re` into `task`, `=`, `re` before the completion machinery reads the words."""
    if os.environ.get("_GENESIS_COMPLETE") != "complete_bash":
        return
    words = os.environ.get("COMP_WORDS", "").split("\n" if "\n" in os.environ.get("COMP_WORDS", "") else " ")
    cursor = int(os.environ.get("COMP_CWORD", "0"))
    joined, new_cursor = join_at_equals(words, cursor)
    if joined != words:
        os.environ[_JOINED] = "1" if "=" in joined[new_cursor] else ""
        os.environ["COMP_WORDS"] = " ".join(joined)
        os.environ["COMP_CWORD"] = str(new_cursor)


def join_at_equals(words: list[str], cursor: int) -> tuple[list[str], int]:
    """Words with `a`, `=`, `b` put together, and the index of the word that holds the cursor."""
    joined: list[str] = []
    where: list[int] = []  # index in `joined` of each word
    for i, word in enumerate(words):
        after_equals = bool(joined) and i > 0 and words[i - 1] == "=" and joined[-1].endswith("=")
        if joined and (word == "=" or after_equals):
            joined[-1] += word
        else:
            joined.append(word)
        where.append(len(joined) - 1)
    if cursor < len(where):
        return joined, where[cursor]
    if words and words[-1] == "=":
        return joined, len(joined) - 1
    return [*joined, ""], len(joined)


def complete_override(incomplete: str) -> list[str]:
    """Candidates for the override being typed: `ta` -> `task=`, `task=re` -> `task=reach`, `optimizer.` -> its keys."""
    from genesis_cli.compose import compose_config, flat_keys, groups

    name, equals, value = incomplete.partition("=")
    sign = name[: len(name) - len(name.lstrip("+~"))]
    bare = name[len(sign) :]
    if equals:
        found = [f"{name}={option}" for node, folder, options in groups() if bare in (node, folder) for option in options]
        found = [candidate for candidate in found if candidate.startswith(incomplete)]
        return [candidate.partition("=")[2] for candidate in found] if os.environ.get(_JOINED) else found
    names = [f"{sign}{node}=" for node, _, _ in groups()]
    if "." in bare or not any(candidate.startswith(incomplete) for candidate in names):
        names += [f"{sign}{key}=" for key in flat_keys(compose_config("optimize", []))]
    else:
        names += [
            f"{sign}{node}."
            for node in ("robot", "scene", "task", "loss", "parameter", "optimizer", "stop", "runtime", "logging")
        ]
    return sorted({candidate for candidate in names if candidate.startswith(incomplete)})
