"""Runs leave a replay and say where; it can be made anew from a run that left none."""

import pytest

from genesis.replay.replay import Replay
from genesis_cli.commands.replay import rebuilt
from genesis_cli.errors import CommandError
from tests.cli.conftest import last_run
from tests.replay.test_replay import same

SHORT = ("task=throw", "stop.iterations=2", "logging.tensorboard=false", "logging.progress=false")


def test_a_run_leaves_its_replay_and_says_where(genesis_here, tmp_path) -> None:
    _, printed = genesis_here("optimize", *SHORT)
    folder = last_run(tmp_path)
    assert str(folder / "replay.html") in printed
    made = Replay.load(folder / "replay.npz")
    assert made.title == "throw with ball" and [take.name for take in made.takes][:2] == ["best", "first"]
    assert "<title>throw with ball</title>" in (folder / "replay.html").read_text()


def test_one_rollout_leaves_its_replay(genesis_here, tmp_path) -> None:
    code, printed = genesis_here("simulate", "task=throw")
    assert code == 0 and str(last_run(tmp_path) / "replay.html") in printed
    assert [take.name for take in Replay.load(last_run(tmp_path) / "replay.npz").takes] == ["simulated"]


def test_none_where_it_is_switched_off_or_one_of_many(genesis_here, tmp_path) -> None:
    genesis_here("optimize", *SHORT, "logging.replay=false")
    genesis_here("optimize", "-m", *SHORT, "runtime.seed=0,1")
    assert not list(tmp_path.rglob("replay.*"))
    genesis_here("optimize", "-m", *SHORT, "runtime.seed=0", "logging.replay=true")
    assert [path.parent.name for path in tmp_path.rglob("replay.npz")] == ["0"]


def test_what_a_run_left_out_is_made_anew(genesis_here, tmp_path) -> None:
    genesis_here("optimize", *SHORT)
    with_it = last_run(tmp_path)
    genesis_here("optimize", *SHORT, "logging.replay=false")
    stored, anew = Replay.load(with_it / "replay.npz"), rebuilt(last_run(tmp_path))
    for name in ("best", "first"):
        takes = [next(take for take in one.takes if take.name == name) for one in (stored, anew)]
        assert same(takes[0], takes[1]), name


def test_a_run_that_goes_on_does_not_keep_the_replay_of_before(genesis_here, tmp_path) -> None:
    genesis_here("optimize", *SHORT)
    folder = last_run(tmp_path)
    assert (folder / "replay.npz").exists()
    genesis_here("optimize", "--resume", str(folder), "stop.iterations=4", "logging.replay=false")
    assert not list(folder.glob("replay.*"))


def test_a_replay_that_fails_is_told_and_harms_nothing(genesis_here, tmp_path, monkeypatch) -> None:
    def fails(*_, **__):
        raise ZeroDivisionError("by zero\nand more")

    monkeypatch.setattr("genesis.runners.replay.replay_of_task", fails)
    code, printed = genesis_here("simulate", "task=throw")
    assert code == 0 and "warning: no replay of this run: ZeroDivisionError: by zero (traceback in " in printed
    assert "and more" not in printed and "Traceback" in (last_run(tmp_path) / "simulate.log").read_text()


def test_a_folder_without_a_run_or_a_motion(tmp_path) -> None:
    with pytest.raises(CommandError, match="no run there"):
        rebuilt(tmp_path)
    (tmp_path / "config.yaml").write_text("task: {}\n")
    with pytest.raises(CommandError, match="has no motion"):
        rebuilt(tmp_path)
    (tmp_path / "config.yaml").write_text("observation: {}\n")
    with pytest.raises(CommandError, match="sysid --rerun"):
        rebuilt(tmp_path)
