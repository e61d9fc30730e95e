"""What is drawn of a description, and how."""

import numpy as np
import pytest
import trimesh
from PIL import Image

from genesis.description import meshes, primitives
from genesis.description.description import HeightField
from genesis.description.poses import quat_to_matrix
from genesis.description.read import read_mjcf, read_urdf
from genesis.replay import palette
from genesis.replay.skins import moved, skins_of
from genesis_cli.paths import config_dir
from tests.description.snippets import link as link_of
from tests.description.snippets import robot
from tests.description.test_primitives import CUBE_OBJ


def mjcf(geoms: str, asset: str = "") -> str:
    return f"<mujoco><asset>{asset}</asset><worldbody><body><freejoint/>{geoms}</body></worldbody></mujoco>"


def urdf(tmp_path, *shapes: str, materials: str = ""):
    file = tmp_path / "thing.urdf"
    file.write_text(robot(materials, link_of("base", 1.0, "".join(shapes))))
    return file


def visual(mesh: str, more: str = "", scale: str = "") -> str:
    return f'<visual><geometry><mesh filename="{mesh}"{scale}/></geometry>{more}</visual>'


def enclosed(skin) -> float:
    a, b, c = (skin.vertices[skin.faces[:, k]].astype(float) for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)


@pytest.mark.parametrize(
    ("shape", "volume"),
    [
        ('type="box" size="0.1 0.2 0.3"', 8 * 0.006),
        ('type="sphere" size="0.5"', np.pi / 6),
        ('type="ellipsoid" size="0.1 0.2 0.3"', 4 / 3 * np.pi * 0.006),
        ('type="capsule" size="0.1 0.3"', np.pi * (0.006 + 4 / 3 * 0.001)),
        ('type="cylinder" size="0.1 0.3"', np.pi * 0.006),
    ],
)
def test_solids_have_their_size_and_look_outwards(shape, volume):
    ((skin,), _) = skins_of(read_mjcf(mjcf(f'<geom {shape} pos="1 2 3" euler="10 20 30"/>')))
    assert enclosed(skin) == pytest.approx(volume, rel=0.02)
    low, high = skin.vertices.min(0), skin.vertices.max(0)
    np.testing.assert_allclose((low + high) / 2, [1, 2, 3], atol=2e-3)
    assert (skin.vertices.dtype, skin.faces.dtype) == (np.float32, np.int32)


def test_a_plane_is_ground_and_a_height_field_is_solid():
    text = """<mujoco><asset><hfield name="h" nrow="3" ncol="4" size="2 1 0.5 0.25"/></asset>
    <worldbody><geom type="plane" size="0 3 1"/><geom type="hfield" hfield="h"/></worldbody></mujoco>"""
    description = read_mjcf(text)
    description.geoms[1].hfield = HeightField("h", np.array([2.0, 1.0, 0.5, 0.25]), np.ones((3, 4)))
    ((plane, hills),) = skins_of(description)
    assert plane.ground and not hills.ground
    np.testing.assert_array_equal(np.abs(plane.vertices).max(0), [5, 3, 0])
    np.testing.assert_allclose([hills.vertices.min(0), hills.vertices.max(0)], [[-2, -1, -0.25], [2, 1, 0.5]])
    solid = enclosed(hills) + 4.0 * 2.0 * 0.25 / 3.0  # the bottom is left out: its cone from the origin has this volume
    assert solid == pytest.approx(4 * 2 * 0.75, rel=1e-5)


def test_groups_transparency_and_sites():
    geoms = '<geom size="0.1" group="{}" rgba="1 0 0 {}"/>'
    text = mjcf("".join(geoms.format(*pair) for pair in ((0, 1), (2, 0.5), (3, 1), (1, 0))) + '<site name="s" size="1"/>')
    assert [skin.rgba for skin in skins_of(read_mjcf(text))[0]] == [(1, 0, 0, 1), (1, 0, 0, 0.5)]


def test_what_touches_is_not_drawn_where_something_is_only_seen(tmp_path):
    seen = '<visual><geometry><box size="1 1 1"/></geometry></visual>'
    touched = '<collision><geometry><sphere radius="1"/></geometry></collision>'
    for collision in (True, False):
        (both, _), (bare, _) = (
            skins_of(read_urdf(urdf(tmp_path, *shapes), collision=collision)) for shapes in ([touched, seen], [touched])
        )
        assert [len(skin.faces) for skin in both] == [12] and len(bare[0].faces) > 100
    eyes = mjcf('<geom size="0.3"/><geom size="0.1" pos="0.3 0 0" contype="0" conaffinity="0"/>')
    assert len(skins_of(read_mjcf(eyes))[0]) == 2  # as MuJoCo shows them


