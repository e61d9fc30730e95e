"""Cameras of a scene see its state now, by value, and change nothing of it."""

import numpy as np
import pytest
import torch

import genesis as gs
from genesis.errors import InputError, StateError
from tests.replay.drawing import skip_without_drawing

skip_without_drawing()

RES = (160, 120)


def boxes(n_envs: int = 0, **options: object) -> gs.Scene:
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.01, **options))
    scene.add_entity(gs.morphs.Plane())
    scene.add_entity(gs.morphs.Box(size=(0.2, 0.2, 0.2), pos=(0.0, 0.0, 0.5)), name="a")
    scene.add_entity(gs.morphs.Sphere(radius=0.1, pos=(0.0, 0.5, 0.5)), name="b")
    scene.build(n_envs=n_envs)
    return scene


FRONT = {"res": RES, "pos": (2.0, 0.0, 0.5), "lookat": (0.0, 0.0, 0.5), "fov": 40}


def test_defaults_and_shapes_are_those_of_the_documented_interface() -> None:
    scene = boxes()
    camera = scene.add_camera()
    assert camera.res == (320, 320) and camera.fov == 30 and camera.model == "pinhole" and scene.cameras == [camera]
    np.testing.assert_allclose(camera.pos, (0.5, 2.5, 3.5))
    np.testing.assert_allclose(camera.lookat, (0.5, 0.5, 0.5))
    camera = scene.add_camera(**FRONT)
    assert camera.idx == 1
    rgb, depth, links, normal = camera.render(rgb=True, depth=True, segmentation=True, normal=True)
    assert (rgb.shape, rgb.dtype, depth.shape, depth.dtype) == ((120, 160, 3), np.uint8, (120, 160), np.float32)
    assert (links.shape, links.dtype, normal.shape, normal.dtype) == ((120, 160), np.int32, (120, 160, 3), np.uint8)
    assert [x is None for x in camera.render()] == [False, True, True, True]
    assert [x is None for x in camera.render(rgb=False, depth=True)] == [True, False, True, True]
    plane, a, b = (entity.links[0].idx for entity in scene.entities)
    assert links[60, 80] == a and set(np.unique(links)) == {-1, plane, a, b}
    assert depth[60, 80] == pytest.approx(1.9, abs=1e-4) and (normal[60, 80] == (255, 128, 128)).all()
    assert np.isinf(depth[links == -1]).all() and not normal[links == -1].any()
    colours = camera.render(segmentation=True, colorize_seg=True)[2]
    assert colours.shape == (120, 160, 3) and len({tuple(c) for c in colours[[60, 0, 110], [80, 0, 80]]}) == 3


