"""No module reaches itself through what it imports, not even through an import inside a function."""

import ast

from tests.architecture.imports import REPOSITORY, circles, graph, imported, modules


def test_no_module_reaches_itself() -> None:
    assert circles(graph()) == []


def test_a_circle_through_a_function_is_found() -> None:
    """What the check is worth: the import hidden in a function counts, the one for type checkers does not."""
    sources = {
        "a": "import b",
        "b": "def later():\n    from c import something",
        "c": "from a import x\n",
        "d": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import e",
        "e": "import d",
    }
    known = dict.fromkeys(sources, REPOSITORY)
    edges = {name: set(imported(ast.parse(source), known)) for name, source in sources.items()}
    assert circles(edges) == [["a", "b", "c"]]


def test_every_import_of_the_project_is_read() -> None:
    edges = graph()
    assert "genesis_cli.sweeps.jobs" in edges["genesis_cli.bridge"], "inside a function"
    assert "genesis_cli.sweeps.manifest" in edges["genesis_cli.commands.sweep"], "from a package, of a module"
    assert "genesis_cli.sweeps.study" in edges["hydra_plugins.genesis_sweeps"]
    assert len(modules()) > 250
