"""Every stage of the mechanics says what it reads and writes, and that is what it does: seen while all orders of a step are traced."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import genesis
from genesis.dynamics import step as order
from genesis.dynamics.constraints.ledger import BLOCK_FIELDS, VECTORS
from tests.dynamics.contracts import SCRATCH, WORDS, Access, made, parse, stages, told, trace, watched

DYNAMICS = Path(genesis.__file__).parent / "dynamics"
LEDGER = {name for name, _ in BLOCK_FIELDS} | set(VECTORS) | {"blocks", "geoms", "jacobian"}
OTHER = {"parameters", "controls"}  # adjoints of the parameters; dof_ctrl, act_ctrl, wrench
NO_WRENCH = {"coriolis_bars": {"wrench", "wrench_bar"}}  # traced, since its launch has one, but its own sweeps ask for none
ORDERS = (  # a time integration, what constrains it: geometry pairs, damping last, equalities
    ("Euler", None), ("implicit", None), ("Euler", ((0,), False, True)), ("Euler", ((0,), True, True)),
    ("implicitfast", ((0,), False, True)), ("implicit", ((0,), False, True)), ("implicit", ((0,), True, True)), ("inverse", None),
    *(("Euler, friction laws", ((0,), last, True)) for last in (False, True)), ("implicit, friction laws", ((0,), False, True)),
)  # fmt: skip


def docstrings() -> dict[str, str]:
    """Of all functions of the dynamics, by file and function."""
    found = {}
    for path in sorted(DYNAMICS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                found[f"{path.name}:{node.name}"] = ast.get_docstring(node) or ""
    return found


def test_names_in_docstrings_are_fields_of_the_scratch_or_the_ledger():
    found = {place: said for place, text in docstrings().items() if (said := parse(text))}
    assert len(found) > 50
    for place, said in found.items():
        for word, names in said.items():
            for name in names:
                assert name in SCRATCH | LEDGER | OTHER or re.fullmatch(r"``\w+``", name), f"{place}: {word}: {name}"


def test_adjoints_that_docstrings_name_exist():
    """Adjoint: `name`, or none and why."""
    found = docstrings()
    functions = {place.split(":")[1] for place in found}
    lines = re.findall(r"^Adjoint: (.*)$", "\n".join(found.values()), re.M)
    assert len(lines) > 20
    for line in lines:
        names = re.findall(r"`(\w+)`", line)
        assert set(names) <= functions and (names or line.startswith("none (")), line


@pytest.fixture(scope="module")
def seen(engine) -> dict[str, Access]:
    """What every stage does, over all orders, forward and in reverse."""
    found: dict[str, Access] = {}
    with pytest.MonkeyPatch.context() as patch:
        for kind, variant in ORDERS:
            with watched(patch) as calls:
                for kernel in made(kind, variant):
                    trace(kernel)
            for name, accesses in calls.items():
                whole = found.setdefault(name, Access())
                for access in accesses:
                    aside = access.given | NO_WRENCH.get(name, set())
                    whole.given |= access.given
                    whole.read |= access.read - aside
                    whole.written |= access.written - aside
                    whole.added |= access.added - aside
    made("Euler", None)  # no kernel that was traced here stays
    return found


def said(stage) -> dict[str, set[str]]:
    lists = told(stage)
    return {word: {name for name in lists.get(word, ()) if not name.startswith("``")} for word in WORDS}


def test_every_stage_runs_in_some_order(seen):
    assert set(seen) == set(stages())


@pytest.mark.parametrize("name", sorted(stages()))
def test_a_stage_reads_what_it_says(seen, name):
    mine = said(stages()[name])
    assert seen[name].read == mine["Reads"] - seen[name].given | (mine["Overwrites"] & seen[name].read)
    assert mine["Overwrites"] <= seen[name].read | seen[name].added


@pytest.mark.parametrize("name", sorted(stages()))
def test_a_stage_writes_what_it_says(seen, name):
    mine, access = said(stages()[name]), seen[name]
    changed = mine["Writes"] | mine["Overwrites"] | mine["Adds to"]
    assert told(stages()[name]) and (access.written | access.added or not changed)
    assert changed <= access.written | access.added
    assert mine["Adds to"] <= access.added
    if not (
        name in vars(order) and stages()[name].__module__ == order.__name__
    ):  # those name their results, not all their scratch
        assert access.written | access.added == changed
        assert access.written <= mine["Writes"] | mine["Overwrites"] | access.added


def test_the_page_on_one_step_is_up_to_date():
    script = DYNAMICS.parents[1] / "docs" / "one_step.py"
    found = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
