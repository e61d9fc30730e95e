"""What the documentation names in backticks is there: files, folders, links, code, config keys."""

import ast
import io
import re
import subprocess
import tokenize
from dataclasses import fields
from functools import cache
from pathlib import Path

import mujoco
import pytest

from genesis_cli.schema import KINDS, PLAIN, TERMS
from tests.architecture.imports import REPOSITORY

PAGES = sorted(
    str(page.relative_to(REPOSITORY))
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md")
    for page in REPOSITORY.glob(pattern)
    if page.name != "CHANGELOG.md"  # it tells of what was
)
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FILE = re.compile(r"[\w./*-]+\.(?:py|md|yaml|toml|j2|css)\b|\.?[\w][\w./-]*/(?=$|\s)")
#: Folders that a path in the documentation may start from.
BASES = ("", "genesis", "genesis_cli", "configs")
FOREIGN = ("pip ", "python3 ", "tensorboard ", "--extra-index-url ", "from __future__ ")  # commands and words of other programs

#: The page whose tables name in their first column what other programs have.
OTHERS = "docs/coming_from.md"

#: Words in backticks that stand for something else than a name of this project or of MuJoCo, and what for.
NO_NAMES = {
    "Xeon": "a processor",
    "cdf": "a column of another program",
    "qM": "MuJoCo's mass matrix, which its Python package has no more",
    "f_adjoint": "any adjoint function",
    "target_q": "a symbol",
    "target_v": "a symbol",
    "timeconst": "MuJoCo's word in solref",
    "dampratio": "MuJoCo's word in solref",
    "my_losses": "a file of the reader's",
    "imu_time": "a column of the reader's",
    "m1": "a marker of the reader's",
    "arm_": "how joints of the reader's begin",
    "actuatorgroupdisable": "an attribute of MJCF",
    "ta": "something half typed",
    "NA": "a cell without a number",
    "my_configs": "a folder of the reader's",
    "nav": "a key of mkdocs.yml",
    "my_arm": "a robot of the reader's",
    "lamp": "a robot of the reader's",
    "elbow_pos": "a column of the reader's",
    "time_us": "a column of the reader's",
    "spindle": "a joint of the reader's",
    "_force": "the end of a column's name",
    "_position": "the end of a column's name",
}


def spans(page: str) -> list[str]:
    """What stands in backticks outside code blocks, each once."""
    text = re.sub(r"^ *```.*?^ *```", "", (REPOSITORY / page).read_text(), flags=re.DOTALL | re.MULTILINE)
    if page == OTHERS:
        text = re.sub(r"^\|[^|]*\|", "|", text, flags=re.MULTILINE)
    return list(dict.fromkeys(re.findall(r"`([^`\n]+)`", text)))


@cache
def tracked() -> frozenset[str]:
    """Files of the project, and their folders with a slash at the end."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [name for name in found.stdout.splitlines() if (REPOSITORY / name).exists()]
    return frozenset(files) | {f"{folder}/" for name in files for folder in Path(name).parents}


@cache
def vocabulary() -> frozenset[str]:
    """Words of the sources and configs: names, texts, parts of file names. Not of comments, docstrings, tests or documentation."""
    words: set[str] = set()
    for name in tracked():
        words.update(WORD.findall(name))
        file = REPOSITORY / name
        if name.startswith(("docs/", "tests/")) or not file.is_file():
            continue
        if file.suffix == ".py":
            words.update(words_of(file.read_text()))
        elif file.suffix in (".yaml", ".toml", ".xml", ".urdf", ".j2"):
            words.update(WORD.findall(file.read_text()))
    flags = [flag for kind in (mujoco.mjtDisableBit, mujoco.mjtEnableBit) for flag in kind.__members__]
    words.update(flag.partition("_")[2].lower() for flag in flags)
    model = mujoco.MjModel.from_xml_string("<mujoco/>")
    words.update(dir(model), dir(mujoco.MjData(model)), dir(model.opt), dir(mujoco))
    return frozenset(words)


def words_of(source: str) -> set[str]:
    """Names and words in texts of a Python file, its docstrings left out."""
    tree = ast.parse(source)
    told = {
        node.body[0].value.lineno
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    words: set[str] = set()
    # From Python 3.12 on the text of an f-string is a token of its own.
    strings = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME or (token.type in strings and token.start[0] not in told):
            words.update(WORD.findall(token.string))
    return words


def is_name(word: str, after: str) -> bool:
    """Whether the project knows a word; CAPITALS stand for what the reader puts there, `jnt_*` for the names that begin so."""
    if word in vocabulary() or word in NO_NAMES or len(word) == 1 or word.isupper():
        return True
    if after == "*":
        return any(known.startswith(word) for known in vocabulary())
    return any(part.isupper() and len(part) > 1 for part in word.split("_")) and all(
        part.isupper() or part in vocabulary() for part in word.split("_")
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_word_in_backticks_is_a_name_of_the_project(page: str) -> None:
    unknown = [
        (span, match[0])
        for span in spans(page)
        if not span.startswith(FOREIGN)
        for match in WORD.finditer(re.sub(r"<\w+>", "", span))
        if not is_name(match[0], span[match.end() : match.end() + 1])
    ]
    assert unknown == [], "neither in the sources nor in NO_NAMES"


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_in_backticks_is_there(page: str) -> None:
    absent = []
    for span in spans(page):
        for match in FILE.finditer(span):
            path = match[0]
            placed = {f"{base}/{path}".lstrip("/") for base in (*BASES, str(Path(page).parent).strip("."))}
            last = Path(path).name
            somewhere = "/" not in path and any(name.endswith(f"/{path}") for name in tracked())
            ours = all(word in vocabulary() for word in WORD.findall(last)) and not path.startswith(BASES[1:3])  # of a run folder
            reader = any(part.isupper() for part in re.split(r"[/._]", path)) or "*" in path or path.startswith("my_")
            if not (placed & tracked() or somewhere or reader or (ours and Path(path).suffix not in (".py", ".md"))):
                absent.append(path)
    assert absent == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (REPOSITORY / page).parent.joinpath(link).exists()] == []


def keys_of(node: str) -> set[str]:
    """Keys of a config node, of whatever kind."""
    kinds = {**KINDS, **TERMS}.get(node, {}).values() or [PLAIN[node]]
    return {field.name for kind in kinds for field in fields(kind)} | {"kind"}


def is_key(dotted: str) -> bool:
    """Whether a node of the config has a key; under `loss` and `parameter` a term's name comes between."""
    node, *rest = dotted.split(".")
    return not rest[int(node in TERMS) :] or rest[int(node in TERMS)] in keys_of(node)


