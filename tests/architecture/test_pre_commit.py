"""What runs before each commit: the tools of the environment, the same that CI runs."""

import tomllib
from importlib.metadata import distribution
from pathlib import Path

import yaml

from tests.architecture.imports import REPOSITORY

HOOKS = {
    hook["id"]: hook
    for repository in yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repository["hooks"]
}


PACKAGES = {"lint-imports": "import-linter"}  # of commands that are not called as their package


def test_the_commands_of_the_hooks_exist() -> None:
    for hook in HOOKS.values():
        program = hook["entry"].split()[0]
        installed = distribution(PACKAGES.get(program, program)).files or []
        assert program in {Path(file).stem for file in installed if Path(file).parent.name in ("bin", "Scripts")}
        assert hook["language"] == "system", "nothing is downloaded"


def test_the_extra_for_tests_brings_them() -> None:
    extra = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]["test"]
    programs = {hook["entry"].split()[0] for hook in HOOKS.values()}
    assert {PACKAGES.get(name, name) for name in programs} <= {word.partition(">")[0] for word in extra}


def test_every_check_of_ci_is_a_hook() -> None:
    script = (REPOSITORY / ".ci" / "run").read_text().split('eval "$command"')[1]
    checks = [line.replace("--check ", "") for line in script.splitlines() if line.strip()]
    hooks = [
        f"{hook['entry'].replace(' --force-exclude', '')}{' .' if hook.get('pass_filenames', True) else ''}"
        for hook in HOOKS.values()
    ]
    assert sorted(checks) == sorted(hooks)
