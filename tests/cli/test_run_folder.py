"""Folders of runs: never shared, and files found where the config that names them lies."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from genesis_cli.errors import CommandError
from genesis_cli.job import Flags
from genesis_cli.paths import config_dir, resolve_file
from genesis_cli.run_folder import drop_if_unused, fresh_folder, run_folder


def test_starts_in_the_same_second_get_their_own_folder(tmp_path) -> None:
    wanted = tmp_path / "2026-01-31" / "12-00-00"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: fresh_folder(wanted), range(24)))
    assert len(set(made)) == 24 and all(folder.is_dir() for folder in made)
    assert wanted in made and wanted.with_name("12-00-00-24") in made


def test_a_folder_that_is_there_gets_a_number(tmp_path) -> None:
    wanted = tmp_path / "day" / "12-00-00"
    assert [fresh_folder(wanted).name for _ in range(4)] == ["12-00-00", "12-00-00-2", "12-00-00-3", "12-00-00-4"]
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="a file is in the way of the folder for runs; move it") as found:
        fresh_folder(tmp_path / "file" / "12-00-00")
    assert found.value.exit_code == 1


def test_a_run_that_never_began_leaves_no_folder(tmp_path) -> None:
    """What Hydra has put there goes too, and the folder of the day if nothing else is in it; what a run has written stays."""
    day = tmp_path / "day"
    for name in ("one", "two"):
        (day / name / ".hydra").mkdir(parents=True)
        (day / name / "optimize.log").touch()
    (day / "two" / "result.json").touch()
    drop_if_unused(day / "two", "optimize")
    drop_if_unused(day / "one", "sysid")
    assert sorted(path.name for path in day.iterdir()) == ["one", "two"], "a log of another command is no rubbish of this one"
    drop_if_unused(day / "one", "optimize")
    assert [path.name for path in day.iterdir()] == ["two"]
    (day / "two" / "result.json").unlink()
    drop_if_unused(day / "two", "optimize")
    assert not day.exists()
    drop_if_unused(day / "two", "optimize")
    drop_if_unused(None, "optimize")


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (Flags(), ["outputs"]),
        (Flags(multirun=True), ["outputs", "multirun"]),
        (Flags(cfg="job"), None),
        (Flags(info="all"), None),
    ],
)
def test_the_folder_of_a_run(tmp_path, monkeypatch, flags: Flags, parts: list[str] | None) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENESIS_RUN_DIR", "of before")
    made = run_folder(flags)
    if parts is None:
        assert made is None and not list(tmp_path.iterdir()), "nothing runs, so nothing is made"
        assert os.environ["GENESIS_RUN_DIR"].startswith("outputs/")
    else:
        assert (
            made is not None and made.is_dir() and list(made.parts[:-2]) == parts and os.environ["GENESIS_RUN_DIR"] == str(made)
        )


@pytest.mark.parametrize("flags", [Flags(resume="here"), Flags(multirun=True, sweep="here")])
def test_what_goes_on_stays_in_its_folder(tmp_path, monkeypatch, flags: Flags) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENESIS_RUN_DIR", "elsewhere")
    assert run_folder(flags) is None and os.environ["GENESIS_RUN_DIR"] == str(tmp_path / "here")


def test_files_lie_beside_the_yaml_that_names_them(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine" / "robots").mkdir(parents=True)
    (tmp_path / "mine" / "robots" / "arm.yaml").touch()
    (tmp_path / "mine" / "robots" / "arm.urdf").touch()
    (tmp_path / "arm.urdf").touch()
    sources = [tmp_path / "mine", config_dir()]

    def found(value: str, typed: bool, robot: str = "arm") -> str:
        return resolve_file(value, "robot.file", "robots", {"robots": robot}, sources, from_command_line=typed)

    assert found("arm.urdf", typed=False) == str(tmp_path / "mine" / "robots" / "arm.urdf")
    assert found("arm.urdf", typed=True) == str(tmp_path / "arm.urdf")
    assert found("panda/panda.urdf", typed=False, robot="panda") == str(config_dir() / "robots" / "panda" / "panda.urdf")
    (tmp_path / "only_here.urdf").touch()
    assert found("only_here.urdf", typed=False) == str(tmp_path / "only_here.urdf"), "then in the working folder"
    assert found(str(tmp_path / "arm.urdf"), typed=False) == str(tmp_path / "arm.urdf"), "an absolute path is what it is"
    with pytest.raises(CommandError, match="robot.file: file none.urdf not found; tried: "):
        found("none.urdf", typed=False)


def test_what_a_run_began_at_outlives_the_other_run(tmp_path) -> None:
    """A run that goes on reads the values that its own folder keeps."""
    from genesis.errors import InputError
    from genesis_cli.build import keep_values, values_to_begin_at

    result, own = tmp_path / "result.json", tmp_path / "own"
    result.write_text(json.dumps({"estimates": [{"name": "mass/lower", "value": 1.1}]}))
    first, later = (SimpleNamespace(folder=own, resume=resumed) for resumed in (False, True))
    taken = values_to_begin_at(first, str(tmp_path))
    keep_values(first, str(tmp_path), taken)
    result.unlink()
    assert values_to_begin_at(later, str(tmp_path)) == taken == {"mass/lower": 1.1}
    with pytest.raises(InputError, match="cannot be read"):
        values_to_begin_at(first, str(tmp_path))
    assert values_to_begin_at(first, None) is None
