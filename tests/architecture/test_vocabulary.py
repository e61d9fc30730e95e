"""One concept, one word: no two public classes bear the same name.

A dataclass of `genesis_cli/schema` bears the name of the class that it configures; those pairs are one word for one thing.
"""

import ast
from collections import Counter
from pathlib import Path

from tests.architecture.imports import REPOSITORY, modules

#: Names that stand for several things still. The lists only shrink: what is one word for one thing again is taken out.
TWICE: set[str] = set()
TWICE_IN_SCHEMA: set[str] = set()


def public_classes(source: str) -> list[str]:
    """Classes at the top of a file, without those that begin with an underscore."""
    return [n.name for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]


def repeated(files: list[Path]) -> set[str]:
    """Names of public classes that stand in several places."""
    counts = Counter(name for file in files for name in public_classes(file.read_text()))
    return {name for name, count in counts.items() if count > 1}


def split() -> tuple[list[Path], list[Path]]:
    """(files of the engine and of the command line, files of the schema)"""
    schema = REPOSITORY / "genesis_cli" / "schema"
    files = [file for name, file in modules().items() if not name.startswith("hydra_plugins")]
    return [f for f in files if not f.is_relative_to(schema)], [f for f in files if f.is_relative_to(schema)]


def test_no_class_name_stands_for_two_things() -> None:
    assert repeated(split()[0]) == TWICE, "give the new class a word of its own; take a name that is single again out of the list"


def test_no_two_dataclasses_of_the_schema_have_one_name() -> None:
    assert repeated(split()[1]) == TWICE_IN_SCHEMA


def test_classes_at_the_top_of_a_file_count() -> None:
    assert public_classes("class A: ...\nclass _B: ...\ndef f():\n    class C: ...") == ["A"]
