"""Importing the descriptions does no work: MuJoCo and trimesh wait for the first file, Taichi and torch are not known here."""

import ast
import sys
from pathlib import Path

import genesis.description as package

FILES = sorted(Path(package.__path__[0]).glob("*.py"))
ALLOWED = {"numpy", "genesis"}


def imported_at_start(tree: ast.Module) -> set[str]:
    """First names of the modules imported at module level, outside `if TYPE_CHECKING`."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_only_numpy_and_the_standard_library_at_import():
    for file in FILES:
        assert imported_at_start(ast.parse(file.read_text())) <= ALLOWED | sys.stdlib_module_names, file.name


def test_inside_genesis_only_the_description_the_errors_and_the_log():
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("genesis"):
                assert node.module.startswith(("genesis.description", "genesis.errors", "genesis.log")), (
                    f"{file.name}: {node.module}"
                )
