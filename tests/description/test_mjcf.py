"""MJCF as read here against MuJoCo itself: kinematics, mass matrix, bias, springs; flags, names, keyframes."""

import mujoco
import numpy as np
import pytest

from genesis.description.read import read_mjcf
from genesis.errors import InputError, ModelError
from tests.oracles import assert_close
from tests.reference_dynamics import ReferenceDynamics, random_state

EVERYTHING = """
<mujoco model="everything">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="0.004" integrator="implicitfast" gravity="0.1 -0.2 -9"/>
  <default>
    <joint damping="0.3" armature="0.05"/>
    <default class="stiff"><joint stiffness="4" frictionloss="0.2"/></default>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="2 3 0.1" friction="0.5 0.01 0.002" condim="4"/>
    <body name="ship" pos="1 2 3" quat="0.9 0.1 -0.3 0.2">
      <freejoint name="sail"/>
      <geom type="box" size="0.3 0.2 0.1" density="500"/>
      <site name="mast" pos="0 0 0.2" euler="0.3 0 0"/>
      <body name="arm" pos="0.3 0 0.1" euler="0.2 0.3 0.4" childclass="stiff">
        <joint name="pan" axis="1 2 3" pos="0.1 -0.2 0.3" ref="0.4" springref="0.9" range="-1 2"/>
        <joint name="lift" type="slide" axis="0 1 1" ref="-0.2" springref="0.1" range="-0.5 0.5" actuatorfrcrange="-3 4"/>
        <geom type="capsule" fromto="0 0 0 0.2 0.1 0.4" size="0.05"/>
        <body name="head" pos="0.2 0.1 0.4" gravcomp="0.5">
          <joint name="neck" type="ball" pos="0.05 0.02 -0.1" range="0 1.2"/>
          <inertial pos="0.1 0 0.1" mass="0.7" fullinertia="0.03 0.04 0.05 0.001 0.002 -0.003"/>
          <geom type="ellipsoid" size="0.1 0.2 0.3" contype="0" conaffinity="0" rgba="1 0 0 0.5"/>
        </body>
      </body>
      <body name="tail" pos="-0.3 0 0"><geom type="cylinder" size="0.05 0.2"/></body>
    </body>
  </worldbody>
  <contact><exclude body1="ship" body2="head"/></contact>
  <keyframe><key name="home" qpos="0 0 1 1 0 0 0 0.5 0.1 1 0 0 0"/><key qpos="0 0 2 1 0 0 0 0 0 1 0 0 0"/></keyframe>
</mujoco>
"""


@pytest.fixture(scope="module")
def everything():
    model = mujoco.MjModel.from_xml_string(EVERYTHING)
    model.body_gravcomp[:] = 0.0
    return read_mjcf(EVERYTHING), model, mujoco.MjData(model)


@pytest.mark.parametrize("seed", range(4))
def test_every_joint_type_moves_as_in_mujoco(everything, seed):
    description, model, data = everything
    dynamics = ReferenceDynamics(description, description.gravity)
    np.testing.assert_allclose(dynamics.qpos0(), model.qpos0, atol=1e-15)
    data.qpos[:], data.qvel[:] = random_state(dynamics, seed)
    mujoco.mj_forward(model, data)
    M = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, M)
    state = dynamics.kinematics(data.qpos, data.qvel)
    assert_close(state.p, data.xpos[1:])
    assert_close(state.R.reshape(-1, 9), data.xmat[1:])
    assert_close(dynamics.mass_matrix(data.qpos), M)
    assert_close(dynamics.bias(data.qpos, data.qvel), data.qfrc_bias)


def test_springs_and_dampers_equal_mujoco(everything):
    description, model, data = everything
    dynamics = ReferenceDynamics(description)
    data.qpos[:], data.qvel[:] = random_state(dynamics, 7)
    mujoco.mj_forward(model, data)
    for joint in dynamics.joints:
        q, v = dynamics.q_of[joint.name], dynamics.v_of[joint.name]
        if joint.type in ("hinge", "slide"):
            force = -joint.stiffness * (data.qpos[q] - joint.springref) - joint.damping * data.qvel[v]
            assert data.qfrc_passive[v] == pytest.approx(force, rel=1e-12)
    assert [joint.damping for joint in dynamics.joints] == [0.0, 0.3, 0.3, 0.3]
    assert [joint.frictionloss for joint in dynamics.joints] == [0.0, 0.2, 0.2, 0.2]


def test_links_joints_and_options(everything):
    description = everything[0]
    assert (description.name, description.timestep, description.integrator) == ("everything", 0.004, "implicitfast")
    np.testing.assert_array_equal(description.gravity, [0.1, -0.2, -9])
    assert [(link.name, link.parent) for link in description.links] == [("ship", -1), ("arm", 0), ("head", 1), ("tail", 0)]
    assert [link.gravcomp for link in description.links] == [0, 0, 0.5, 0]
    joints = [joint for link in description.links for joint in link.joints]
    assert [(j.name, j.type, j.limit, j.effort) for j in joints] == [
        ("sail", "free", None, None),
        ("pan", "hinge", (-1.0, 2.0), None),
        ("lift", "slide", (-0.5, 0.5), (-3.0, 4.0)),
        ("neck", "ball", (0.0, 1.2), None),
    ]
    given = np.array([[0.03, 0.001, 0.002], [0.001, 0.04, -0.003], [0.002, -0.003, 0.05]])
    np.testing.assert_allclose(description.links[2].inertia, given, atol=1e-12)
    assert description.excludes == [("ship", "head")]
    np.testing.assert_array_equal(description.keyframes["home"], [0, 0, 1, 1, 0, 0, 0, 0.5, 0.1, 1, 0, 0, 0])
    assert list(description.keyframes) == ["home", "key1"]
    assert description.not_simulated == []


