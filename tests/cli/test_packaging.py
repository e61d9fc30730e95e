"""What pyproject.toml ships."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

from genesis_cli.paths import config_dir

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def test_every_package_is_listed() -> None:
    found = {
        ".".join(folder.parent.relative_to(REPOSITORY).parts)
        for root in ("genesis", "genesis_cli", "hydra_plugins")
        for folder in (REPOSITORY / root).rglob("__init__.py")
    }
    assert set(SETTINGS["tool"]["setuptools"]["packages"]) == found | {"genesis_cli.configs"}


def test_every_file_of_configs_is_shipped() -> None:
    patterns = [pattern.replace("**/", "*") for pattern in SETTINGS["tool"]["setuptools"]["package-data"]["genesis_cli.configs"]]
    files = [path.relative_to(REPOSITORY / "configs") for path in (REPOSITORY / "configs").rglob("*") if path.is_file()]
    left_out = [str(f) for f in files if f.suffix not in (".py", ".pyc") and not any(fnmatch(str(f), p) for p in patterns)]
    assert left_out == []


def test_configs_are_found() -> None:
    assert (config_dir() / "optimize.yaml").is_file()
