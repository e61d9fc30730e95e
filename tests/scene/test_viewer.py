"""A scene in the browser while it is stepped; a trajectory as a page."""

import time

import numpy as np
import pytest

import genesis as gs
from genesis.errors import StateError
from genesis.scene import viewer as module
from tests.replay.pages import Messages


def falling(monkeypatch, show_viewer: bool = True, **build):
    monkeypatch.setattr(module, "LiveViewer", lambda replay, port, **options: LIVE(replay, 0, open_browser=False))
    scene = gs.Scene(show_viewer=show_viewer)
    scene.add_entity(gs.morphs.Plane())
    ball = scene.add_entity(gs.morphs.Sphere(radius=0.1, pos=(0.0, 0.0, 1.0)), name="ball")
    scene.build(**build)
    return scene, ball


LIVE = module.LiveViewer


def height(scene, take: str = "scene") -> float:
    server = scene.viewer._page._server
    return float(next(h for n, h in server.scene._handle_from_node_name.items() if n.startswith(f"/{take}/ball/")).position[2])


def test_the_page_follows_the_steps(engine, monkeypatch) -> None:
    scene, ball = falling(monkeypatch)
    try:
        assert scene.viewer.is_alive and scene.viewer.url.startswith("http://localhost:")
        assert height(scene) == pytest.approx(1.0)
        end = time.monotonic() + 10.0
        for _ in range(20):
            scene.step()
        time.sleep(0.05)
        scene.step()
        while height(scene) > 0.99 and time.monotonic() < end:
            time.sleep(0.01)
        assert height(scene) == pytest.approx(float(ball.get_pos()[2]), abs=1e-2)
        seen = height(scene)
        for _ in range(5):
            scene.step(update_visualizer=False)
        time.sleep(0.1)
        scene.step(refresh_visualizer=False)
        time.sleep(0.1)
        assert height(scene) == seen
        scene.viewer.update()
        assert height(scene) == pytest.approx(float(ball.get_pos()[2]), abs=1e-4)
    finally:
        scene.viewer.stop()
    assert not scene.viewer.is_alive
    scene.step()


def test_environments_stand_apart(engine, monkeypatch) -> None:
    scene, ball = falling(monkeypatch, n_envs=3, env_spacing=(1.0, 2.0))
    try:
        names = scene.viewer._page._drawing.roots
        assert [name for name in names if name.startswith("environment")] == ["environment 0", "environment 1", "environment 2"]
        ball.set_pos(np.array([[0, 0, 1.0], [0, 0, 2.0], [0, 0, 3.0]]))
        scene.viewer.update()
        assert [round(height(scene, f"environment {k}"), 3) for k in range(3)] == [1.0, 2.0, 3.0]
        places = np.array([names[f"environment {k}"].position for k in range(3)])
        assert np.allclose(places, scene.envs_offset)
    finally:
        scene.viewer.stop()


def test_no_page_unless_it_is_asked_for(engine, monkeypatch) -> None:
    scene, _ = falling(monkeypatch, show_viewer=False)
    assert scene.viewer is None
    scene.step()


def test_a_trajectory_is_a_page_a_replay_and_a_view(engine, monkeypatch) -> None:
    scene, _ = falling(monkeypatch, show_viewer=False)
    trajectory = scene.rollout(np.zeros((40, 6)))
    replay = trajectory.replay(title="a ball falls")
    assert replay.title == "a ball falls" and replay.duration == pytest.approx(0.4)
    assert replay.takes[0].pos[-1, -1, 2] == pytest.approx(float(trajectory.links_pos[-1, -1, 2]))
    page = trajectory._repr_html_()
    assert page.startswith("<iframe srcdoc=") and page.count('"') == 8
    import html

    assert Messages(html.unescape(page)).of("SetPositionMessage")
    with trajectory.show(port=None, block=False, open_browser=False) as shown:
        assert shown.open
        with pytest.raises(StateError, match="cannot be opened"):
            trajectory.show(port=int(shown.url.rsplit(":", 1)[1]), block=False, open_browser=False)
