"""Files of at most 400 lines, functions of about 60: what one reader holds in mind at once."""

import ast

import pytest

from tests.architecture.imports import REPOSITORY

FOLDERS = ("genesis", "genesis_cli", "hydra_plugins", "benchmarks", "tests")
FILE_LINES, FUNCTION_LINES = 400, 60

#: What is larger, and how large it may be. The lists only shrink: what has become smaller gets the smaller number, or goes.
LARGE_FILES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}


def sources() -> dict[str, str]:
    """Text of every Python file of the project by its path."""
    files = (file for folder in FOLDERS for file in sorted((REPOSITORY / folder).rglob("*.py")))
    return {str(file.relative_to(REPOSITORY)): file.read_text() for file in files}


def long_functions(path: str, source: str, most: int) -> dict[str, int]:
    """Lines of the functions with more than `most`, decorators not counted."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    lines = {f"{path}:{node.name}": (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    return {name: count for name, count in lines.items() if count > most}


def test_files_are_short() -> None:
    large = {path: source.count("\n") for path, source in sources().items() if source.count("\n") > FILE_LINES}
    assert large == LARGE_FILES, "split the file; for one that has become shorter, lower its number or take it out"


def test_functions_are_short() -> None:
    found: dict[str, int] = {}
    for path, source in sources().items():
        found |= long_functions(path, source, FUNCTION_LINES)
    assert found == LONG_FUNCTIONS, "split the function; for one that has become shorter, lower its number or take it out"


@pytest.mark.parametrize("count", [3, 4])
def test_lines_of_a_function_are_counted_from_def_to_its_last(count: int) -> None:
    source = "import functools\n\n@functools.cache\ndef f():\n" + "    x = 1\n" * count
    assert long_functions("file", source, 4) == ({"file:f": 5} if count == 4 else {})
