"""A replay in the browser, with everything to turn and hide; and a motion that is only just being made."""

import os
import sys
import threading
import time
import webbrowser
from functools import partial
from typing import Any

import numpy as np

from genesis.errors import StateError
from genesis.log import logger
from genesis.replay.drawing import Drawing
from genesis.replay.replay import PAUSE, Replay
from genesis.replay.server import look, open_server, refused, stop_server

PORT, TRIED = 8080, 50  # where viewers are, and how many ports after it are tried where it is taken
FPS = 60.0  # frames a second of a replay; 30 of what is shown while it happens
LIVE = 1.0 / 30.0  # [s]
SPEEDS = ("0.1x", "0.25x", "0.5x", "1x", "2x", "4x")


class _Page:
    """What every viewer is: a server with a drawing, an address, an end."""

    def __init__(self, replay: Replay, port: int | None, host: str, open_browser: bool, dark: bool = False) -> None:
        self._server = open_server(host, free_port(host) if port is None else port)
        self._over, self._lock = threading.Event(), threading.RLock()
        try:
            self._server.gui.configure_theme(show_share_button=False, show_logo=False, dark_mode=dark)
            self._server.gui.set_panel_label(replay.title or "Replay")
            self._drawing = Drawing(self._server.scene, replay, dark)
            look(self._server, self._drawing.points)
            self._drawing.show(0)
        except BaseException:
            stop_server(self._server)
            raise
        self.browser = open_browser and open_page(self.url)

    @property
    def url(self) -> str:
        """The address of the page."""
        host = self._server.get_host()
        return f"http://{'localhost' if host in ('0.0.0.0', '127.0.0.1') else host}:{self._server.get_port()}"

    @property
    def open(self) -> bool:
        """Whether it can still be looked at."""
        return not self._over.is_set()

    def wait(self) -> None:
        """Until it is closed, or Ctrl-C is pressed."""
        try:
            while not self._over.wait(0.5):
                pass
        except KeyboardInterrupt:
            self.close()

    def close(self) -> None:
        """End it, with its threads; the page stays as it is, deaf."""
        if not self._over.is_set():
            self._over.set()
            self._wake()
            self._thread.join()
            stop_server(self._server)

    stop = close

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reveal(self, name: str, visible: bool) -> None:
        """Show or hide a take, or all landmarks, paths, arrows: by name."""
        with self._lock:
            self._drawing.reveal(name, visible)

    def _toggled(self, name: str, event: Any) -> None:
        self.reveal(name, event.target.value)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="genesis viewer", daemon=True)
        self._thread.start()

    def _wake(self) -> None:
        """Let the thread see that it is over."""

    def _run(self) -> None:
        raise NotImplementedError

    def _boxes(self) -> None:
        """What can be hidden: takes, then all landmarks, paths, arrows."""
        with self._server.gui.add_folder("Show"):
            for name in self._drawing.roots:
                box = self._server.gui.add_checkbox(name, initial_value=True)
                box.on_update(partial(self._toggled, name))