def test_geoms_and_sites(everything):
    description = everything[0]
    assert [(geom.type, geom.link, geom.visual) for geom in description.geoms] == [
        ("plane", -1, False),
        ("box", 0, False),
        ("capsule", 1, False),
        ("ellipsoid", 2, True),
        ("cylinder", 3, False),
    ]
    floor, head = description.geoms[0], description.geoms[3]
    assert (floor.name, floor.condim, floor.friction) == ("floor", 4, (0.5, 0.01, 0.002))
    assert head.rgba == (1.0, 0.0, 0.0, 0.5)
    assert [(site.name, site.link) for site in description.sites] == [("mast", 0)]
    np.testing.assert_array_equal(description.sites[0].pos, [0, 0, 0.2])


def test_mesh_vertices_are_placed_as_mujoco_places_them():
    text = """<mujoco><asset><mesh name="wedge" vertex="0 0 0  1 0 0  0 2 0  0 0 3"/></asset>
      <worldbody><body><freejoint/><geom type="mesh" mesh="wedge" pos="5 6 7"/></body></worldbody></mujoco>"""
    from genesis.description.poses import quat_to_matrix

    (geom,) = read_mjcf(text).geoms
    placed = geom.vertices @ quat_to_matrix(geom.quat).T + geom.pos
    expected = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]]) + [5, 6, 7]
    np.testing.assert_allclose(placed[np.lexsort(placed.round(3).T)], expected[np.lexsort(expected.T)], atol=1e-5)
    assert (geom.faces.shape, geom.file) == ((4, 3), None)


HINGE = """<mujoco><option gravity="0 0 -5"><flag {flag}="disable"/></option><worldbody><body><joint name="a" type="hinge"
  range="-1 1" stiffness="2" damping="3" frictionloss="4"/><geom size="0.1"/></body></worldbody></mujoco>"""


@pytest.mark.parametrize(
    ("flag", "changed"),
    [
        ("spring", {"stiffness": 0.0}),
        ("damper", {"damping": 0.0}),
        ("limit", {"limit": None}),
        ("frictionloss", {"frictionloss": 0.0}),
        ("constraint", {"frictionloss": 0.0, "limit": None}),
        ("contact", {}),
        ("gravity", {}),
        ("eulerdamp", {}),
    ],
)
def test_flags_switch_forces_off(flag, changed):
    description = read_mjcf(HINGE.format(flag=flag))
    joint, geom = description.links[0].joints[0], description.geoms[0]
    expected = {
        "stiffness": 2.0,
        "damping": 3.0,
        "frictionloss": 4.0,
        "limit": pytest.approx((-np.pi / 180, np.pi / 180)),
    } | changed
    assert {name: getattr(joint, name) for name in expected} == expected
    assert description.gravity[2] == (0.0 if flag == "gravity" else -5.0)
    assert description.implicit_damping == (flag != "eulerdamp")
    assert geom.contype == (0 if flag in ("contact", "constraint") else 1)
    assert not geom.visual


def test_elements_without_names_get_free_ones():
    text = """<mujoco><worldbody>
      <body><joint/><geom size="1"/></body><body name="body1"><joint/><geom size="1"/></body></worldbody>
      <actuator><motor joint="joint0" name="m"/></actuator></mujoco>"""
    with pytest.raises(ModelError, match="joint0"):
        read_mjcf(text)
    text = text.replace("<joint/>", '<joint name="a"/>', 1).replace('joint="joint0" name="m"', 'joint="a"')
    description = read_mjcf(text)
    assert [link.name for link in description.links] == ["body1_2", "body1"]
    assert [link.joints[0].name for link in description.links] == ["a", "joint1"]
    assert [actuator.name for actuator in description.actuators] == ["a"]


def test_refusals_of_mujoco_come_with_the_file(tmp_path):
    file = tmp_path / "top.xml"
    file.write_text(
        """<mujoco><worldbody><body name="b"><joint/><inertial pos="0 0 0" mass="1" diaginertia="1 1 3"/></body></worldbody>
        </mujoco>"""
    )
    with pytest.raises(ModelError, match=rf"{file}: MuJoCo refuses the model: .*inertia must satisfy A \+ B >= C"):
        read_mjcf(file)


def test_includes_are_relative_to_the_file(tmp_path):
    (tmp_path / "body.xml").write_text('<mujoco><worldbody><body name="b"><joint/><geom size="1"/></body></worldbody></mujoco>')
    (tmp_path / "top.xml").write_text('<mujoco><include file="body.xml"/></mujoco>')
    assert [link.name for link in read_mjcf(tmp_path / "top.xml").links] == ["b"]


def test_armature_is_added_where_there_is_none():
    text = """<mujoco><worldbody><body><freejoint/><geom size="1"/><body><joint/><geom size="1" pos="1 0 0"/>
      <body><joint armature="0.5"/><geom size="1" pos="1 0 0"/></body></body></body></worldbody></mujoco>"""
    joints = [joint for link in read_mjcf(text, default_armature=0.1).links for joint in link.joints]
    assert [joint.armature for joint in joints] == [0.0, 0.1, 0.5]


def test_mimic_mode_is_checked():
    with pytest.raises(InputError, match="known: reduce, independent"):
        read_mjcf("<mujoco/>", mimic="soft")