def test_a_lost_visual_mesh_shows_what_touches(tmp_path, caplog):
    (tmp_path / "bad.stl").write_text("no mesh")
    touched = '<collision><geometry><box size="1 1 1"/></geometry></collision>'
    for name in ("gone.stl", "bad.stl"):
        file = urdf(tmp_path, touched, visual(name))
        caplog.clear()
        ((skin,), _) = skins_of(read_urdf(file))
        assert len(skin.faces) == 12 and name in caplog.text


def test_visual_meshes_are_read_late_and_once(tmp_path, monkeypatch):
    (tmp_path / "cube.obj").write_text(CUBE_OBJ)
    read = []
    whole = meshes.read_mesh
    monkeypatch.setattr(meshes, "read_mesh", lambda path: read.append(path) or whole(path))
    made = read_urdf(urdf(tmp_path, visual("cube.obj"), visual("cube.obj", scale=' scale="2 2 -2"')), scale=3.0)
    copies = [geom.copied(link=5) for geom in made.geoms]
    assert read == [] and all(geom.unread for geom in copies)
    np.testing.assert_allclose(copies[0].vertices.max(0), [3, 3, 3])
    np.testing.assert_allclose(copies[1].vertices.min(0), [0, 0, -6])
    assert len(read) == 1 and not copies[1].unread and made.geoms[1].unread
    box = trimesh.Trimesh(copies[1].vertices, copies[1].faces)
    assert box.volume == pytest.approx(6.0**3)  # mirrored, and still not inside out


def test_urdf_colours_by_name_inline_and_of_the_mesh(tmp_path):
    (tmp_path / "cube.obj").write_text(CUBE_OBJ)
    (tmp_path / "own.mtl").write_text("newmtl own\nKd 0.25 0.5 0.75\n")
    (tmp_path / "own.obj").write_text("mtllib own.mtl\nusemtl own\n" + CUBE_OBJ)
    named = '<material name="paint"/>'
    inline = '<material name="other"><color rgba="0.5 0.5 0.5 1"/></material>'
    file = urdf(
        tmp_path, visual("cube.obj", named), visual("cube.obj", inline), visual("cube.obj"), visual("own.obj", named),
        materials='<material name="paint"><color rgba="1 0 0 0.5"/></material>',
    )  # fmt: skip
    skins = skins_of(read_urdf(file))[0]
    assert [skin.rgba for skin in skins] == [(1, 0, 0, 0.5), (0.5, 0.5, 0.5, 1), palette.FREE, (0.25, 0.5, 0.75, 1)]


def test_urdf_texture(tmp_path, caplog):
    Image.fromarray(np.full((2, 2, 3), [200, 100, 0], np.uint8)).save(tmp_path / "p.png")
    (tmp_path / "uv.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n")
    (tmp_path / "cube.obj").write_text(CUBE_OBJ)
    texture = '<material name="t"><texture filename="{}"/></material>'
    file = urdf(tmp_path, visual("uv.obj", texture.format("p.png")), visual("cube.obj", texture.format("p.png")))
    textured, mean = skins_of(read_urdf(file))[0]
    assert textured.texture.shape == (2, 2, 3) and textured.texture[0, 0].tolist() == [200, 100, 0]
    assert textured.uv[textured.faces[0]].tolist() == [[0, 0], [1, 0], [0, 1]]
    assert mean.texture is None and mean.rgba == pytest.approx((200 / 255, 100 / 255, 0, 1))
    read_urdf(urdf(tmp_path, visual("cube.obj", texture.format("gone.png"))))
    assert "textures not found, left out: gone.png." in caplog.text


def test_mjcf_materials_and_textures(tmp_path):
    Image.fromarray(np.array([[[255, 0, 0]] * 2, [[0, 0, 255]] * 2], np.uint8)).save(tmp_path / "p.png")
    (tmp_path / "q.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 1\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\nf 1/1 4/4 2/2\nf 2/2 4/4 3/3\n"
    )
    asset = f"""<texture name="p" type="2d" file="{tmp_path}/p.png"/><mesh name="q" file="{tmp_path}/q.obj"/>
    <texture name="c" type="cube" builtin="checker" rgb1="1 0 0" rgb2="0 0 1" width="8" height="8"/>
    <material name="red" rgba="1 0 0 1"/><material name="p" texture="p" rgba="1 0.5 1 1"/><material name="c" texture="c"/>"""
    geoms = """<geom size="1" material="red"/><geom size="1" material="red" rgba="0 1 0 1"/><geom size="1" material="c"/>
    <geom type="mesh" mesh="q" material="p"/><geom size="1"/>"""
    red, green, checker, mesh, none = skins_of(read_mjcf(mjcf(geoms, asset)))[0]
    assert (red.rgba, green.rgba, none.rgba) == ((1, 0, 0, 1), (0, 1, 0, 1), palette.FREE)
    assert checker.rgba == pytest.approx((0.5, 0, 0.5, 1), abs=0.01)
    assert mesh.texture[0, 0].tolist() == [255, 0, 0] and mesh.texture[1, 0].tolist() == [0, 0, 255]
    where = {tuple(uv) for uv in mesh.uv.tolist()}
    assert where == {(0, 0), (1, 0), (1, 1), (0, 1)}
    sides = np.linalg.norm(np.diff(mesh.vertices[mesh.faces[0]], axis=0), axis=1)
    np.testing.assert_allclose(sides, [1, 1], rtol=1e-5)
    assert mesh.uv[mesh.faces[0]].tolist() == [[0, 0], [1, 0], [1, 1]]


