"""`genesis view`: pages, films and pictures of a run, or a server; what cannot be shown is said in one line. No engine is started."""

import json
import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from genesis.replay.replay import Replay
from genesis_cli import console
from genesis_cli.commands import view as module
from tests.replay.pages import Messages
from tests.replay.test_html import sliding


@pytest.fixture
def see(tmp_path, monkeypatch, capsys):
    """Run `genesis view ARGS` in this process in a folder with a run: (exit code, what it printed)."""
    from genesis_cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "run").mkdir()
    sliding(takes=2).save(tmp_path / "run" / "replay.npz")

    def run(*args: str) -> tuple[int, str]:
        console.stdout.cache_clear()
        console.stderr.cache_clear()
        monkeypatch.setattr(sys, "argv", ["genesis", "view", *args])
        with pytest.raises(SystemExit) as ended:
            app.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return run


def test_a_page_with_all_takes_or_one(see, tmp_path) -> None:
    code, printed = see("run", "--html", "a.html", "--dark")
    assert code == 0 and "a.html  0.8 MB" in printed
    page = (tmp_path / "a.html").read_text()
    assert len(Messages(page).of("MeshMessage")) == 2 and "darkMode:true" in page
    see("run/replay.npz", "--html", "b.html", "--take", "ghost 1")
    (mesh,) = Messages((tmp_path / "b.html").read_text()).of("MeshMessage")
    assert mesh[1]["props"]["opacity"] is None, "alone it is no ghost"


def test_pictures_and_films(see, tmp_path) -> None:
    pytest.importorskip("vtkmodules")
    code, printed = see("run", "--png", "a.png", "--gif", "a.gif", "--size", "64x48", "--fps", "10", "--at", "0.52")
    assert code == 0 and "a.png" in printed and "a.gif" in printed and "kB" in printed
    assert Image.open("a.png").size == (64, 48) and Image.open("a.gif").n_frames == 11
    see("run", "--png", "b.png", "--size", "64x48", "--at", "0.5")
    assert np.array_equal(Image.open("a.png"), Image.open("b.png")), "the frame nearest to that time"
    see("run", "--png", "c.png", "--size", "64x48", "--at", "0.5", "--camera", "9,9,9")
    assert not np.array_equal(Image.open("a.png"), Image.open("c.png"))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("none", "--html", "a.html"), "none: no such folder or file"),
        ((".", "--html", "a.html"), "no run there (config.yaml is missing)"),
        (("broken.npz", "--html", "a.html"), "broken.npz: cannot be read as a replay"),
        (("run", "--png", "a.png", "--at", "99"), "--at: 99 s is not in the motion; allowed: 0 to 1"),
        (("run", "--png", "a.png", "--at", "nan"), "--at: nan s is not in the motion; allowed: 0 to 1"),
        (("run", "--html", "a.txt"), '--html: a.txt has the suffix ".txt"; allowed: .html, .htm'),
        (("run", "--mp4", "a.avi"), '--mp4: a.avi has the suffix ".avi"; allowed: .mp4'),
        (("run", "--png", "a"), '--png: a has the suffix ""; allowed: .png'),
        (("run", "--html", "nowhere/a.html"), "nowhere/a.html: cannot be written (No such file or directory)"),
        (("run", "--html", "a.html", "--size", "big"), "--size: big; allowed: WIDTHxHEIGHT"),
        (("run", "--html", "a.html", "--size", "0x9"), "--size: 0x9; allowed: WIDTHxHEIGHT"),
        (("run", "--png", "a.png", "--camera", "1,2"), "--camera: 1,2; allowed: three numbers"),
        (("run", "--png", "a.png", "--lookat", "1,2,3"), "--lookat: says where a --camera looks; give both."),
        (("run", "--html", "a.html", "--take", "worst"), 'unknown take "worst"; known: ghost 1, best'),
    ],
)
def test_wrong_input_is_one_line(see, tmp_path, args, said) -> None:
    (tmp_path / "broken.npz").write_bytes(b"no")
    code, printed = see(*args)
    assert code == 2 and said in printed and printed.count("\n") == 1, printed
    assert not list(tmp_path.glob("a.*"))


def test_an_extra_that_is_missing_is_named(see, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    code, printed = see("run", "--rrd", "a.rrd")
    assert code == 2 and 'pip install "genesis-optimize[rerun]"' in printed and printed.count("\n") == 1


def test_a_port_in_use_is_said(see) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        code, printed = see("run", "--port", str(port), "--no-browser")
    assert code == 1 and f"port {port} of 127.0.0.1 cannot be opened (Address already in use)" in printed
    assert printed.count("\n") == 1


def test_it_is_served_until_the_end(see, monkeypatch) -> None:
    from genesis.replay import viewer

    monkeypatch.setattr(viewer.Viewer, "wait", lambda self: None)
    monkeypatch.setattr(viewer, "open_page", lambda url: False)
    code, printed = see("run")
    assert code == 0 and "http://localhost:" in printed and "(Ctrl-C ends)" in printed and "no browser here" in printed
    assert "no browser here" not in see("run", "--no-browser")[1]


@pytest.mark.parametrize("stored", [True, False])
def test_of_a_sweep_the_best_job_is_shown(see, tmp_path, stored) -> None:
    from genesis_cli.job import Command, Flags
    from genesis_cli.sweeps import manifest

    sweep = tmp_path / "sweep"
    for number, value in enumerate((3.0, 1.0)):
        (sweep / str(number)).mkdir(parents=True)
        (sweep / str(number) / "result.json").write_text(json.dumps({"status": "converged", "objective_best": value}))
        made = sliding(2)
        made.title = f"job {number}"
        made.save(sweep / str(number) / "replay.npz")
    if stored:
        told = manifest.describe(Command("optimize", lambda job: None), [], Flags(multirun=True))
        manifest.store(replace(told, jobs=[["runtime.seed=0"], ["runtime.seed=1"]]), sweep)
    code, printed = see("sweep", "--html", "a.html")
    assert code == 0 and f"the best of the sweep: {sweep / '1'}" in printed
    assert "<title>job 1</title>" in (tmp_path / "a.html").read_text()
    for job in "01":
        (sweep / job / "result.json").unlink()
    code, printed = see("sweep", "--html", "a.html")
    assert code == 2 and "no job of this sweep has an objective yet" in printed


def test_a_run_without_a_replay_is_simulated_anew(see, tmp_path, monkeypatch) -> None:
    from genesis_cli.commands import replay

    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.yaml").write_text("")
    monkeypatch.setattr(replay, "rebuilt", lambda folder: sliding(2))
    code, printed = see("bare", "--html", "a.html")
    assert code == 0 and "bare has no replay.npz: simulated anew" in printed and (tmp_path / "a.html").exists()
    (tmp_path / "bare" / "trajectory.npz").write_bytes(b"")
    assert isinstance(module.replay_of("bare/trajectory.npz"), Replay)


ALONE = """
import sys
from genesis_cli import app
try:
    app.main()
except SystemExit as ended:
    print(ended.code, "torch" in sys.modules, "taichi" in sys.modules)
"""


def test_no_engine_is_loaded(see, tmp_path) -> None:
    command = [sys.executable, "-c", ALONE, "view", "run", "--html", "a.html"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 False False", done.stderr
