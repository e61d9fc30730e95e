"""Poses, inertias, shapes and meshes of URDF links."""

import logging

import numpy as np
import pytest

from genesis.description.poses import quat_to_matrix
from genesis.description.read import read_urdf
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


def test_missing_meshes_keep_their_file_and_warn_once(caplog):
    text = robot(
        mesh_link("package://arm/a.stl"), link("tip", 1.0, '<visual><geometry><mesh filename="b.dae"/></geometry></visual>')
    )
    text = text.replace("</robot>", '<joint name="j" type="fixed"><parent link="base"/><child link="tip"/></joint></robot>')
    with caplog.at_level(logging.WARNING, logger="genesis"):
        geoms = read_urdf(text).geoms
    assert [(geom.file, geom.vertices) for geom in geoms] == [("package://arm/a.stl", None)] * 2 + [("b.dae", None)]
    (record,) = caplog.records
    assert "2 meshes not found or unreadable, kept without shape: package://arm/a.stl, b.dae." in record.getMessage()


def test_unknown_visual_shape_is_left_out_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING, logger="genesis"):
        description = read_urdf(robot(link("base", 1.0, "<visual><geometry><cone/></geometry></visual>")))
    assert description.geoms == []
    assert 'link "base" has a visual of no known shape, left out' in caplog.text


def test_zero_inertia_is_kept_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING, logger="genesis"):
        description = read_urdf(robot('<link name="bead"><inertial><mass value="2"/></inertial></link>'), fixed=True)
    np.testing.assert_array_equal(description.links[0].inertia, np.zeros((3, 3)))
    assert 'inertia of link "bead" is not positive definite' in caplog.text
