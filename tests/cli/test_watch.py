"""`--watch`: the same run to the last bit, with its motion in the browser; what does not go together is said before anything runs."""

import json
import socket

import pytest

from genesis_cli import console
from genesis_cli.watch import WatchedRun
from tests.cli.conftest import last_run
from tests.replay.test_html import sliding

SHORT = ("task=throw", "optimizer=adam", "stop.iterations=25", "logging.tensorboard=false", "logging.progress=false")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def numbers(folder) -> list:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(line["objective"], line["gradient_norms"] if "gradient_norms" in line else None) for line in lines]


def test_a_watched_run_is_the_same_run(genesis_here, tmp_path, monkeypatch, port) -> None:
    from genesis.replay import viewer
    from genesis.runners import watch

    shown: list = []
    replacing = viewer.Viewer.replace
    monkeypatch.setattr(viewer, "open_page", lambda url: False)
    monkeypatch.setattr(
        viewer.Viewer, "replace", lambda self, made, text="": (shown.append((made, text)), replacing(self, made, text))
    )
    monkeypatch.setattr(watch, "EVERY", 0.0)
    monkeypatch.setattr(watch, "SHARE", 1.0)
    genesis_here("optimize", *SHORT)
    alone = numbers(last_run(tmp_path))
    _, printed = genesis_here("optimize", *SHORT, "--watch", "--port", str(port))
    assert f"watch it at http://localhost:{port}" in printed
    assert numbers(last_run(tmp_path)) == alone
    assert len(shown) == 26 and shown[-1][1].startswith("iteration 25: objective")
    assert {take.name for take in shown[-1][0].takes} <= {"best", "present"}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "closed at the end"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--port", "9000"), 2, "--port is of the page of --watch; give both."),
        (("--watch", "-m", "runtime.seed=0,1"), 2, "--watch shows one run, --multirun starts many"),
    ],
)
def test_what_does_not_go_together(genesis_here, tmp_path, words, code, said) -> None:
    ended, printed = genesis_here("optimize", *SHORT, *words)
    assert ended == code and said in printed and printed.count("\n") == 1
    assert not list(tmp_path.rglob("metrics.jsonl"))


def test_a_port_in_use_is_said_before_anything_runs(genesis_here, tmp_path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        code, printed = genesis_here("optimize", *SHORT, "--watch", "--port", str(held.getsockname()[1]))
    assert code == 1 and "cannot be opened (Address already in use)" in printed
    assert not list(tmp_path.rglob("metrics.jsonl"))


def test_on_a_terminal_the_end_is_shown_until_it_is_closed(monkeypatch, port) -> None:
    from genesis.replay import viewer

    waited: list[bool] = []
    monkeypatch.setattr(viewer, "open_page", lambda url: False)
    monkeypatch.setattr(viewer.Viewer, "wait", lambda self: waited.append(self.open))
    for terminal in (False, True):
        stderr = console.stderr()
        monkeypatch.setattr(type(stderr), "is_terminal", terminal)
        with WatchedRun(port) as window:
            window.show(sliding(2))
            window.stay()
    assert waited == [True]
