"""Write docs/reference_cli.md and docs/reference_config.md from the code: commands with options, config nodes with keys.

python docs/make/reference.py            # write them
python docs/make/reference.py --check    # fail if they are not what the code says
"""

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
import yaml
from typer.models import ArgumentInfo, OptionInfo

from genesis_cli.app import app
from genesis_cli.compose import compose_config, options
from genesis_cli.paths import config_dir
from genesis_cli.schema import GROUPS, KINDS, OBSERVED, PARTS, PLAIN, TERMS
from genesis_cli.schema.sweeps import SWEEPS

DOCS = Path(__file__).resolve().parents[1]
MADE = "Made by `python docs/make/reference.py` from the code."
#: What a node of the config is, where its classes do not say it themselves.
NODES = {
    "task": "Horizon, start states, goal, tolerances.",
    "scene": "Time step, gravity, integrator, contacts, further entities.",
    "robot": "Description file or shape, where it stands, home position, tool.",
    "loss": "Named terms; the objective is the sum of weight × term.",
    "constraint": "Named ranges that must hold of the motion; where one is violated, no run has converged.",
    "parameter": "Named groups of what is learned or identified.",
    "optimizer": "The method. `polish` takes the same, for a second descent from the best point.",
    "scheduler": "How the learning rate of a first-order method changes.",
}


