"""One concept, one word: docs/vocabulary.md is true, no two public classes bear one name, and words that were replaced stay away.

A dataclass of `genesis_cli/schema` bears the name of the class that it configures; those pairs are one word for one thing.
"""

import ast
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.imports import REPOSITORY, modules

PAGE = REPOSITORY / "docs" / "vocabulary.md"
#: Folders that a file in the tables may lie in.
BASES = ("genesis", "")

#: Word that was replaced -> the word to use, and the folders where that holds (elsewhere it may mean something else, or belong to users).
REPLACED: dict[str, tuple[str, tuple[str, ...]]] = {
    "bench": ("launches", ("genesis",)),
    "spread_difference": ("second_motions", ("genesis",)),
    "watch": ("status", ("genesis",)),
    "actuator_ctrl": ("act_ctrl", ("genesis", "genesis_cli")),
    "command": ("dof_ctrl", ("genesis",)),
    "commands": ("dof_ctrl, or controls for both", ("genesis",)),
    "drive": ("ctrl_force", ("genesis/dynamics", "genesis/grad", "genesis/joints")),
    "lead": ("with_initial", ("genesis/dynamics",)),
    "lift": ("motion_a", ("genesis/dynamics",)),
    "probe": ("motion_w", ("genesis/dynamics",)),
    "setbacks": ("failed_evaluations", ("genesis", "genesis_cli")),
    "setback": ("failed", ("genesis", "genesis_cli")),
    "solver": ("method", ("genesis/methods", "genesis/problems", "genesis_cli")),
    "unknown": ("parameter", ("genesis/sysid", "genesis/parameters", "genesis/methods", "genesis/problems")),
    "unknowns": ("parameters", ("genesis/sysid", "genesis/parameters", "genesis/methods", "genesis/problems")),
    "Target": ("Inputs", ("genesis",)),
    "Point": ("a flat point", ("genesis/methods", "genesis/sysid", "genesis/runners")),
    "Unknown": ("Parameter", ("genesis",)),
    "Solver": ("Method", ("genesis/methods", "genesis/sysid", "genesis_cli")),
    "measurements": ("channels", ("genesis/tasks", "genesis/sysid")),
}


@dataclass(frozen=True)
class Line:
    """One line of the tables: words in plain text, names that the line gives for them in code, files and folders where they stand."""

    word: str
    names: tuple[str, ...]
    paths: tuple[str, ...]


def lines() -> list[Line]:
    """Every line of the tables that names a file or a folder."""
    found = []
    for table in re.findall(r"^\|.*?(?=\n\n|\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.strip().splitlines()]
        column = head.index("where")
        for cells in rows:
            assert len(cells) == len(head), cells
            paths = re.findall(r"`([\w/]+(?:\.py|/))`", cells[column])
            names = [name for cell in cells[:column] for name in re.findall(r"`(\w+)`", cell)]
            found += [Line(cells[0].replace("`", ""), tuple(names), tuple(paths))] if paths else []
    return found


def text_of(path: str) -> str:
    """A file, or all files of a folder with their names."""
    place = next((REPOSITORY / base / path for base in BASES if (REPOSITORY / base / path).exists()), None)
    assert place is not None, f"{path} is not there"
    files = [place] if place.is_file() else [file for file in place.rglob("*") if file.suffix in (".py", ".yaml", ".md")]
    return "\n".join(f"{file}\n{file.read_text()}" for file in files)


def stands(word: str, text: str) -> bool:
    """Whether a word stands there in one piece or in two: `free number` as free_numbers or FreeNumber, `leaf` as leaves."""
    stem = re.sub(r" \(.*\)", "", word)
    stem = stem[:-1] if len(stem) > 3 and stem[-1] in "yf" else stem
    return re.search(r"\b(\w*_)?" + re.sub(r"[ -]+", "[ _-]?", stem), text, re.IGNORECASE) is not None


@pytest.mark.parametrize("line", lines(), ids=lambda line: line.word)
def test_every_word_or_its_name_in_code_stands_in_the_files_it_names(line: Line) -> None:
    texts = {path: text_of(path) for path in line.paths}
    words = line.word.split(", ")
    lacking = [
        path
        for path, text in texts.items()
        if not all(stands(word, text) for word in words) and not any(stands(name, text) for name in line.names)
    ]
    assert lacking == []


def test_both_tables_are_read() -> None:
    words = [line.word for line in lines()]
    assert len(words) == len(set(words)) and {"mass matrix", "channel", "verdict"} <= set(words)


def test_a_word_may_stand_in_two_pieces() -> None:
    pairs = [
        ("free number", "free_numbers"),
        ("leaf", "leaves"),
        ("stage (of a run)", "class Stage:"),
        ("act", "in_act"),
        ("gap", "agape"),
    ]
    assert [stands(*pair) for pair in pairs] == [True, True, True, True, False]


def identifiers(source: str) -> set[str]:
    """Names that a file defines or uses; not those in texts, comments and imports."""
    words: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Attribute(attr=name):
                words.add(name)
            case ast.arg(arg=name) | ast.keyword(arg=str(name)):
                words.add(name)
    return {word.strip("_") for word in words}


@pytest.mark.parametrize("word", REPLACED)
def test_a_word_that_was_replaced_stays_away(word: str) -> None:
    now, folders = REPLACED[word]
    files = [file for folder in folders for file in (REPOSITORY / folder).rglob("*.py")]
    assert files, folders
    again = [str(file.relative_to(REPOSITORY)) for file in files if word in identifiers(file.read_text())]
    assert again == [], f"{word} is called {now}"


def test_names_are_found_wherever_they_stand() -> None:
    found = identifiers("def f(a, *, b):\n    c.d = g(e=1)\nclass _C: ...\nfrom x import y  # z\n")
    assert found == {"f", "a", "b", "c", "d", "g", "e", "C"}


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
    assert repeated(split()[0]) == set(), "give the new class a word of its own"


def test_no_two_dataclasses_of_the_schema_have_one_name() -> None:
    assert repeated(split()[1]) == set()


def test_classes_at_the_top_of_a_file_count() -> None:
    assert public_classes("class A: ...\nclass _B: ...\ndef f():\n    class C: ...") == ["A"]
