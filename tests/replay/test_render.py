"""Pictures show what the geometry says: depths and bodies by value, colours where things are, the same bits every time."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from genesis.errors import InputError, UnknownNameError
from genesis.replay.render import Renderer, stroboscopic, write_png
from genesis.replay.replay import Arrows, DrawnBody, Landmark, Polyline, Replay, Skin, Take
from genesis.replay.viewpoint import Viewpoint, framing, seen_points
from tests.replay.drawing import skip_without_drawing

skip_without_drawing()

SIZE = (160, 120)
FRONT = Viewpoint((2.0, 0.0, 0.5), (0.0, 0.0, 0.5), fov=40.0)


def skin(mesh: trimesh.Trimesh, rgba: tuple = (0.7, 0.7, 0.7, 1.0), **others: object) -> Skin:
    return Skin(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32), rgba, **others)


def take(*places: tuple[float, float, float], frames: int = 1, **others: object) -> Take:
    pos = np.tile(np.array([(0.0, 0.0, 0.0), *places]), (frames, 1, 1))
    return Take("best", pos, np.tile([1.0, 0.0, 0.0, 0.0], (*pos.shape[:2], 1)), **others)


def replay(*skins: Skin, at: tuple = ((0.0, 0.0, 0.5),), frames: int = 1, **others: object) -> Replay:
    bodies = [DrawnBody("", "", []), *(DrawnBody(f"body {k}", "it", [skin]) for k, skin in enumerate(skins))]
    return Replay("a test", np.arange(frames) * 0.1, bodies, [take(*at, frames=frames)], **others)


BOX, BALL = trimesh.creation.box((0.2, 0.4, 0.3)), trimesh.creation.icosphere(4, 0.2)
PLANE = Skin(
    np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32), np.array([[0, 1, 2], [0, 2, 3]]), ground=True
)


def test_depth_is_along_the_optical_axis() -> None:
    with Renderer(replay(skin(BOX)), SIZE, FRONT) as drawn:
        depth, body = drawn.depth(0), drawn.segmentation(0)
    f = FRONT.intrinsics(SIZE)[0, 0]
    inside = np.abs(np.arange(160) + 0.5 - 80)[None] < 0.2 * f / 1.9 - 1e-3
    inside = inside & (np.abs(np.arange(120) + 0.5 - 60)[:, None] < 0.15 * f / 1.9 - 1e-3)
    assert depth.dtype == np.float32 and depth.shape == (120, 160)
    np.testing.assert_allclose(depth[inside], 1.9, atol=1e-4)  # the face nearest to the camera, the same everywhere on it
    assert np.isinf(depth[~inside]).all()
    assert (body == np.where(inside, 1, -1)).all() and body.dtype == np.int32


def test_depth_of_a_plane_without_end() -> None:
    made = replay(PLANE)
    made.takes = [take((0.0, 0.0, 0.0))]
    camera = Viewpoint((0.0, -3.0, 2.0), (0.0, 0.0, 0.0), fov=30.0)
    with Renderer(made, SIZE, camera) as drawn:
        depth, body = drawn.depth(0), drawn.segmentation(0)
    u, v = np.meshgrid(np.arange(160) + 0.5, np.arange(120) + 0.5)
    rays = (
        np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(camera.intrinsics(SIZE)).T * (1.0, -1.0, -1.0) @ camera.rotation().T
    )
    np.testing.assert_allclose(depth, -2.0 / rays[..., 2], rtol=1e-4)
    assert (body == 1).all()


def test_normals_are_those_of_the_surfaces_in_the_world() -> None:
    camera = Viewpoint((1.2, -1.4, 1.3), (0.0, 0.0, 0.5), fov=25.0)
    made = replay(skin(BOX))
    made.takes[0].quat[0, 1] = (np.cos(0.2), 0.0, 0.0, np.sin(0.2))
    with Renderer(made, SIZE, camera) as drawn:
        normals, body = drawn.normals(0), drawn.segmentation(0)
    np.testing.assert_array_equal(normals[body < 0], 0.0)
    c, s = np.cos(0.4), np.sin(0.4)
    sides = np.array([(c, s, 0.0), (s, -c, 0.0), (0.0, 0.0, 1.0)])
    along = normals[body == 1] @ sides.T
    assert (along.max(1) > 0.999).all() and {0, 1, 2} == set(along.argmax(1))


def test_silhouette_of_a_sphere() -> None:
    camera = Viewpoint((1.5, 0.0, 0.5), (0.0, 0.0, 0.5), fov=25.0)
    with Renderer(replay(skin(BALL)), (320, 240), camera) as drawn:
        body, depth = drawn.segmentation(0), drawn.depth(0)
    radius = camera.intrinsics((320, 240))[0, 0] * 0.2 / np.sqrt(1.5**2 - 0.2**2)
    assert abs((body == 1).sum() / (np.pi * radius**2) - 1.0) < 0.01
    assert abs(depth.min() - 1.3) < 2e-3


def test_points_are_seen_where_the_camera_projects_them() -> None:
    rng = np.random.default_rng(1)
    places = tuple(map(tuple, rng.uniform(-0.35, 0.35, (6, 3)) + (0.0, 0.0, 0.5)))
    camera = Viewpoint((1.2, -1.4, 1.3), (0.0, 0.0, 0.5), up=(0.1, 0.2, 1.0), fov=45.0)
    ball = skin(trimesh.creation.icosphere(2, 0.02))
    with Renderer(replay(*[ball] * 6, at=places), (320, 240), camera) as drawn:
        body = drawn.segmentation(0)
    assert set(np.unique(body)) == {-1, 1, 2, 3, 4, 5, 6}
    pixels, depth = camera.project(np.array(places), (320, 240))
    for k, (u, v) in enumerate(pixels):
        rows, columns = np.nonzero(body == k + 1)
        assert np.hypot(columns.mean() + 0.5 - u, rows.mean() + 0.5 - v) < 1.0
    ahead = (np.array(places) - camera.pos) @ (np.array((0.0, 0.0, 0.5)) - camera.pos)
    np.testing.assert_allclose(depth, ahead / np.linalg.norm(np.array((0.0, 0.0, 0.5)) - camera.pos))


def test_what_is_measured_leaves_out_ghosts_marks_and_the_unknown() -> None:
    made = replay(skin(BOX), skin(BALL), at=((0.0, -0.3, 0.5), (np.nan, 0.3, 0.5)))
    made.takes.append(replace(take((0.0, 0.3, 0.5), (0.0, 0.3, 0.5)), name="first", ghost=True))
    made.landmarks.append(Landmark("aim", "sphere", (0.2,), np.array([1.0, 0.0, 0.5])))
    with Renderer(made, SIZE, FRONT) as drawn:
        assert set(np.unique(drawn.segmentation(0))) == {-1, 1}
    with Renderer(made, SIZE, FRONT, take="first") as drawn:  # alone it is no ghost
        assert set(np.unique(drawn.segmentation(0))) == {-1, 1, 2}


def test_poses_move_and_turn_bodies() -> None:
    made = replay(skin(BOX), frames=3)
    made.takes[0].pos[1, 1] = (0.0, 0.3, 0.5)
    made.takes[0].quat[2, 1] = (np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0)  # a quarter about x: 0.4 wide becomes 0.4 high
    made.takes[0].offset = (0.0, 0.0, 0.1)
    with Renderer(made, SIZE, FRONT) as drawn:
        boxes = [np.argwhere(drawn.segmentation(k) == 1) for k in (0, 1, 2)]
    f = FRONT.intrinsics(SIZE)[0, 0] / 1.9
    middles = np.array([(box.min(0) + box.max(0) + 1) / 2 for box in boxes])
    np.testing.assert_allclose(middles, [(60 - 0.1 * f, 80), (60 - 0.1 * f, 80 + 0.3 * f), (60 - 0.1 * f, 80)], atol=1.0)
    spans = np.array([np.ptp(box, 0) + 1 for box in boxes])
    np.testing.assert_allclose(spans, [(0.3 * f, 0.4 * f), (0.3 * f, 0.4 * f), (0.4 * f, 0.3 * f)], atol=1.0)


def test_colours_are_where_things_are() -> None:
    red, green = skin(BOX, (0.9, 0.1, 0.1, 1.0)), skin(BALL, (0.1, 0.8, 0.1, 1.0))
    blue = Landmark("aim", "sphere", (0.1,), np.array([0.0, 0.0, 0.9]), rgba=(0.1, 0.1, 0.9, 1.0))
    line = Polyline("path", np.array([[0.0, -0.5, 0.2], [0.0, 0.5, 0.2]]), (0.9, 0.0, 0.9, 1.0))
    force = Arrows("force", np.array([[[0.0, 0.0, 1.0]]]), np.array([[[0.0, 10.0, 0.0]]]), "N", 0.05, (0.0, 0.8, 0.8, 1.0))
    made = replay(red, green, at=((0.0, -0.3, 0.5), (0.0, 0.3, 0.5)), landmarks=[blue], polylines=[line], arrows=[force])
    with Renderer(made, SIZE, FRONT) as drawn:
        picture = drawn.image(0).astype(int)
    assert picture.shape == (120, 160, 3)

    def at(*place: float) -> np.ndarray:
        (u, v), _ = FRONT.project(np.array([place]), SIZE)[0][0], None
        return picture[int(v), int(u)]

    for place, strong in (((0.1, -0.3, 0.5), [0]), ((0.1, 0.3, 0.5), [1]), ((0.0, 0.0, 0.9), [2]), ((0.0, 0.0, 0.2), [0, 2]),
                          ((0.0, 0.2, 1.0), [1, 2])):  # fmt: skip
        weak = [k for k in range(3) if k not in strong]
        assert at(*place)[strong].min() > at(*place)[weak].max() + 40, place
    assert at(0.0, 0.6, 1.0).min() > 180  # nothing there but the light background


def test_a_ghost_lets_through_and_a_tint_replaces() -> None:
    def middle(**others: object) -> np.ndarray:
        made = replay(skin(BOX, (0.1, 0.1, 0.1, 1.0)))
        made.takes = [replace(made.takes[0], **others)]
        with Renderer(made, SIZE, FRONT) as drawn:
            return drawn.image(0)[60, 80].astype(int)

    assert middle().max() < 100 and middle(ghost=True).min() > 130
    assert middle(tint=(0.9, 0.1, 0.1))[0] > middle(tint=(0.9, 0.1, 0.1))[1] + 80


def test_textures_and_colours_of_vertices() -> None:
    square = np.array([[0, -0.3, -0.3], [0, 0.3, -0.3], [0, 0.3, 0.3], [0, -0.3, 0.3]], np.float32)
    faces, uv = np.array([[0, 1, 2], [0, 2, 3]]), np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    halves = np.zeros((8, 8, 3), np.uint8)
    halves[:4], halves[4:] = (230, 20, 20), (20, 20, 230)  # the upper rows, at large v, are red
    with Renderer(replay(Skin(square, faces, uv=uv, texture=halves)), SIZE, FRONT) as drawn:
        picture = drawn.image(0).astype(int)
    assert picture[50, 80, 0] > picture[50, 80, 2] + 80 and picture[70, 80, 2] > picture[70, 80, 0] + 80
    colours = np.array([[20, 230, 20, 255]] * 4, np.uint8)
    with Renderer(replay(Skin(square, faces, colours=colours)), SIZE, FRONT) as drawn:
        green = drawn.image(0)[60, 80].astype(int)
    assert green[1] > green[[0, 2]].max() + 80


def test_what_stands_on_the_floor_throws_a_shadow_and_what_is_under_it_is_hidden() -> None:
    camera = Viewpoint((0.0, -2.0, 2.0), (0.0, 0.0, 0.0), fov=40.0)

    def picture(height: float) -> np.ndarray:
        made = replay(skin(BOX), PLANE, at=((0.0, 0.0, height), (0.0, 0.0, 0.0)))
        with Renderer(made, SIZE, camera) as drawn:
            return drawn.image(0).astype(int)

    up, under = picture(0.5), picture(-0.5)
    fallen = camera.project(np.array([[-0.35 * 0.5, -0.30 * 0.5, 0.0]]), SIZE)[0][0].astype(int)
    bright = camera.project(np.array([[0.5, -0.15, 0.0]]), SIZE)[0][0].astype(int)
    assert up[fallen[1], fallen[0]].mean() < up[bright[1], bright[0]].mean() - 40
    hidden = camera.project(np.array([[0.0, 0.0, -0.5]]), SIZE)[0][0].astype(int)
    assert under[hidden[1], hidden[0]].min() > 190


def test_a_picture_is_the_same_every_time() -> None:
    made = replay(skin(BOX, (0.9, 0.1, 0.1, 0.5)), frames=2)
    made.takes[0].pos[1, 1, 1] = 0.2
    with Renderer(made, SIZE) as one, Renderer(made, SIZE) as other:
        first, second = one.image(0), one.image(1)
        assert (first != second).any() and (one.image(0) == first).all()
        assert (other.image(1) == second).all()


def test_the_default_camera_sees_everything_and_no_more() -> None:
    made = replay(
        skin(BOX), skin(BALL), at=((0.0, 1.0, 0.5), (0.2, -1.0, 0.9)), landmarks=[Landmark("x", "box", (0.1,) * 3, np.ones(3))]
    )
    points = seen_points(made, made.takes)
    for size in (SIZE, (100, 300)):
        camera = framing(points, size)
        pixels, depth = camera.project(points, size)
        assert (depth > camera.near).all() and (depth < camera.far).all()
        reach = np.abs(pixels / size - 0.5).max(0) * 2.0  # 1: to the edge
        assert reach.max() == pytest.approx(1.0 / 1.12, abs=1e-6)


def test_png_files(tmp_path) -> None:
    from PIL import Image

    made = replay(skin(BOX), frames=5)
    made.takes[0].pos[:, 1, 1] = np.linspace(-0.5, 0.5, 5)
    write_png(made, tmp_path / "end.png", size=SIZE, camera=FRONT)
    with Renderer(made, SIZE, FRONT) as drawn:
        last = drawn.image(4)
    shown = np.asarray(Image.open(tmp_path / "end.png"))
    body = np.abs(shown.astype(int) - last)[50:70, 110:]  # floors and lights may differ: it is framed for itself
    assert shown.shape == last.shape and body.max() < 40
    write_png(made, tmp_path / "strobe.png", size=SIZE, camera=FRONT, instants=3)
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["end.png", "strobe.png"]
    strobe = stroboscopic(made, 4, 3)
    assert [t.ghost for t in strobe.takes] == [False, True, True]
    np.testing.assert_allclose([t.pos[0, 1, 1] for t in strobe.takes], [0.5, -0.5, 0.0])


def test_wrong_input_is_said_in_a_line(tmp_path, monkeypatch) -> None:
    made = replay(skin(BOX))
    for call, words in (
        (lambda: Renderer(made, (0, 10)), "size"),
        (lambda: Renderer(made, SIZE, Viewpoint((0, 0, 1), (0, 0, 1))), "same point"),
        (lambda: Renderer(made, SIZE, Viewpoint((1, 0, 0), (0, 0, 0), fov=0)), "fov"),
        (lambda: Renderer(made, SIZE).image(1), "frame 1; allowed: 0 to 0"),
        (lambda: write_png(made, tmp_path / "a.jpg", size=SIZE), "writes .png"),
        (lambda: write_png(made, tmp_path / "none" / "a.png", size=SIZE), "cannot be written"),
        (lambda: write_png(made, tmp_path / "a.png", instants=0), "instants"),
    ):
        with pytest.raises(InputError, match=words):
            call()
    with pytest.raises(UnknownNameError, match="best"):
        Renderer(made, take="bets")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setitem(sys.modules, "vtkmodules", None)
    with pytest.raises(InputError, match=r"genesis-optimize\[video\]"):
        Renderer(made, SIZE).image(0)