def test_colours_where_the_file_names_none():
    arm = read_mjcf("""<mujoco><worldbody><geom type="plane" size="1 1 1"/><body><geom size="0.1"/><joint/>
    <body><geom size="0.1"/><joint/></body></body></worldbody></mujoco>""")
    first, second, (ground,) = skins_of(arm)
    assert (first[0].rgba, second[0].rgba, ground.rgba) == (*palette.LIMBS, palette.GROUND)
    free, fixed = (skins_of(primitives.box([1, 1, 1], fixed=fixed))[0][0].rgba for fixed in (False, True))
    assert (free, fixed) == (palette.FREE, palette.STANDING)
    painted = primitives.box([1, 1, 1])
    painted.geoms[0].rgba = (0.1, 0.2, 0.3, 1.0)
    assert skins_of(painted)[0][0].rgba == (0.1, 0.2, 0.3, 1.0)


def test_a_mesh_morph_has_the_looks_of_its_file(tmp_path):
    cube = trimesh.creation.box([1, 1, 1])
    cube.visual.vertex_colors = [10, 20, 30, 255]
    cube.export(tmp_path / "cube.ply")
    ((skin,), _) = skins_of(primitives.mesh(tmp_path / "cube.ply", [1.0, -2.0, 1.0]))
    assert (skin.colours == [10, 20, 30, 255]).all() and enclosed(skin) == pytest.approx(2.0)
    cube.invert()
    cube.export(tmp_path / "inside_out.stl")
    ((skin,), _) = skins_of(primitives.mesh(tmp_path / "inside_out.stl"))
    assert enclosed(skin) == pytest.approx(1.0) and skin.colours is None


def test_budget_is_kept_over_all_bodies(tmp_path):
    trimesh.creation.icosphere(5).export(tmp_path / "ball.stl")
    shapes = [visual("ball.stl", scale=f' scale="{s} {s} {s}"') for s in (1.0, 2.0, 1.0)]
    skins = skins_of(read_urdf(urdf(tmp_path, *shapes)), triangles=6000)[0]
    counts = [len(skin.faces) for skin in skins]
    assert 5800 <= sum(counts) <= 6000 and counts[0] == counts[2] == pytest.approx(1000, abs=20)
    balls = mjcf("".join(f'<geom size="0.1" pos="{k} 0 0"/>' for k in range(200)))
    assert sum(len(skin.faces) for skin in skins_of(read_mjcf(balls))[0]) <= 20_000


@pytest.mark.parametrize("name", ["panda/panda.urdf", "so101/so101.urdf", "go2/go2.xml"])
def test_shipped_robots_have_looks(name, caplog):
    file = config_dir() / "robots" / name
    made = read_urdf(file, fixed=True) if file.suffix == ".urdf" else read_mjcf(file)
    skins = skins_of(made)
    assert "cannot be drawn" not in caplog.text
    bare = [link.name for link, found in zip(made.links, skins, strict=False) if not found]
    assert set(bare) <= {"panda_link8", "panda_hand_tcp", "gripper_frame_link"}
    assert 10_000 < sum(len(skin.faces) for found in skins for skin in found) <= 20_000
    assert len({skin.rgba for found in skins for skin in found}) >= 2
    assert sum(path.stat().st_size for path in (file.parent / "meshes").iterdir()) < 600_000
    for link, found in zip(made.links, skins, strict=False):  # around the mass: the frames are those of the file
        if found and link.mass > 0.05:
            points = np.concatenate([skin.vertices for skin in found])
            low, high = points.min(0), points.max(0)
            assert (link.com > low - 0.05).all() and (link.com < high + 0.05).all(), link.name


def test_moved():
    ((skin,), _) = skins_of(primitives.box([2.0, 4.0, 6.0]))
    quarter = np.array([np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)])
    np.testing.assert_allclose(moved(skin, np.ones(3), quarter).vertices.max(0), [3, 2, 4], atol=1e-6)
    np.testing.assert_allclose(quat_to_matrix(quarter) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
