"""Write docs/one_step.md: the stages of one time step in their order, from the code and from what its docstrings say.

python docs/one_step.py            # write it
python docs/one_step.py --check    # exit 1 if it is not up to date
"""

import ast
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent
DYNAMICS = DOCS.parent / "genesis" / "dynamics"
HEAD = """# One time step

Written by `docs/one_step.py` from `genesis/dynamics`; change the code and its docstrings, not this page.

`step` of a time integration ([euler.py](../genesis/dynamics/euler.py), [runge_kutta.py](../genesis/dynamics/runge_kutta.py)) asks for the
`acceleration` of a state and moves the state by it. Which order of the stages computes it is known when a kernel is traced
([step.py](../genesis/dynamics/step.py)). Names are those of the scratch memory
([workspace.py](../genesis/dynamics/workspace.py)); what they mean: [vocabulary.md](vocabulary.md). Stages in brackets run only under the
condition that follows them. A test holds what a stage says it reads and writes against what it does (`tests/dynamics/test_contracts.py`).
"""
ORDERS = (  # title, forward, in reverse, what is known there
    (
        "Nothing constrains",
        "free_acceleration",
        "free_adjoint",
        {"o.constrained": False, "o.two_stage": False, "o.damped_last": False},
    ),
    (
        "Damping with the constraints",
        "constrained_acceleration",
        "constrained_adjoint",
        {"o.constrained": True, "o.two_stage": False, "o.damped_last": False, "o.implicit_coriolis": False, "s.taped": False},
    ),
    (
        "Something acts after the constraints",
        "two_stage_acceleration",
        "two_stage_adjoint",
        {"o.constrained": True, "o.two_stage": True, "s.taped": False},
    ),
)
AGAIN = "acceleration_again"
WORDS = ("Reads", "Writes", "Adds to", "Overwrites", "Adjoint", "Source")
CONDITIONS = {  # where something holds, and where it does not
    "o.implicit_actuators": ("implicit integrators", "Euler and Runge-Kutta"),
    "o.friction_laws": ("friction laws", "no friction laws"),
    "o.implicit_coriolis": ("Coriolis forces at the end of the step", "no Coriolis forces at the end of the step"),
    "o.damped_last": ("damping last", "damping with the constraints"),
    "o.want": ("gradients of parameters", "no gradients of parameters"),
    "s.taped": ("one environment", "several environments"),
    "o.tape_width != 0": ("with a tape", "without a tape"),
    "o.tape_width == 0": ("without a tape", "with a tape"),
    "o.constrained": ("constraints", "no constraints"),
    "o.two_stage": ("something acts after the constraints", "nothing acts after the constraints"),
}
Atom = tuple[str, bool]  # a condition of the source, and whether it holds


def atoms(test: ast.expr, holds: bool = True) -> list[Atom]:
    """A test as conditions that hold together. Raises: SystemExit for one that is not written so, or has no words."""
    if isinstance(test, ast.Call) and ast.unparse(test.func) == "ti.static":
        return atoms(test.args[0], holds)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return atoms(test.operand, not holds)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) and holds:
        return [atom for value in test.values for atom in atoms(value)]
    text = ast.unparse(test)
    if text not in CONDITIONS:
        raise SystemExit(f"docs/one_step.py: no words for the condition `{text}`; add them to CONDITIONS.")
    return [(text, holds)]


@dataclass(frozen=True)
class Call:
    """A stage as an order calls it: its name, the fields that it is given by name, under which conditions."""

    name: str
    fields: tuple[str, ...]
    conditions: tuple[Atom, ...]

    def text(self) -> str:
        called = f"`{self.name}`"
        if self.fields:
            called += f" ({(' → ' if self.name == 'copy' else ', ').join(self.fields)})"
        words = [CONDITIONS[text][0 if holds else 1] for text, holds in self.conditions]
        return f"[{called}: {', '.join(words)}]" if words else called


