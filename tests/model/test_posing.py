"""A described robot in any configuration: as MuJoCo has it."""

import mujoco
import numpy as np
import pytest

from genesis.description.description import Geom
from genesis.description.read import read_mjcf, read_urdf
from genesis.errors import InputError, UnknownNameError
from genesis.model.posing import Posing, bottom
from tests.conftest import TESTS

ROBOTS = TESTS / "data" / "robots"
ANT = ROBOTS / "mjcf" / "gymnasium" / "ant.xml"
IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def ant():
    """The ant in a configuration drawn at random, here and in MuJoCo."""
    model = mujoco.MjModel.from_xml_path(str(ANT))
    data = mujoco.MjData(model)
    data.qpos[:] = np.random.default_rng(3).normal(size=model.nq)
    data.qpos[3:7] /= np.linalg.norm(data.qpos[3:7])
    mujoco.mj_forward(model, data)
    return model, data, Posing(read_mjcf(ANT))


def test_links_are_where_mujoco_has_them(ant):
    model, data, posing = ant
    for link in posing.description.links:
        pos, quat = posing.frame(link.name, data.qpos)
        body = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, link.name)
        if body < 0:  # a name that the reader gave
            continue
        np.testing.assert_allclose(pos, data.xpos[body], atol=1e-12)
        assert abs(quat @ data.xquat[body]) == pytest.approx(1.0, abs=1e-12)


def test_loads_are_the_mass_matrix_and_the_weight(ant):
    model, data, posing = ant
    full = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, full)
    moved, weight = posing.loads(data.qpos)
    np.testing.assert_allclose(moved, np.diag(full), rtol=1e-9)
    np.testing.assert_allclose(weight, data.qfrc_bias, atol=1e-9)  # at rest


def test_sites_and_unknown_frames():
    text = """<mujoco><worldbody><body name="arm"><joint name="j" axis="0 1 0"/><geom size="0.1"/>
        <site name="tip" pos="0 0 0.5"/></body></worldbody></mujoco>"""
    posing = Posing(read_mjcf(text))
    pos, quat = posing.frame("tip", np.array([np.pi / 2]))
    np.testing.assert_allclose(pos, [0.5, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(quat, [np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0], atol=1e-12)
    with pytest.raises(UnknownNameError, match='unknown link or site "tp"; known: tip, arm'):
        posing.frame("tp", posing.qpos0)


@pytest.mark.parametrize(
    ("kind", "size", "quat", "expected"),
    [
        ("sphere", [0.3], IDENTITY, 0.7),
        ("box", [0.1, 0.2, 0.3], IDENTITY, 0.7),
        ("box", [0.1, 0.2, 0.3], [np.cos(np.pi / 4), 0.0, np.sin(np.pi / 4), 0.0], 0.9),  # x down
        ("capsule", [0.1, 0.4], [np.cos(np.pi / 4), np.sin(np.pi / 4), 0.0, 0.0], 0.9),  # lies
        ("capsule", [0.1, 0.4], IDENTITY, 0.5),
        ("cylinder", [0.1, 0.4], [np.cos(np.pi / 8), np.sin(np.pi / 8), 0.0, 0.0], 1.0 - 0.5 * np.sqrt(0.5)),
        ("ellipsoid", [0.1, 0.2, 0.3], IDENTITY, 0.7),
        ("plane", [1.0, 1.0, 1.0], IDENTITY, None),
    ],
)
def test_bottom_of_shapes(kind, size, quat, expected):
    found = bottom(Geom("g", 0, kind, np.array(size), np.zeros(3), IDENTITY), (np.array([5.0, 0.0, 1.0]), np.array(quat)))
    assert found is None if expected is None else found == pytest.approx(expected, abs=1e-12)


def test_bottom_of_a_mesh_is_its_lowest_corner():
    corners = np.array([[0.0, 0.0, 0.2], [0.5, 0.0, 0.0], [-0.3, 0.1, 0.0], [0.0, 0.0, -0.1]])
    geom = Geom("g", 0, "mesh", np.zeros(3), np.zeros(3), IDENTITY, vertices=corners)
    assert bottom(geom, (np.array([0.0, 0.0, 1.0]), IDENTITY)) == pytest.approx(0.9)
    assert bottom(geom, (np.zeros(3), np.array([np.cos(np.pi / 4), 0.0, np.sin(np.pi / 4), 0.0]))) == pytest.approx(-0.5)


def test_configurations_of_lists_and_mappings():
    posing = Posing(read_urdf(ROBOTS / "urdf" / "ur5.urdf", fixed=True, collision=False))
    assert posing.configuration(None).tolist() == [0.0] * 6
    assert posing.configuration([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]).tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert posing.configuration({"wrist_*": 0.5, "elbow_joint": -1.0}).tolist() == [0.0, 0.0, -1.0, 0.5, 0.5, 0.5]
    with pytest.raises(UnknownNameError, match='unknown joint "elbow"'):
        posing.configuration({"elbow": 1.0})
    with pytest.raises(InputError, match="has 2 numbers, needs 6"):
        posing.configuration([0.1, 0.2])
