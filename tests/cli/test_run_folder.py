"""Folders of runs: never shared, and files found where the config that names them lies."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from genesis_cli.errors import CommandError
from genesis_cli.paths import config_dir, resolve_file
from genesis_cli.run_folder import fresh_folder


def test_starts_in_the_same_second_get_their_own_folder(tmp_path) -> None:
    wanted = tmp_path / "2026-01-31" / "12-00-00"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: fresh_folder(wanted), range(24)))
    assert len(set(made)) == 24 and all(folder.is_dir() for folder in made)
    assert wanted in made and wanted.with_name("12-00-00-24") in made


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
    with pytest.raises(CommandError, match="robot.file: file none.urdf not found; tried: "):
        found("none.urdf", typed=False)
