"""A viewer plays, pauses, seeks, hides, follows; ports that are taken are said; nothing is left behind."""

import logging
import socket
import threading
import time
import urllib.request

import numpy as np
import pytest

from genesis.errors import StateError
from genesis.replay import viewer as module
from genesis.replay.replay import Replay, Take
from genesis.replay.viewer import LiveViewer, free_port, open_page, serve
from tests.replay.pages import in_a_browser, photograph
from tests.replay.test_html import sliding


def until(true, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.005)


def place(shown, name: str = "/best/box/cube") -> np.ndarray:
    return np.array(shown._server.scene.get_handle_by_name(name).position)


@pytest.fixture
def taken():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


def test_it_plays_over_and_over_and_is_gone_when_closed(capsys) -> None:
    threads = set(threading.enumerate())
    with serve(sliding(duration=0.05), port=0, open_browser=False) as shown:
        page = urllib.request.urlopen(shown.url).read()
        assert b"<title>" in page and shown.open
        until(lambda: place(shown)[0] > 0.95)
        until(lambda: place(shown)[0] < 0.5)
    shown.close()
    assert not shown.open and {t for t in set(threading.enumerate()) - threads if t.is_alive()} == set()
    assert capsys.readouterr().out == ""


def test_time_speed_and_what_is_shown() -> None:
    with serve(sliding(takes=2), port=0, open_browser=False) as shown:
        shown.seek(0.3)
        assert place(shown) == pytest.approx([0.3, 0.0, 0.1], abs=1e-4)
        assert place(shown, "/ghost 1/box/cube") == pytest.approx([0.3, 1.0, 0.1], abs=1e-4)
        time.sleep(0.1)
        assert place(shown)[0] == pytest.approx(0.3, abs=1e-4), "seeking pauses"
        shown.seek(0.39999)
        assert place(shown)[0] == pytest.approx(0.3, abs=1e-4), "a frame is seen until the next"
        shown.seek(99.0)
        assert place(shown)[0] == pytest.approx(1.0, abs=1e-4)
        shown._loop.value, shown._speed.value = False, "4x"
        shown.play()
        until(lambda: shown._button.label == "Play")
        assert place(shown)[0] == pytest.approx(1.0, abs=1e-4)
        shown.reveal("ghost 1", False)
        assert not shown._server.scene.get_handle_by_name("/ghost 1").visible
        assert shown._server.scene.get_handle_by_name("/best").visible


def test_another_motion_takes_the_place_of_the_first() -> None:
    with serve(sliding(takes=2), port=0, open_browser=False) as shown:
        other = sliding(count=21, takes=1, duration=2.0)
        other.takes[0].pos[:, 1, 1] = 3.0
        shown.seek(0.5)
        shown.replace(other, "iteration 7")
        assert place(shown) == pytest.approx([0.25, 3.0, 0.1], abs=1e-4), "at the same time"
        assert shown._text.content == "iteration 7"
        shown.seek(1.0)
        assert place(shown) == pytest.approx([0.5, 3.0, 0.1], abs=1e-4)
        assert shown._server.scene.get_handle_by_name("/ghost 1") is None and shown._slider.max == 2.0


def test_one_frame_has_nothing_to_play() -> None:
    with serve(sliding(1), port=0, open_browser=False) as shown:
        assert place(shown) == pytest.approx([0.0, 0.0, 0.1], abs=1e-4)


def test_a_port_that_was_named_is_not_changed(taken) -> None:
    with pytest.raises(StateError, match=f"port {taken} of 127.0.0.1 cannot be opened"):
        serve(sliding(2), port=taken, open_browser=False)
    with pytest.raises(StateError, match="allowed are 1 to 65535"):
        serve(sliding(2), port=70000, open_browser=False)


def test_the_next_port_is_taken_where_none_was_named(taken, monkeypatch, caplog) -> None:
    monkeypatch.setattr(module, "PORT", taken)
    with caplog.at_level(logging.WARNING, "genesis"):
        found = free_port()
    assert found > taken and f"port {taken} is in use; the viewer takes {found}" in caplog.text
    monkeypatch.setattr(module, "TRIED", 1)
    with pytest.raises(StateError, match="no port"):
        free_port()


def test_without_a_display_no_browser_is_looked_for(monkeypatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(module.webbrowser, "open", lambda url: asked.append(url) or True)
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not open_page("http://localhost:1") and asked == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert open_page("http://localhost:1") and asked == ["http://localhost:1"]


def test_what_is_simulated_is_followed_at_thirty_times_a_second() -> None:
    made = sliding(1)
    now = Replay("", np.zeros(1), made.bodies, [Take("now", made.takes[0].pos[:1].copy(), made.takes[0].quat[:1].copy())])
    with LiveViewer(now, port=0, open_browser=False) as shown:
        sent: list[float] = []
        placing = shown._drawing.takes[0].place
        shown._drawing.takes[0].place = lambda *poses: (sent.append(time.monotonic()), placing(*poses))
        pos = made.takes[0].pos[0].copy()
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            pos[1, 0] += 0.001
            shown.update(pos, made.takes[0].quat[0])
            time.sleep(0.0005)
        last = pos[1, 0]
        pos[1, 0] = -5.0  # it was copied
        until(lambda: place(shown, "/now/box/cube")[0] == pytest.approx(last, abs=1e-4))
        assert len(sent) <= 18
        shown.update(pos, made.takes[0].quat[0])
        shown.flush()
        assert place(shown, "/now/box/cube")[0] == pytest.approx(-5.0, abs=1e-3)


@pytest.mark.browser
@in_a_browser
def test_a_browser_shows_what_is_served(tmp_path) -> None:
    with serve(sliding(), port=0, open_browser=False) as shown:
        shown.seek(1.0)  # beside the panel
        pixels, errors, _ = photograph(shown.url.replace("localhost", "127.0.0.1"), tmp_path, 5000)
    assert (pixels[..., 0].astype(int) - pixels[..., 1] > 40).mean() > 0.004, "the red cube, which may still be fading in"
    assert not errors
