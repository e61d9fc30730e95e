"""Floors: each module imports only what lies below it, and each has its floor."""

import subprocess
import sys
import tomllib

from tests.architecture.imports import REPOSITORY

LINT = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]


def test_every_contract_is_kept() -> None:
    done = subprocess.run(LINT, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_both_packages_place_every_module() -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    placed = {name for contract in contracts if contract.get("exhaustive") for name in contract["containers"]}
    assert placed == {"genesis", "genesis_cli", "genesis_cli.sweeps"}
