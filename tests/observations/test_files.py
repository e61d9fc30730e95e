"""Paths that exist are taken literally, whatever signs they have; patterns are patterns only beyond the folders that exist."""

from pathlib import Path

import pytest

from genesis.errors import InputError
from genesis.observations import load
from genesis.patterns import as_pattern, matches
from tests.observations.recipes import node

NAMES = ["a.csv", "a [1].csv", "run #3.csv", "größe.csv", "b*.csv", "what?.csv"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "runs [2024] #1 ä"
    made.mkdir()
    for name in NAMES:
        (made / name).write_text("time,q\n0,1\n1,2\n")
    return made


@pytest.mark.parametrize("name", NAMES)
def test_literal_paths(folder: Path, name: str) -> None:
    for files, base in (([name], folder), ([str(folder / name)], None)):
        assert load(node(*files), base).train[0].path == folder / name


def test_patterns_below_folders_with_brackets(folder: Path) -> None:
    for files, base in ((["a*.csv"], folder), ([str(folder / "a*.csv")], None), ([f"{folder.name}/a*.csv"], folder.parent)):
        assert [r.path.name for r in load(node(*files), base).train] == ["a [1].csv", "a.csv"]
    assert len(matches(folder.parent, "**/*.csv")) == len(NAMES)


def test_an_absolute_pattern_means_the_same(folder: Path) -> None:
    for given in ("a*.csv", "*.csv", "a [1].csv"):
        made = as_pattern(folder, given)
        assert Path(made).is_absolute() and matches(Path("/"), made) == matches(folder, given)


def test_what_validation_names_is_kept_out_of_patterns_only(folder: Path) -> None:
    spec = node("a*.csv", validation={"files": ["a [1].csv"]})
    assert [r.path.name for r in load(spec, folder).train] == ["a.csv"]
    spec = node("a [1].csv", "a.csv", validation={"files": ["a [1].csv"]})
    assert [r.path.name for r in load(spec, folder).train] == ["a [1].csv", "a.csv"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("c*.csv", r"observation.files\[0\]: no file matches .*c\*\.csv\."),
        ("c.csv", r"observation.files\[0\]: file .*c\.csv not found\."),
        ("x" * 5000, r"observation.files\[0\]: file .*x not found\."),
        ("a\0.csv", r"observation.files\[0\]: file .* not found\."),
        ("~nobody-of-this-name/a.csv", r"observation.files\[0\]: file .* not found\."),
    ],
)
def test_what_is_not_there(folder: Path, given: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(node(given), folder)
