"""The page of a replay: every pose at its time, shapes stored once, small, the same each time; a browser shows it, offline."""

import threading

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.replay.html import html_of, write_html
from genesis.replay.replay import PAUSE, Arrows, DrawnBody, Landmark, Polyline, Replay, Skin, Take
from tests.replay.pages import Messages, in_a_browser, photograph

CUBE = np.array([[x, y, z] for x in (-0.1, 0.1) for y in (-0.1, 0.1) for z in (-0.1, 0.1)], np.float32)
FACES = np.array(
    [
        [0, 1, 3],
        [0, 3, 2],
        [4, 6, 7],
        [4, 7, 5],
        [0, 4, 5],
        [0, 5, 1],
        [2, 3, 7],
        [2, 7, 6],
        [0, 2, 6],
        [0, 6, 4],
        [1, 5, 7],
        [1, 7, 3],
    ]
)


def sliding(count: int = 11, takes: int = 1, duration: float = 1.0) -> Replay:
    """A red cube that goes a metre along x on a floor, with ghosts beside it."""
    floor = Skin(np.array([[-5, -5, 0], [5, -5, 0], [5, 5, 0]], np.float32), np.array([[0, 1, 2]]), ground=True)
    bodies = [DrawnBody("", "", [floor]), DrawnBody("cube", "box", [Skin(CUBE, FACES, (0.9, 0.1, 0.1, 1.0))])]
    motions = []
    for k in range(takes):
        pos = np.zeros((count, 2, 3))
        pos[:, 1] = np.linspace([0.0, k, 0.1], [1.0, k, 0.1], count)
        motions.append(
            Take("best" if k == 0 else f"ghost {k}", pos, np.tile([1.0, 0, 0, 0], (count, 2, 1)), k > 0, (0, 0, 1) if k else None)
        )
    return Replay("sliding", np.linspace(0.0, duration, count), bodies, motions)


def test_each_pose_comes_at_its_time_and_what_stands_still_is_told_once() -> None:
    told = Messages(html_of(sliding()))
    path = told.path("/best/box/cube")
    assert np.allclose([time for time, _ in path], np.linspace(0.0, 1.0, 11), atol=1e-9)
    assert np.allclose([place for _, place in path], np.linspace([0.0, 0.0, 0.1], [1.0, 0.0, 0.1], 11), atol=1e-4)
    assert told.duration == pytest.approx(1.0 + PAUSE)
    assert not [m for time, m in told.of("SetOrientationMessage") if time > 0.0], "the cube does not turn"
    assert "/ground" in told.names()


def test_takes_share_the_arrays_of_their_shapes() -> None:
    one, three = (Messages(html_of(sliding(takes=k))) for k in (1, 3))
    assert len(three.of("MeshMessage")) == 3 and len(one.of("MeshMessage")) == 1
    assert sum(three.arrays) == sum(one.arrays)
    colours = [(m["props"]["color"], m["props"]["opacity"]) for _, m in three.of("MeshMessage")]
    assert tuple(colours[0][0]) == (230, 26, 26) and colours[0][1] is None
    assert tuple(colours[1][0]) == (0, 0, 255) and colours[1][1] == pytest.approx(0.3)


def test_many_takes_are_instances() -> None:
    told = Messages(html_of(sliding(takes=9)))
    (batch,) = told.of("BatchedMeshesMessage")
    assert len(told.of("MeshMessage")) == 1 and len(batch[1]["props"]["batched_positions"]) > 0
    moved = [m for time, m in told.of("SceneNodeUpdateMessage") if time > 0.0 and "batched_positions" in m["updates"]]
    assert len(moved) == 10


def test_an_edge_stays_sharp() -> None:
    from genesis.replay.shading import shaded

    vertices, faces, source = shaded(CUBE, FACES)
    assert len(vertices) == 24, "four corners for each side of a cube"
    assert np.array_equal(vertices[faces], CUBE[FACES]) and np.array_equal(CUBE[source], vertices)
    bent = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.2]], np.float32)  # 11 degrees
    assert len(shaded(bent, np.array([[0, 1, 2], [1, 3, 2]]))[0]) == 4


