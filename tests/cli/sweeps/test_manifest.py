"""sweep.json, and the names that a sweep gives."""

import os
from pathlib import Path

import pytest

from genesis_cli.commands.by_name import COMMANDS, command
from genesis_cli.commands.sweep import resume
from genesis_cli.errors import CommandError
from genesis_cli.job import Command, Flags, Outcome
from genesis_cli.sweeps import manifest
from genesis_cli.sweeps.sweeper import first_line, free_name, quoted
from genesis_cli.sweeps.table import column, only_what_differs, sortable


def test_a_manifest_comes_back(tmp_path) -> None:
    flags = Flags(multirun=True, config_dir="mine", config_name="other", rerun="run", sweep="not kept")
    made = manifest.describe(Command("simulate", lambda job: Outcome(0), options={"solution": "x"}), ["a=1,2"], flags)
    made.jobs = [["a=1"], ["a=2"]]
    manifest.store(made, tmp_path)
    found = manifest.load(tmp_path)
    assert found == made and found is not None and found.flags == {"config_dir": "mine", "config_name": "other", "rerun": "run"}
    assert (found.command, found.options, found.words, found.folder) == ("simulate", {"solution": "x"}, ["a=1,2"], os.getcwd())
    assert manifest.sweep_folder(str(tmp_path)) == tmp_path.resolve()


def test_a_manifest_that_is_none(tmp_path) -> None:
    assert manifest.load(tmp_path) is None
    with pytest.raises(CommandError, match="no sweep there"):
        manifest.sweep_folder(str(tmp_path))
    for text in ("{", '{"command": "optimize"}'):
        (tmp_path / manifest.NAME).write_text(text)
        with pytest.raises(CommandError, match="sweep.json: cannot be read"):
            manifest.load(tmp_path)


def test_going_on_needs_the_command_and_the_folder_of_before(tmp_path) -> None:
    def stored(name: str, folder: Path) -> None:
        manifest.store(manifest.Manifest(name, {}, [], {}, str(folder)), tmp_path)

    stored("optimise", tmp_path)
    with pytest.raises(CommandError, match='sweep.json: unknown command "optimise"; known: optimize'):
        resume(str(tmp_path), failed=False)
    stored("optimize", tmp_path / "gone")
    with pytest.raises(CommandError, match="was started in .*gone, which is gone"):
        resume(str(tmp_path), failed=False)


def test_every_command_by_its_name() -> None:
    for name in COMMANDS:
        made = command(name)
        assert made.name == name and made.execute.__module__ == f"genesis_cli.commands.{name}" and made.options == {}
    assert command("simulate", solution="run").options == {"solution": "run"}
    with pytest.raises(CommandError, match='unknown command "show"'):
        command("show")


def test_earlier_failures_are_counted(tmp_path) -> None:
    assert free_name(tmp_path).name == "failed-1.json"
    (tmp_path / "failed-1.json").touch()
    assert free_name(tmp_path).name == "failed-2.json"


def test_texts() -> None:
    assert quoted("it's a\\b") == "'it\\'s a\\\\b'"
    assert first_line(ValueError("\n  one \ntwo")) == "one" and first_line(ValueError()) == ""


def test_columns_and_order() -> None:
    assert column([1, None, 2.5]) == [1, None, 2.5] and column([1, "x", None]) == ["1", "x", None]
    assert sorted([3, "b", 1.5, "a"], key=sortable) == [1.5, 3, "a", "b"]
    planned = {0: {"a": "1", "b": "2"}, 1: {"a": "1", "b": "3"}, 2: {"a": "1"}}
    assert only_what_differs(planned) == {0: {"b": "2"}, 1: {"b": "3"}, 2: {}}
