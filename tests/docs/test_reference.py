"""The pages made from the code say what the code says."""

import reference

from genesis_cli.app import app
from genesis_cli.schema import KINDS, TERMS
from tests.docs.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"


def test_the_references_are_up_to_date() -> None:
    assert (DOCS / "reference_cli.md").read_text() == reference.cli_page(), "run: python docs/make/reference.py"
    assert (DOCS / "reference_config.md").read_text() == reference.config_page(), "run: python docs/make/reference.py"


def test_every_command_and_every_kind_has_its_place() -> None:
    commands, config = reference.cli_page(), reference.config_page()
    for words, function in reference.commands(app, ["genesis"]):
        assert f"## {' '.join(words)}\n" in commands
        assert f"| `{words[-1]}`" not in commands and (function.__doc__ or "").split("\n")[0][:40] in commands
    for kinds in (*KINDS.values(), *TERMS.values()):
        assert all(f"### {kind}\n" in config for kind in kinds)
    assert "| `--resume` `RUN` | Go on from the last checkpoint of a run folder. |" in commands
    assert "| `horizon` | int | `100` |" in config and "(≥ 1)" in config and "(`force`, `position`" in config


def test_defaults_and_types_are_in_the_words_of_yaml() -> None:
    from dataclasses import dataclass, field

    from genesis_cli.schema.keys import REQUIRED, key

    @dataclass
    class Node:
        kind: str = "node"
        """One."""
        sizes: list[float] = key([0.5, 1.0], "sizes [m] | none", above=0.0, length=2)
        way: str | None = key(None, "way", choices=("left", "right"))
        needed: str = key(REQUIRED, "needed")
        plain: dict[str, int] = field(default_factory=dict)

    assert [reference.row(declared) for declared in reference.keys(Node)] == [
        ["`sizes`", "list of float", "`[0.5, 1.0]`", "sizes [m] | none (> 0)"],
        ["`way`", "str | null", "`null`", "way (`left`, `right`)"],
        ["`needed`", "str", "required", "needed"],
        ["`plain`", "mapping to int", "`{}`", ""],
    ]
    assert reference.table(["a"], [["x | y"]])[2] == r"| x \| y |"