def test_what_has_no_pose_is_hidden_for_that_time() -> None:
    made = sliding()
    made.takes[0].pos[3:5, 1] = np.nan
    told = Messages(html_of(made))
    seen = [
        (round(time, 6), m["visible"]) for time, m in told.of("SetSceneNodeVisibilityMessage") if m["name"] == "/best/box/cube"
    ]
    assert seen == [(0.0, True), (0.3, False), (0.5, True)]


def test_a_ghost_that_stands_where_the_main_take_stands_is_not_drawn_again() -> None:
    made = sliding(takes=2)
    made.takes[1].pos = made.takes[0].pos.copy()
    assert len(Messages(html_of(made)).of("MeshMessage")) == 1


def test_lines_landmarks_and_arrows() -> None:
    made = sliding()
    count = len(made)
    made.polylines = [Polyline("path", np.linspace([0, 0, 0], [1, 0, 0], 5), take="best")]
    made.landmarks = [Landmark("goal", "sphere", (0.1,), np.array([1.0, 0, 0.1]), label="goal"),
                      Landmark("runner", "frame", (0.1,), made.takes[0].pos[:, 1].copy())]  # fmt: skip
    vectors = np.full((count, 1, 3), np.nan)
    vectors[5:] = [0.0, 0.0, 20.0]
    made.arrows = [Arrows("forces", made.takes[0].pos[:, 1:].copy(), vectors, "N", 0.01)]
    told = Messages(html_of(made))
    assert len(told.of("LineSegmentsMessage")) == 1
    assert told.path("/landmarks/goal") == [(0.0, pytest.approx([1.0, 0.0, 0.1], abs=1e-4))]
    assert len(told.path("/landmarks/runner")) == count
    assert [m["props"]["text"] for _, m in told.of("LabelMessage")] == ["goal"]
    seen = [
        (round(time, 6), m["visible"])
        for time, m in told.of("SetSceneNodeVisibilityMessage")
        if m["name"] == "/arrows/forces/vectors"
    ]
    assert seen == [(0.0, False), (0.5, True)]
    changed = [time for time, m in told.of("SceneNodeUpdateMessage") if m["name"] == "/arrows/forces/vectors"]
    assert np.allclose(changed, np.linspace(0.5, 1.0, 6))


def test_long_motions_of_many_bodies_are_thinned() -> None:
    made = sliding(2001, duration=60.0)
    assert len(Messages(html_of(made, most=50)).path("/best/box/cube")) == 50
    assert len(Messages(html_of(made, fps=5.0)).path("/best/box/cube")) == 301


def test_a_page_is_the_same_each_time_needs_nothing_else_and_leaves_no_thread(tmp_path) -> None:
    made, threads = sliding(), set(threading.enumerate())
    page = html_of(made)
    assert page == html_of(made) and set(threading.enumerate()) == threads
    assert "<title>sliding</title>" in page and "src=" not in page.split("<body>")[1]
    assert len(page) < 1_000_000
    assert write_html(made, tmp_path / "replay.html").read_text() == page
    assert [file.name for file in tmp_path.iterdir()] == ["replay.html"]


def test_a_title_is_text() -> None:
    made = sliding(2)
    made.title = "<script>x</script>"
    assert "<script>x" not in html_of(made)


def test_where_nothing_can_be_written_is_said(tmp_path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_html(sliding(2), tmp_path / "none" / "replay.html")


@pytest.mark.browser
@in_a_browser
def test_a_browser_shows_it_offline(tmp_path) -> None:
    page = write_html(sliding(takes=2), tmp_path / "replay.html")
    pixels, errors, asked = photograph(page.as_uri(), tmp_path)
    red = (pixels[..., 0] > 120) & (pixels[..., 1] < 90) & (pixels[..., 2] < 90)
    blue = (pixels[..., 2].astype(int) - pixels[..., 0] > 30)[:400]
    assert red.mean() > 0.01 and blue.mean() > 0.002, "the cube, and its ghost"
    assert not errors and not asked


@pytest.mark.browser
@in_a_browser
def test_what_a_page_asks_for_and_throws_is_noticed(tmp_path) -> None:
    (tmp_path / "bad.html").write_text('<script>throw new Error("oh")</script><img src="http://example.com/y.png">')
    pixels, errors, asked = photograph((tmp_path / "bad.html").as_uri(), tmp_path, 500)
    assert len(errors) == 1 and asked == ["http://example.com/y.png"] and (pixels == 255).mean() > 0.9
