"""Poses, inertias, shapes and meshes of URDF links."""

import logging

import numpy as np
import pytest

from genesis.description.poses import quat_to_matrix
from genesis.description.read import read_urdf
from genesis.errors import ModelError
from tests.description.snippets import arm, link, robot
from tests.description.test_primitives import CUBE_OBJ


def rpy_matrix(roll, pitch, yaw):
    """URDF: fixed axes x, then y, then z."""
    (cr, cp, cy), (sr, sp, sy) = np.cos([roll, pitch, yaw]), np.sin([roll, pitch, yaw])
    x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return z @ y @ x


def test_pose_and_inertia_in_link_axes():
    tip = read_urdf(arm(xyz=(1, 2, 3), rpy=(0.4, -0.5, 0.6))).links[1]
    np.testing.assert_array_equal(tip.pos, [1, 2, 3])
    np.testing.assert_allclose(quat_to_matrix(tip.quat), rpy_matrix(0.4, -0.5, 0.6), atol=1e-15)
    R = rpy_matrix(0.1, 0.2, 0.3)
    given = np.array([[0.02, 0.001, 0.002], [0.001, 0.03, -0.003], [0.002, -0.003, 0.04]])
    np.testing.assert_allclose(tip.inertia, R @ given @ R.T, atol=1e-17)
    np.testing.assert_array_equal(tip.com, [0.1, 0, 0.2])
    assert tip.mass == 1.0


SHAPES = """
<visual><origin xyz="1 0 0" rpy="0 0 1.5"/><geometry><box size="2 4 6"/></geometry><material name="paint"/></visual>
<collision><geometry><sphere radius="0.5"/></geometry></collision>
<collision name="body"><geometry><cylinder radius="0.5" length="3"/></geometry></collision>
<visual name="body"><geometry><capsule radius="0.25" length="3"/></geometry></visual>
"""


def test_shapes_become_geoms_in_order():
    text = robot('<material name="paint"><color rgba="0.1 0.2 0.3 0.5"/></material>', link("base", 1.0, SHAPES))
    geoms = read_urdf(text).geoms
    assert [geom.type for geom in geoms] == ["box", "sphere", "cylinder", "capsule"]
    assert [geom.visual for geom in geoms] == [True, False, False, True]
    assert [geom.name for geom in geoms] == ["base_visual_0", "base_collision_1", "body", "body_2"]
    np.testing.assert_array_equal([g.size for g in geoms], [[1, 2, 3], [0.5, 0, 0], [0.5, 1.5, 0], [0.25, 1.5, 0]])
    np.testing.assert_allclose(geoms[0].rgba, (0.1, 0.2, 0.3, 0.5), atol=1e-7)
    np.testing.assert_array_equal(geoms[0].pos, [1, 0, 0])
    np.testing.assert_allclose(quat_to_matrix(geoms[0].quat), rpy_matrix(0, 0, 1.5), atol=1e-15)
    assert [(geom.contype, geom.conaffinity) for geom in geoms] == [(0, 0), (1, 1), (1, 1), (0, 0)]


def mesh_link(filename: str, scale: str = "") -> str:
    geometry = f'<geometry><mesh filename="{filename}"{scale}/></geometry>'
    return link("base", 1.0, f"<visual>{geometry}</visual><collision>{geometry}</collision>")


@pytest.mark.parametrize("filename", ["package://arm/meshes/cube.obj", "../meshes/cube.obj"])
@pytest.mark.parametrize(
    ("scale", "factors"), [("", (1, 1, 1)), (' scale="2 3 4"', (2, 3, 4)), (' scale="0.5"', (0.5, 0.5, 0.5))]
)
def test_meshes_are_found_read_and_scaled(tmp_path, filename, scale, factors):
    for name in ("meshes", "urdf"):
        (tmp_path / "arm" / name).mkdir(parents=True)
    mesh_file, file = tmp_path / "arm" / "meshes" / "cube.obj", tmp_path / "arm" / "urdf" / "arm.urdf"
    mesh_file.write_text(CUBE_OBJ)
    file.write_text(robot(mesh_link(filename, scale)))
    for geom in read_urdf(file).geoms:
        assert geom.type == "mesh"
        np.testing.assert_allclose(geom.vertices.max(axis=0), factors)
        assert geom.faces.shape == (12, 3)
        assert (file.parent / geom.file).resolve() == mesh_file


def test_one_file_at_two_scales_gives_two_shapes(tmp_path):
    (tmp_path / "cube.obj").write_text(CUBE_OBJ)
    file = tmp_path / "arm.urdf"
    shape = '<visual><geometry><mesh filename="cube.obj" scale="{0} {0} {0}"/></geometry></visual>'
    file.write_text(robot(link("base", 1.0, shape.format(1) + shape.format(3))))
    assert [geom.vertices.max() for geom in read_urdf(file).geoms] == [1.0, 3.0]


