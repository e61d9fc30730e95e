"""Taichi's internals, which a new version may change, are touched in three files, each for one purpose."""

import ast
from pathlib import Path

import genesis

ROOT = Path(genesis.__file__).parent
ALLOWED = {  # file: what it needs them for
    "math/lanes.py": "expressions that plain Python functions build while a kernel is traced",
    "math/trace.py": "how kernels are traced",
    "dynamics/launch.py": "the compiled kernel and its launch context",
}
PRIVATE = ("taichi.lang", "taichi._lib", "taichi._kernels", "taichi._snode", "taichi.aot", "taichi._main")
ATTRIBUTES = ("lang", "_lib", "_kernels", "_primal", "_adjoint", "compiled_kernels", "ensure_compiled", "compiling_callable")


def touched(tree: ast.AST) -> list[str]:
    """Internals of Taichi in a file: modules that are imported, attributes of `ti`, and of what it makes."""
    found = []
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found += [name for name in names if name.startswith(PRIVATE)]
        if isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner in ("ti", "taichi") or node.attr.startswith("_p") or node.attr in ATTRIBUTES[3:]:
                found.append(node.attr)
    return found


def test_only_three_files_touch_the_internals_of_taichi():
    found = {path.relative_to(ROOT).as_posix(): touched(ast.parse(path.read_text())) for path in ROOT.rglob("*.py")}
    assert {name for name, what in found.items() if what} == set(ALLOWED)


def test_such_a_touch_is_seen():
    """Each way to reach them."""
    for text, expected in (
        ("from taichi.lang import impl", "taichi.lang"),
        ("import taichi._lib.core", "taichi._lib.core"),
        ("from taichi import lang", ""),
        ("import taichi as ti\nti.lang.ops.assign(x, y)", "lang"),
        ("kernel._primal.ensure_compiled()", "_primal"),
        ("import taichi as ti\nti.init(arch=ti.cpu)", ""),
    ):
        assert (expected in touched(ast.parse(text))) if expected else touched(ast.parse(text)) in ([], ["taichi.lang"]), text


def test_tests_that_touch_them_are_of_the_three_files():
    """Tests may look behind the curtain where the file that they test does."""
    tests = Path(__file__).parents[1]
    found = {path.relative_to(tests).as_posix() for path in tests.rglob("*.py") if touched(ast.parse(path.read_text()))}
    assert found <= {"math/test_trace.py", "dynamics/contracts.py"}