@pytest.mark.parametrize("page", PAGES)
def test_every_config_key_in_backticks_is_one(page: str) -> None:
    nodes = "|".join([*KINDS, *TERMS, *PLAIN])
    found = [match[1] for span in spans(page) for match in re.finditer(rf"(?<![\w./])((?:{nodes})(?:\.\w+)+)(?![\w(/.])", span)]
    attributes = ("rollout", "step", "build", "reset", "linearize", "lqr", "links")
    others = ("scene.Scene", *(f"scene.{name}" for name in attributes), "gradcheck.png", "control.jsonl")
    assert [key for key in found if not is_key(key) and key not in others] == []


def test_what_is_no_name_is_seen() -> None:
    assert not is_name("link_masses", "") and not is_name("qacc_smoothed_", "*") and not is_name("JOINT_angel", "")
    assert is_name("link_mass", "") and is_name("jnt_", "*") and is_name("JOINT_position", "")
    assert not is_key("stop.iteration") and is_key("stop.iterations")
    assert not is_key("loss.effort.wait") and is_key("loss.effort.weight") and is_key("loss.effort")


def members(classes: dict[str, list[ast.ClassDef]], name: str) -> set[str]:
    """What the classes of that name have, with what they inherit: methods, fields, attributes that are set on self."""
    found: set[str] = set()
    for node in classes.get(name, ()):
        bases = {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
        for base in bases - {name}:  # one of the schema bears the name of what it configures
            found |= members(classes, base)
        for part in ast.walk(node):
            match part:
                case ast.FunctionDef(name=own) | ast.Attribute(value=ast.Name(id="self"), attr=own) | ast.Name(id=own):
                    found.add(own)
    return found


@cache
def python_classes() -> dict[str, list[ast.ClassDef]]:
    """Classes of the engine and the command line by name."""
    found: dict[str, list[ast.ClassDef]] = {}
    for name in tracked():
        if name.startswith(("genesis/", "genesis_cli/")) and name.endswith(".py"):
            for node in ast.walk(ast.parse((REPOSITORY / name).read_text())):
                if isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, []).append(node)
    return found


def stale(source: str, classes: dict[str, list[ast.ClassDef]], known: frozenset[str]) -> list[str]:
    """Names in backticks of texts and comments, `Class` or `Class.member`, that nothing has."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.COMMENT, tokenize.STRING):
            continue
        for name, member in re.findall(r"(?<!`)`(?:[a-z_]\w*\.)*([A-Z]\w*)(?:\.(\w+))?(?:\(.*?\))?`(?!`)", token.string):
            if name not in known and name not in classes or member and name in classes and member not in members(classes, name):
                found.append(f"{name}.{member}" if member else name)
    return found


def test_docstrings_name_classes_and_members_that_are_there() -> None:
    classes, known = python_classes(), vocabulary()
    found = {
        name: names
        for name in sorted(tracked())
        if name.startswith(("genesis/", "genesis_cli/")) and name.endswith(".py")
        for names in [stale((REPOSITORY / name).read_text(), classes, known)]
        if names
    }
    assert found == {}


def test_a_stale_name_is_found() -> None:
    tree = ast.parse("class A:\n    x: int\n    def f(self):\n        self.y = 1\nclass B(A): ...")
    classes = {node.name: [node] for node in tree.body if isinstance(node, ast.ClassDef)}
    assert stale('"""`A.x`, `B.f(1)`, `m.B.y`, `A.z`, `C`, `D`"""', classes, frozenset({"D"})) == ["A.z", "C"]
