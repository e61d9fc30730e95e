"""Whether the lower bounds of pyproject.toml are true: the project with the lowest versions that it says it works with.

    python -m tests.lower_bounds            # makes a virtual environment in a temporary folder, installs, runs; minutes, and gigabytes
    python -m tests.lower_bounds --print    # the constraints alone

Tried are the commands that users begin with, and tests of what touches each dependency most.
"""

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[1]
COMMANDS = (
    ["optimize"],
    ["sysid"],
    ["gradcheck", "task=throw"],
    ["doctor"],
)
TESTS = (
    "tests/cli/sweeps/test_study.py",
    "tests/cli/test_compose.py",
    "tests/description/test_mjcf.py",
    "tests/description/test_meshes.py",
    "tests/grad/test_check.py",
    "tests/methods",
    "tests/observations/test_readers.py",
    "tests/runners/test_report.py",
    "tests/test_readme.py",
)


def lowest(requirement: str) -> str:
    """`name>=1.2,<2` -> `name==1.2`.

    Raises: ValueError where there is no lower bound.
    """
    parsed = Requirement(requirement)
    bounds = [clause.version for clause in parsed.specifier if clause.operator in (">=", "~=", "==")]
    if len(bounds) != 1:
        raise ValueError(f"{requirement}: give one lower bound")
    return f"{parsed.name}=={bounds[0]}"


def requirements(extra: str) -> list[str]:
    """What the project needs with an extra, extras of the project itself followed."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

    def unfold(words: Iterable[str]) -> list[str]:
        found = []
        for word in words:
            parsed = Requirement(word)
            own = parsed.name == project["name"]
            found += [x for name in parsed.extras for x in unfold(project["optional-dependencies"][name])] if own else [word]
        return found

    return list(dict.fromkeys([*project["dependencies"], *unfold(project["optional-dependencies"][extra])]))


def constraints() -> str:
    """The file for `pip install -c`."""
    return "".join(f"{line}\n" for line in sorted({lowest(requirement) for requirement in requirements("test")}))


def main(words: list[str]) -> int:
    """Exit code of the first step that fails, or 0."""
    if words == ["--print"]:
        print(constraints(), end="")
        return 0
    folder = Path(words[0]) if words else Path(tempfile.mkdtemp())
    (folder / "work").mkdir(parents=True, exist_ok=True)
    (folder / "lowest.txt").write_text(constraints())
    python = folder / "venv" / "bin" / "python"
    steps: list[list[str]] = [
        [sys.executable, "-m", "venv", str(folder / "venv")],
        [str(python), "-m", "pip", "install", "-q", "-c", str(folder / "lowest.txt"), "-e", f"{REPOSITORY}[test]"],
        *([str(python), "-m", "genesis_cli", *command] for command in COMMANDS),
        [str(python), "-m", "pytest", "-q", "-n", "1", *(str(REPOSITORY / test) for test in TESTS)],
    ]
    for step in steps:
        print("+", " ".join(step), flush=True)
        code = subprocess.run(step, cwd=REPOSITORY if "pytest" in step else folder / "work").returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
