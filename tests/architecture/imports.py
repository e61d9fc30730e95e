"""Who imports whom, read from the source: imports inside functions count, those for type checkers alone do not."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ROOTS = ("genesis", "genesis_cli", "hydra_plugins")


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    files = (file for root in ROOTS for file in sorted((REPOSITORY / root).rglob("*.py")))
    return {".".join(f.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): f for f in files}


@cache
def graph() -> dict[str, set[str]]:
    """The modules of the project that each imports. `from package import name` is the module of that name, else the package."""
    files = modules()
    return {name: set(imported(ast.parse(file.read_text()), files)) - {name} for name, file in files.items()}


def imported(node: ast.AST, known: dict[str, Path]) -> Iterator[str]:
    """The known modules that a tree imports, at its top and inside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and is_type_checking(child.test):
            for other in child.orelse:
                yield from imported(other, known)
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names if alias.name in known)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            for alias in child.names:
                inner = f"{child.module}.{alias.name}"
                if inner in known or child.module in known:
                    yield inner if inner in known else str(child.module)
        else:
            yield from imported(child, known)


def is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach each other (strongly connected components of more than one; Tarjan 1972), largest first."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in edges.get(name, ()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            place = stack.index(name)
            group = stack[place:]
            del stack[place:]
            if len(group) > 1:
                found.append(sorted(group))

    for name in edges:
        if name not in index:
            visit(name)
    return sorted(found, key=len, reverse=True)