def test_scale_of_four_numbers_takes_three(tmp_path, caplog):
    (tmp_path / "cube.obj").write_text(CUBE_OBJ)
    file = tmp_path / "arm.urdf"
    file.write_text(robot(mesh_link("cube.obj", ' scale="1 2 3 4"')))
    np.testing.assert_allclose(read_urdf(file).geoms[0].vertices.max(axis=0), [1, 2, 3])
    (record,) = caplog.records
    assert 'mesh scales of more than three numbers, of which the first three are taken: link "base".' in record.getMessage()


def two_links(*shapes: str) -> str:
    text = robot(link("base", 1.0, shapes[0]), link("tip", 1.0, shapes[1]))
    return text.replace("</robot>", '<joint name="j" type="fixed"><parent link="base"/><child link="tip"/></joint></robot>')


MESH = '<{0}><geometry><mesh filename="{1}"/></geometry></{0}>'


def test_lost_visual_meshes_keep_their_file_and_warn_once(caplog):
    text = two_links(MESH.format("visual", "package://arm/a.stl"), MESH.format("visual", "b.dae"))
    geoms = read_urdf(text).geoms
    assert [(geom.file, geom.vertices) for geom in geoms] == [("package://arm/a.stl", None), ("b.dae", None)]
    (record,) = caplog.records
    assert "visual meshes not found or unreadable, kept without shape: package://arm/a.stl, b.dae." in record.getMessage()


def test_lost_collision_meshes_are_refused_unless_nothing_touches(tmp_path, caplog):
    file = tmp_path / "arm.urdf"
    file.write_text(two_links(MESH.format("collision", "package://arm/a.stl"), MESH.format("collision", "b.dae")))
    lost = (
        r'arm\.urdf: link "base": its collision mesh package://arm/a\.stl is not found \(also lost: those of tip\); put it there or name its '
        r"folder in package_dirs, or load with collision=False"
    )
    with pytest.raises(ModelError, match=lost):
        read_urdf(file)
    geoms = read_urdf(file, collision=False).geoms
    assert [geom.vertices for geom in geoms] == [None, None]
    assert "collision meshes not found or unreadable, kept without shape: package://arm/a.stl, b.dae." in caplog.text
    (tmp_path / "a.stl").write_text("no mesh")
    file.write_text(two_links("", MESH.format("collision", "a.stl")))
    with pytest.raises(
        ModelError, match=r'link "tip": its collision mesh a\.stl is not readable: .*a\.stl.*; repair the file, or load'
    ):
        read_urdf(file)


def test_folders_that_only_xacro_knows(tmp_path, caplog):
    (tmp_path / "meshes").mkdir()
    (tmp_path / "meshes" / "cube.obj").write_text(CUBE_OBJ)
    file = tmp_path / "arm.urdf"
    file.write_text(robot(mesh_link("$(arg dir)/cube.obj")))
    assert read_urdf(file).geoms[1].vertices.shape == (8, 3)
    (record,) = caplog.records
    assert "that only xacro knows, whose meshes are found by name below the robot file: $(arg dir)." in record.getMessage()
    file.write_text(robot(mesh_link("$(arg dir)/none.obj")))
    with pytest.raises(ModelError, match=r"is not found; expand the file with `xacro .*arm\.urdf > robot\.urdf`"):
        read_urdf(file)


def test_meshes_of_a_package_of_another_name_are_said(tmp_path, caplog):
    (tmp_path / "arm" / "urdf").mkdir(parents=True)
    (tmp_path / "arm" / "cube.obj").write_text(CUBE_OBJ)
    file = tmp_path / "arm" / "urdf" / "arm.urdf"
    file.write_text(robot(mesh_link("package://arm_support/cube.obj")))
    assert read_urdf(file).geoms[0].vertices.shape == (8, 3)
    (record,) = caplog.records
    assert 'whose meshes are taken from the folders above the robot file: "arm_support".' in record.getMessage()


def test_meshdir_of_a_file_written_for_mujoco(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "cube.obj").write_text(CUBE_OBJ)
    file = tmp_path / "arm.urdf"
    file.write_text(robot('<mujoco><compiler meshdir="assets"/></mujoco>', mesh_link("cube.obj")))
    assert read_urdf(file).geoms[0].vertices.shape == (8, 3)


def test_unknown_visual_shape_is_left_out_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING, logger="genesis"):
        description = read_urdf(robot(link("base", 1.0, "<visual><geometry><cone/></geometry></visual>")))
    assert description.geoms == []
    assert 'visuals of no known shape, left out: link "base".' in caplog.text


def test_zero_inertia_is_kept_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING, logger="genesis"):
        description = read_urdf(robot('<link name="bead"><inertial><mass value="2"/></inertial></link>'), fixed=True)
    np.testing.assert_array_equal(description.links[0].inertia, np.zeros((3, 3)))
    assert 'inertias that no rigid body has, loaded as given: that of link "bead" is not positive definite' in caplog.text