class Viewer(_Page):
    """A replay that plays in a browser: play, pause, time, speed, loop, and what is shown. See `serve`."""

    def __init__(self, replay: Replay, port: int | None, host: str, open_browser: bool, dark: bool = False) -> None:
        super().__init__(replay, port, host, open_browser, dark)
        self.always = True  # plays also while nobody looks
        self._replay, self._now, self._frame, self._playing = replay, 0.0, 0, len(replay) > 1
        gui: Any = self._server.gui
        self._text = gui.add_markdown("")
        if len(replay) > 1:
            self._button = gui.add_button("Pause")
            self._slider = gui.add_slider(
                "Time [s]", 0.0, max(replay.duration, 1e-6), max(replay.duration / 1000.0, 1e-6), initial_value=0.0
            )
            self._speed = gui.add_dropdown("Speed", SPEEDS, initial_value="1x")
            self._loop = gui.add_checkbox("Loop", True)
            self._button.on_click(lambda _: self.play(not self._playing))
            self._slider.on_update(self._sought)
        self._boxes()
        self._start()

    def play(self, on: bool = True) -> None:
        """Go on, from the start where it has ended; or pause."""
        with self._lock:
            if on and self._now >= self._replay.duration:
                self._now = 0.0
            self._playing = on
            self._button.label = "Pause" if on else "Play"

    def seek(self, seconds: float) -> None:
        """Show the motion at a time since its start [s], and pause."""
        self.play(False)
        with self._lock:
            self._show(seconds)

    def replace(self, replay: Replay, text: str = "") -> None:
        """Another motion of the same bodies, from the present time on; takes, paths and arrows are told by their names. text: beside it."""
        with self._lock:
            self._drawing.follow(replay)
            self._replay = replay
            self._text.content = text
            if len(replay) > 1 and self._slider.max != max(replay.duration, 1e-6):
                self._slider.max = max(replay.duration, 1e-6)
            self._show(self._now)

    def _sought(self, event: Any) -> None:
        if event.client is not None:  # a person, not the motion itself
            self.seek(float(event.target.value))

    def _show(self, seconds: float) -> None:
        """The frame that is seen at a time; the lock is held."""
        self._now = float(np.clip(seconds, 0.0, self._replay.duration))
        self._frame = int(np.searchsorted(self._replay.time - self._replay.time[0], self._now + 1e-9, side="right")) - 1
        with self._server.atomic():
            self._drawing.show(self._frame)
            if len(self._replay) > 1:
                self._slider.value = self._now

    def _run(self) -> None:
        last = time.monotonic()
        ended = 0.0  # when it came to its end
        while not self._over.wait(1.0 / FPS):
            now = time.monotonic()
            passed, last = now - last, now
            with self._lock:
                if not self._playing or not (self.always or self._server.get_clients()):
                    continue
                if self._now < self._replay.duration:
                    self._show(self._now + passed * float(self._speed.value.rstrip("x")))
                    ended = now
                elif not self._loop.value:
                    self.play(False)
                elif now - ended > PAUSE:
                    self._show(0.0)


class LiveViewer(_Page):
    """Bodies as they stand now, for what is simulated step by step: `update` takes microseconds, the page follows 30 times a second.

    replay: the bodies and what is around them; the poses of its first frame are where they begin.
    """

    def __init__(
        self, replay: Replay, port: int | None = None, host: str = "127.0.0.1", open_browser: bool = True, dark: bool = False
    ) -> None:
        super().__init__(replay, port, host, open_browser, dark)
        self._poses: tuple[np.ndarray, np.ndarray] | None = None
        self._new = threading.Event()
        self._boxes()
        self._start()

    def update(self, pos: np.ndarray, quat: np.ndarray) -> None:
        """Poses of all bodies ([takes,] L, 3), ([takes,] L, 4) [m]; from any thread. Copies them: the caller may go on writing there."""
        with self._lock:
            self._poses = np.array(pos, ndmin=3), np.array(quat, ndmin=3)
        self._new.set()

    def flush(self) -> None:
        """Show what was told last, now."""
        with self._lock:
            poses, self._poses = self._poses, None
        if poses is not None:
            with self._server.atomic():
                for actors, pos, quat in zip(self._drawing.takes, *poses, strict=True):
                    actors.place(pos, quat)
            self._server.flush()

    def _wake(self) -> None:
        self._new.set()

    def _run(self) -> None:
        while not self._over.is_set():
            self._new.wait()
            self._new.clear()
            self.flush()
            self._over.wait(LIVE)


def serve(
    replay: Replay, port: int | None = None, host: str = "127.0.0.1", open_browser: bool = True, *, dark: bool = False
) -> Viewer:
    """Show a replay in the browser, and go on: `Viewer.wait` to stay, `Viewer.close` to end.

    port: where; default: 8080, or the next that is free. host: "0.0.0.0" lets other machines look, too. open_browser: where there is one.

    Raises: StateError where a named port is in use, or none can be opened.
    """
    return Viewer(replay, port, host, open_browser, dark)


def free_port(host: str = "127.0.0.1") -> int:
    """8080, or the next port that is free, which is told. Raises: StateError where none is."""
    reasons = []
    for port in range(PORT, PORT + TRIED):
        reasons.append(refused(host, port))
        if not reasons[-1]:
            if port != PORT:
                logger.warning("port %d is in use; the viewer takes %d.", PORT, port)
            return port
    raise StateError(f"no port from {PORT} to {PORT + TRIED - 1} of {host} can be opened ({reasons[0]}).")


def open_page(url: str) -> bool:
    """Open an address in the user's browser; whether there is one. Text browsers, which would take the terminal, do not count."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
