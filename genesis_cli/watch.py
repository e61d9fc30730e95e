"""`--watch`: a run in the browser while it looks for better motions."""

from collections.abc import Callable
from typing import Any, Self

from genesis_cli import console


class WatchedRun:
    """The page of a watched run: opened with its first motion, on a port that is looked for before anything is computed.

    Raises: StateError where a named port is in use, or none is free.
    """

    def __init__(self, port: int | None) -> None:
        from genesis.errors import StateError
        from genesis.replay.viewer import free_port, refused

        self.viewer: Any = None
        self.port = free_port() if port is None else port
        reason = refused("127.0.0.1", self.port)
        if reason:
            raise StateError(f"--port: {self.port} cannot be opened ({reason}); name another.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.viewer is not None:
            self.viewer.close()

    def observer(self, look: Callable[[Any], Any]) -> Any:
        """What a loop tells its iterations. look: makes the replay of one."""
        from genesis.runners.watch import Watch

        return Watch(look, self.show)

    def show(self, replay: Any, text: str = "") -> None:
        """Another motion."""
        if self.viewer is None:
            from genesis.replay.viewer import Viewer

            self.viewer = Viewer(replay, self.port, "127.0.0.1", open_browser=True)
            self.viewer.always = False
            console.note(f"watch it at {self.viewer.url}")
        self.viewer.replace(replay, text)

    def stay(self) -> None:
        """The run is over: on a terminal its end is shown until Ctrl-C."""
        if self.viewer is None:
            return
        if console.stderr().is_terminal:
            console.note(f"still shown at {self.viewer.url}; Ctrl-C ends")
            self.viewer.wait()
