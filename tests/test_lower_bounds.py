"""The constraints of `python -m tests.lower_bounds`."""

import tomllib

import pytest
from packaging.requirements import Requirement

from tests.lower_bounds import REPOSITORY, TESTS, constraints, lowest, requirements


def test_every_dependency_stands_at_its_lower_bound() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = [word for words in project["optional-dependencies"].values() for word in words]
    said = {Requirement(word).name: Requirement(word).specifier for word in [*project["dependencies"], *extras]}
    lines = [Requirement(line) for line in constraints().splitlines()]
    assert {"numpy", "torch", "cmaes", "optuna", "h5py", "ruff"} <= {line.name for line in lines}, "of the extras of extras, too"
    for line in lines:
        (clause,) = line.specifier
        assert clause.operator == "==" and said[line.name].contains(clause.version), str(line)


def test_the_lowest_of_a_range() -> None:
    assert lowest("optuna>=5,<6") == "optuna==5"
    assert lowest("hydra-core~=1.3.2") == "hydra-core==1.3.2"
    for word in ("torch", "torch<3", "torch>=1,>=2"):
        with pytest.raises(ValueError, match="give one lower bound"):
            lowest(word)


def test_nothing_of_the_project_itself_is_asked_of_the_index() -> None:
    assert not any(word.startswith("genesis-optimize") for word in requirements("dev"))
    assert {"build>=1.2", "cmaes>=0.10"} <= set(requirements("dev"))


def test_the_tests_to_run_are_there() -> None:
    assert all((REPOSITORY / test).exists() for test in TESTS)
