"""scene.viewer: the state of a scene in the browser, while it is stepped."""

import time
from typing import TYPE_CHECKING

import numpy as np

from genesis.log import logger
from genesis.replay.drawing import ALONE
from genesis.replay.replay import Replay, Take
from genesis.replay.viewer import LIVE, LiveViewer
from genesis.scene.pictures import bodies_of, poses_now

if TYPE_CHECKING:
    from genesis.scene.solver import RigidSolver


class SceneViewer:
    """The page of a scene: what `gs.Scene(show_viewer=True)` opens at `build`. `step` tells it of the state, at most 30 times a second.

    Of several environments it shows up to six, if `build` sets them apart by env_spacing; else the first.
    """

    def __init__(self, solver: "RigidSolver", offsets: np.ndarray, port: int | None = None, open_browser: bool = True) -> None:
        """offsets (rows, 3): where the worlds of the environments stand [m].

        Raises: StateError where no port can be opened.
        """
        self._solver, self._due = solver, 0.0
        self._envs = list(range(min(len(offsets), ALONE))) if offsets.any() else [0]
        pos, quat = poses_now(solver)
        takes = [
            Take("scene" if len(self._envs) == 1 else f"environment {e}", pos[[e]], quat[[e]], offset=tuple(offsets[e]))
            for e in self._envs
        ]
        self._page = LiveViewer(Replay("scene", np.zeros(1), bodies_of(solver.entities), takes), port, open_browser=open_browser)
        if open_browser and not self._page.browser:
            logger.warning("no browser here: the viewer is at %s.", self.url)

    @property
    def url(self) -> str:
        """The address of the page."""
        return self._page.url

    @property
    def is_alive(self) -> bool:
        """Whether it was not stopped."""
        return self._page.open

    def update(self, force: bool = True) -> None:
        """Show the state now; without ``force`` only if the last one shown is old enough."""
        now = time.monotonic()
        if self._page.open and (force or now >= self._due):
            self._due = now + LIVE
            pos, quat = poses_now(self._solver)
            self._page.update(pos[self._envs], quat[self._envs])
            if force:
                self._page.flush()

    def stop(self) -> None:
        """Close the page; the scene goes on without."""
        self._page.close()
