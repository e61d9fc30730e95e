"""Completion of overrides in the shell: groups, options, keys."""

import os
import sys


def answer_bash() -> bool:
    """Complete `task=re` for bash, which splits words at "=" and replaces only the part after it; False: not such a case.

    Everything else is left to Typer, which would never see that the words belong together.
    """
    if os.environ.get("_GENESIS_COMPLETE") != "complete_bash":
        return False
    text = os.environ.get("COMP_WORDS", "")
    words, cursor = join_at_equals(text.split("\n" if "\n" in text else " "), int(os.environ.get("COMP_CWORD", "0")))
    name, equals, _ = words[cursor].partition("=")
    if not equals:
        return False
    for candidate in complete_override(words[cursor]):
        sys.stdout.write(candidate[len(name) + 1 :] + "\n")
    return True


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

    name, equals, _ = incomplete.partition("=")
    sign = name[: len(name) - len(name.lstrip("+~"))]
    bare = name[len(sign) :]
    if equals:
        found = [f"{name}={option}" for node, folder, options in groups() if bare in (node, folder) for option in options]
        return [candidate for candidate in found if candidate.startswith(incomplete)]
    names = [f"{sign}{node}=" for node, _, _ in groups()]
    if "." in bare or not any(candidate.startswith(incomplete) for candidate in names):
        names += [f"{sign}{key}=" for key in flat_keys(compose_config("optimize", []))]
    else:
        names += [
            f"{sign}{node}."
            for node in ("robot", "scene", "task", "loss", "parameter", "optimizer", "stop", "runtime", "logging")
        ]
    return sorted({candidate for candidate in names if candidate.startswith(incomplete)})