class Dynamics:
    """The functions of genesis/dynamics: syntax tree, file, and the derivation that the file names."""

    def __init__(self) -> None:
        self.nodes: dict[str, ast.FunctionDef] = {}
        self.files: dict[str, Path] = {}
        self.derivations: dict[str, str] = {}
        for path in sorted(DYNAMICS.rglob("*.py")):
            tree = ast.parse(path.read_text())
            derivation = re.findall(r"docs/(adjoints/\w+\.md)", ast.get_docstring(tree) or "")
            for node in tree.body:
                if isinstance(node, ast.FunctionDef) and not (node.name in self.nodes and path.name != "step.py"):
                    self.nodes[node.name], self.files[node.name] = node, path
                    self.derivations[node.name] = derivation[0] if derivation else ""
        own = {name for name, path in self.files.items() if path == DYNAMICS / "step.py"}
        self.expanded = own - {"tape_links", "tape_factors", AGAIN}

    def said(self, name: str) -> dict[str, str]:
        """What the docstring says after each of `WORDS`."""
        text = " ".join((ast.get_docstring(self.nodes[name]) or "").split())
        parts = re.split(rf"(?:^|\s)({'|'.join(WORDS)}): ", text)
        said: dict[str, str] = {}
        for word, rest in zip(parts[1::2], parts[2::2], strict=True):
            said[word] = f"{said[word]}, {rest.strip()}" if word in said else rest.strip()
        return {word: rest.replace("``", "*") for word, rest in said.items()}

    def calls(self, name: str, known: Mapping[str, bool], conditions: tuple[Atom, ...] = ()) -> list[Call]:
        """The stages of an order, one after the other; functions of step.py are replaced by what they call."""
        return self._in(self.nodes[name].body, known, conditions)

    def _in(self, body: list[ast.stmt], known: Mapping[str, bool], conditions: tuple[Atom, ...]) -> list[Call]:
        found: list[Call] = []
        for statement in body:
            if isinstance(statement, ast.If):
                mine = [(text, holds) for text, holds in atoms(statement.test) if (text, holds) not in conditions]
                if any(known.get(text, holds) is not holds for text, holds in mine):
                    found += self._in(statement.orelse, known, conditions)
                    continue
                left = tuple((text, holds) for text, holds in mine if text not in known)
                found += self._in(statement.body, known, (*conditions, *left))
                if statement.orelse and left:
                    found += self._in(statement.orelse, known, (*conditions, *self._otherwise(statement, left)))
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                found += self._call(statement.value, known, conditions)
        return found

    @staticmethod
    def _otherwise(statement: ast.If, left: tuple[Atom, ...]) -> tuple[Atom, ...]:
        """Conditions in the else of a test; of several that hold together, the one that an elif leaves open."""
        following = statement.orelse[0]
        if len(left) > 1 and isinstance(following, ast.If):
            left = tuple(atom for atom in left if atom not in atoms(following.test))
        if len(left) != 1:
            raise SystemExit(f"docs/one_step.py: no words for the else of `{ast.unparse(statement.test)}`.")
        return ((left[0][0], not left[0][1]),)

    def _call(self, call: ast.Call, known: Mapping[str, bool], conditions: tuple[Atom, ...]) -> list[Call]:
        name = ast.unparse(call.func)
        if name in self.expanded:
            return self.calls(name, known, conditions)
        if name not in self.nodes:
            return []
        fields = [x.value for x in call.args if isinstance(x, ast.Constant) and isinstance(x.value, str)]
        return [Call(name, tuple(fields[1:] if name == "copy" else fields), conditions)]


def page() -> str:
    """The text of docs/one_step.md."""
    dynamics = Dynamics()
    parts, stages = [HEAD], []
    for title, forward, adjoint, known in ORDERS:
        parts.append(f"## {title}\n")
        for what, name in (("Forward", forward), ("In reverse", adjoint)):
            calls = dynamics.calls(name, known)
            first = (ast.get_docstring(dynamics.nodes[name]) or "").split("\n\n")[0].replace("\n", " ")
            parts += [f"{what}, `{name}`: {first}\n", *(f"{k}. {call.text()}" for k, call in enumerate(calls, 1)), ""]
            stages += [call.name for call in calls]
    again = dynamics.calls(AGAIN, {})
    parts += ["## What the adjoints compute again\n", f"`{AGAIN}`, where no tape has it:\n"]
    parts += [*(f"{k}. {call.text()}" for k, call in enumerate(again, 1)), ""]
    stages += [call.name for call in again if call.name != AGAIN] + ["integrate_position", "displacement_rate"]
    parts += ["## Stages\n", "| stage | reads | writes | adjoint | derivation |", "|---|---|---|---|---|"]
    for name in dict.fromkeys(stages):
        said, path = dynamics.said(name), dynamics.files[name].relative_to(DOCS.parent)
        writes = [said["Writes"]] if "Writes" in said else []
        writes += [f"{word.lower()} {said[word]}" for word in ("Adds to", "Overwrites") if word in said]
        derivation = dynamics.derivations[name]
        linked = f"[{derivation.split('/')[1].removesuffix('.md')}]({derivation})" if derivation else ""
        cells = (f"[`{name}`](../{path})", said.get("Reads", ""), "; ".join(writes), said.get("Adjoint", "—"), linked)
        parts.append("| " + " | ".join(cells) + " |")
    return "\n".join(parts) + "\n"


def main() -> None:
    target, made = DOCS / "one_step.md", page()
    if "--check" not in sys.argv:
        target.write_text(made)
    elif not target.exists() or target.read_text() != made:
        raise SystemExit(f"{target} is not up to date; run: python docs/one_step.py")


if __name__ == "__main__":
    main()