def table(head: list[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Lines of a Markdown table."""
    body = ["| " + " | ".join(re.sub(r"(?<!\\)\|", r"\\|", " ".join(cell.split())) for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body, ""]


def commands(app: typer.Typer, words: list[str]) -> list[tuple[list[str], Callable[..., Any]]]:
    """(words that call it, the function) of every command."""
    own = [([*words, made.name or made.callback.__name__], made.callback) for made in app.registered_commands if made.callback]
    groups = [
        commands(group.typer_instance, [*words, str(group.name)]) for group in app.registered_groups if group.typer_instance
    ]
    return own + [found for group in groups for found in group]


def arguments(function: Callable[..., Any]) -> tuple[list[str], list[list[str]]]:
    """Usage words, and a row for each argument and option."""
    usage, rows = [], []
    for name, hint in get_type_hints(function, include_extras=True).items():
        said = next((about for about in getattr(hint, "__metadata__", ()) if isinstance(about, (ArgumentInfo, OptionInfo))), None)
        if said is None:
            continue
        kinds = get_args(get_args(hint)[0]) or (get_args(hint)[0],)
        choices = [choice for kind in kinds for choice in get_args(kind)] or [kind for kind in kinds if isinstance(kind, str)]
        metavar = said.metavar or "|".join(map(str, choices)) or name.upper()
        if isinstance(said, ArgumentInfo):
            usage.append(metavar)
            rows.append([f"`{metavar}`", said.help or ""])
        else:
            flags = [
                word for word in (said.default, *(said.param_decls or ())) if isinstance(word, str)
            ]  # typer takes the first for a default
            names = ", ".join(f"`{flag}`" for flag in flags or [f"--{name.replace('_', '-')}"])
            rows.append([names + ("" if bool in kinds else f" `{metavar}`"), said.help or ""])
    return usage, rows


def cli_page() -> str:
    """The text of docs/reference_cli.md."""
    parts = ["# Commands and their options", "", f"{MADE} What they do and leave behind: [cli.md](cli.md).", ""]
    for words, function in commands(app, ["genesis"]):
        usage, rows = arguments(function)
        parts += [f"## {' '.join(words)}", "", " ".join((function.__doc__ or "").split()), ""]
        parts += ["```text", " ".join([*words, *(["[OPTIONS]"] if len(rows) > len(usage) else []), *usage]), "```", ""]
        parts += table(["word", "meaning"], rows) if rows else []
    return "\n".join(parts).rstrip() + "\n"


def default(declared: Field) -> str:
    """The value without an override, as YAML says it."""
    value = declared.default_factory() if declared.default_factory is not MISSING else declared.default
    if value is MISSING or value == "???":
        return "required"
    if declared.metadata.get("node") is not None:
        return "see below"
    return f"`{yaml.safe_dump(value, default_flow_style=True).removesuffix(chr(10)).removesuffix(chr(10) + '...')}`"


def type_name(kind: Any) -> str:
    """A type in the words of YAML, short."""
    said = kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
    for python, word in (
        ("typing.", ""),
        ("None", "null"),
        ("Any", "any"),
        ("list[", "list of "),
        ("dict[str, ", "mapping to "),
        ("]", ""),
    ):
        said = said.replace(python, word)
    return said


def row(declared: Field) -> list[str]:
    """Key, type, default, meaning with the values that are allowed."""
    about = declared.metadata
    limits = [f"≥ {about['low']:g}"] if about.get("low") is not None else []
    limits += [f"> {about['above']:g}"] if about.get("above") is not None else []
    limits += (
        [f"≤ {about['high'] if isinstance(about['high'], int) else format(about['high'], 'g')}"]
        if about.get("high") is not None
        else []
    )
    limits += [", ".join(f"`{choice}`" for choice in about["choices"])] if about.get("choices") else []
    text = about.get("help", "")
    return [
        f"`{declared.name}`",
        "mapping" if about.get("node") is not None else type_name(declared.type),
        default(declared),
        text + (f" ({'; '.join(limits)})" if limits else ""),
    ]


def keys(schema: type, but: Iterable[str] = ()) -> list[Field]:
    """Keys of a node, less `kind` and those that are named."""
    return [field for field in fields(schema) if field.name != "kind" and field.name not in set(but)]


HEAD = ["key", "type", "default", "meaning"]


def kinds_part(kinds: dict[str, type], level: str) -> list[str]:
    """Keys that all kinds have alike, then each kind with its own."""
    rows = {kind: {field.name: row(field) for field in keys(schema)} for kind, schema in kinds.items()}
    first = next(iter(rows.values()))
    alike = [name for name, said in first.items() if len(kinds) > 1 and all(other.get(name) == said for other in rows.values())]
    parts = ["Every kind has", "", *table(HEAD, [first[name] for name in alike])] if alike else []
    for kind, schema in kinds.items():
        told = " ".join((schema.__doc__ or "").split("\n\n")[0].split())
        parts += [f"{level} {kind}", "", told, ""]
        own = [said for name, said in rows[kind].items() if name not in alike]
        parts += table(HEAD, own) if own else []
    return parts


def inner_part(schema: type) -> list[str]:
    """What is inside the keys of a task of episodes that are nodes, or mappings of names to nodes."""
    parts = []
    for field in keys(schema):
        own, terms = field.metadata.get("node"), field.metadata.get("terms")
        if own is None and terms is None:
            continue
        parts += [f"### episodes {field.name}", ""]
        if own is not None:
            parts += [" ".join((own.__doc__ or "").split("\n\n")[0].split()), "", *table(HEAD, map(row, keys(own)))]
        else:
            parts += kinds_part(terms, "####")
    return parts


def offered(folder: str) -> list[str]:
    """Shipped files of a group, with the line that each says of itself."""
    rows = []
    for name in options(folder):
        file = config_dir() / folder / f"{name}.yaml"
        told = [line.removeprefix("#").strip() for line in file.read_text().splitlines()[:4] if line.startswith("# ")]
        rows.append([f"`{name}`", next((line for line in told if not line.startswith("@package")), "")])
    rows = rows or [[f"`{name}`", ""] for name in SWEEPS.get(folder, ())]
    return table([f"`{folder}/`", ""], rows) if rows else []


def config_page() -> str:
    """The text of docs/reference_config.md."""
    folders = dict(GROUPS)
    parts = [
        "# Every key of the config",
        "",
        f"{MADE} What the groups are for: [configs.md](configs.md). `genesis show keys task=throw`",
        "",
    ]
    parts[2] += " prints the keys of one composed config with their values."
    for node, kinds in {**KINDS, **TERMS}.items():
        if node == "polish":
            continue
        parts += [f"## {node}", "", NODES[node], "", *offered(folders.pop(node)), *kinds_part(kinds, "###")]
        if node == "task":
            parts += inner_part(kinds["episodes"])
    for node, schema in PLAIN.items():
        told = " ".join((schema.__doc__ or "").split("\n\n")[0].split())
        parts += [f"## {node}", "", told, "", *(offered(folders.pop(node)) if node in folders else [])]
        parts += table(HEAD, map(row, keys(schema)))
        if node == "observation":
            for name, part in PARTS.items():
                parts += [f"### {node} {name}", "", " ".join((part.__doc__ or "").split("\n\n")[0].split()), ""]
                parts += table(HEAD, map(row, keys(part)))
            for name, kinds in OBSERVED.items():
                parts += [f"### {node} {name}", "", *kinds_part(kinds, "####")]
    parts += ["## Groups without keys of their own", ""]
    for folder in folders.values():
        parts += offered(folder)
    return "\n".join(parts).rstrip() + "\n"


def main() -> None:
    compose_config("optimize", [])  # the schema is in place
    for name, made in (("reference_cli.md", cli_page()), ("reference_config.md", config_page())):
        target = DOCS / name
        if "--check" not in sys.argv:
            target.write_text(made)
        elif not target.exists() or target.read_text() != made:
            raise SystemExit(f"{target} is not up to date; run: python docs/make/reference.py")


if __name__ == "__main__":
    main()