def test_matrices_project_points_of_the_world_to_their_pixels() -> None:
    scene = boxes()
    camera = scene.add_camera(res=(320, 240), pos=(1.0, -1.5, 1.2), lookat=(0.0, 0.2, 0.4), up=(0.2, 0.0, 1.0), fov=50)
    turn = camera.transform[:3, :3]
    np.testing.assert_allclose(turn.T @ turn, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(camera.up, turn[:, 1])
    seen = camera.extrinsics @ (0.0, 0.5, 0.5, 1.0)
    pixel = (camera.intrinsics @ seen[:3])[:2] / seen[2]
    links = camera.render(rgb=False, segmentation=True)[2]
    rows, columns = np.nonzero(links == scene.entities[2].links[0].idx)
    assert np.hypot(columns.mean() + 0.5 - pixel[0], rows.mean() + 0.5 - pixel[1]) < 1.0


def test_a_picture_is_of_the_state_now_and_the_camera_moves() -> None:
    scene = boxes()
    camera = scene.add_camera(**FRONT)
    before, first = camera.render(depth=True, segmentation=True)[1:3]
    scene.get_entity("a").set_pos((0.5, 0.0, 0.5))
    assert camera.render(rgb=False, depth=True)[1][60, 80] == pytest.approx(1.4, abs=1e-4)
    camera.set_pose(pos=(3.0, 0.0, 0.5))
    assert camera.render(rgb=False, depth=True)[1][60, 80] == pytest.approx(2.4, abs=1e-4)
    transform = np.eye(4)  # looks down its -z
    transform[:3, 3] = (0.5, 0.0, 2.0)
    camera.set_pose(transform=transform)
    np.testing.assert_allclose(camera.transform, transform)
    assert camera.render(rgb=False, depth=True)[1][60, 80] == pytest.approx(1.4, abs=1e-4)
    offset = np.eye(4)
    offset[2, 3] = 1.0
    camera.attach(scene.get_entity("b").links[0], offset)
    camera.move_to_attach()
    np.testing.assert_allclose(camera.pos, (0.0, 0.5, 1.5), atol=1e-12)
    with pytest.raises(InputError, match="same point"):
        camera.set_pose(pos=(0.0, 0.0, 1.0), lookat=(0.0, 0.0, 1.0))


def test_looking_changes_no_bit_of_a_motion_or_of_its_gradient() -> None:
    def motion(look: bool) -> tuple[torch.Tensor, ...]:
        scene = boxes(requires_grad=True)
        camera = scene.add_camera(**FRONT)
        speed = torch.tensor([0.3, 0.1, 0.0, 0.2, 0.0, 0.4], dtype=torch.float64, requires_grad=True)
        scene.get_entity("a").set_dofs_velocity(speed)
        ends = []
        for k in range(6):
            scene.step()
            if look and k % 2 == 0:
                camera.render(depth=True, segmentation=True)
            ends.append(scene.get_entity("a").get_pos())
        loss = torch.stack(ends).square().sum()
        loss.backward()
        return loss.detach(), speed.grad, scene.get_entity("a").get_qpos().detach()

    for plain, looked in zip(motion(False), motion(True), strict=True):
        assert torch.equal(torch.as_tensor(plain), torch.as_tensor(looked))


def test_environments_stand_apart_or_alone() -> None:
    scene = gs.Scene()
    box = scene.add_entity(gs.morphs.Box(size=(0.2, 0.2, 0.2), pos=(0.0, 0.0, 0.5)))
    down = {"res": (160, 160), "pos": (0.0, 0.0, 8.5), "up": (0.0, 1.0, 0.0), "lookat": (0.0, 0.0, 0.5), "fov": 60}
    cameras = [scene.add_camera(**down), scene.add_camera(**down, env_idx=3), scene.add_camera(**down, env_idx=4)]
    with pytest.raises(StateError, match="not built"):
        cameras[0].render()
    scene.build(n_envs=4, env_spacing=(2.0, 3.0))
    np.testing.assert_allclose(scene.envs_offset[:, :2], [(-1.0, -1.5), (-1.0, 1.5), (1.0, -1.5), (1.0, 1.5)])
    box.set_pos((0.3, 0.0, 0.5), envs_idx=[3])
    every, third = (camera.render(rgb=False, segmentation=True)[2] == 0 for camera in cameras[:2])
    f = cameras[0].intrinsics[0, 0] / 7.9
    for x, y in ((-1.0, -1.5), (-1.0, 1.5), (1.0, -1.5), (1.3, 1.5)):
        assert every[round(80 - y * f), round(80 + x * f)]
    assert every.sum() == pytest.approx(4 * (0.2 * f) ** 2, rel=0.35)
    rows, columns = np.nonzero(third)
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx((80.0, 80.0 + 0.3 * f), abs=0.6)
    for camera, at in zip(cameras[:2], ((-1.0, -1.5, 0.5), (0.3, 0.0, 0.5)), strict=True):  # where the picture has the link
        camera.attach(box.links[0], np.eye(4))
        camera.move_to_attach()
        np.testing.assert_allclose(camera.pos, at, atol=1e-12)
    with pytest.raises(InputError, match="env_idx is 4; allowed: 0 to 3"):
        cameras[2].render()


def test_recording(tmp_path, monkeypatch, caplog) -> None:
    import av

    scene = boxes()
    with caplog.at_level("WARNING", "genesis"):
        camera = scene.add_camera(**FRONT, GUI=True)
    camera.render()
    camera.start_recording()
    for _ in range(4):
        scene.step()
        camera.render()
    camera.pause_recording()
    camera.render()
    camera.start_recording()
    camera.render(rgb=False, depth=True)
    with pytest.raises(InputError, match="cannot be written"):
        camera.stop_recording(tmp_path / "none" / "a.mp4")
    camera.stop_recording(tmp_path / "a.mp4", fps=25)
    with av.open(str(tmp_path / "a.mp4")) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height, float(stream.average_rate)) == (160, 120, 25.0)
        assert sum(1 for _ in film.decode(stream)) == 5
    with pytest.raises(StateError, match="nothing is recorded"):
        camera.stop_recording()
    monkeypatch.chdir(tmp_path)
    camera.start_recording()
    camera.render()
    assert f"_cam_{camera.idx}_" in camera.stop_recording().name
