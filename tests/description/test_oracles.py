"""Robots as read here move as they do in Pinocchio and MuJoCo: poses, mass matrix, bias."""

import logging
from pathlib import Path

import numpy as np
import pytest

from genesis.description.read import read_mjcf, read_urdf
from tests.oracles import LOCAL, assert_close, from_pinocchio, mujoco_cases, mujoco_oracle, pinocchio_cases, pinocchio_oracle
from tests.reference_dynamics import ReferenceDynamics, random_state, total_mass
from tests.shared import MODELS, SHARED, needs_shared

STATES = 5
URDFS = (
    *("allegro_right", "anymal_b", "double_pendulum_simple", "finger_edu", "go2", "iris", "kinova_j2s6s200", "panda"),
    *("simple_humanoid", "so101", "solo12", "ur5"),
)
REFUSED_BY_MUJOCO = ("allegro_right", "anymal_b", "finger_edu")  # unphysical inertias


def read_case(folder: Path, name: str):
    robot, _, base = name.rpartition("_")
    return read_urdf(folder / "urdf" / f"{robot}.urdf", fixed=base == "fixed", mimic="independent")


@pinocchio_cases
def test_link_poses_equal_pinocchio_frames(folder, name):
    oracle, description = pinocchio_oracle(folder, name), read_case(folder, name)
    dynamics = ReferenceDynamics(description, oracle["gravity"])
    frames = {str(frame): k for k, frame in enumerate(oracle["frame_names"])}
    for k in range(STATES):
        state = dynamics.kinematics(from_pinocchio(oracle, dynamics, k).qpos)
        for index, link in enumerate(description.links):
            T = oracle["T_frames"][k][frames[link.name]]
            if not _is_rotation(T[:3, :3]):
                continue
            assert_close(state.R[index], T[:3, :3])
            assert_close(state.p[index], T[:3, 3], scale=1.0)


@pinocchio_cases
def test_mass_matrix_and_bias_equal_pinocchio(folder, name):
    oracle, description = pinocchio_oracle(folder, name), read_case(folder, name)
    if not all(_is_rotation(T[:3, :3]) for T in oracle["T_frames"][:STATES].reshape(-1, 4, 4)):
        pytest.skip(
            f"{name}: the stored (cos, sin) of a continuous joint is not on the unit circle, so its frames are no rotations"
        )
    dynamics = ReferenceDynamics(description, oracle["gravity"])
    assert_close(total_mass(description.links), oracle["total_mass"])
    for k in range(STATES):
        state = from_pinocchio(oracle, dynamics, k)
        M = dynamics.mass_matrix(state.qpos, armature=False)
        assert_close(state.T.T @ M @ state.T, oracle["M"][k])
        bias = dynamics.bias(state.qpos, state.qvel) + M @ state.T_dot_v
        assert_close(state.T.T @ bias, oracle["nle"][k], scale=1e-3)


def _is_rotation(R: np.ndarray) -> bool:
    return np.allclose(R @ R.T, np.eye(3), atol=1e-6)


@mujoco_cases
def test_mjcf_equals_mujoco(folder, name):
    oracle = mujoco_oracle(folder, name)
    description = read_mjcf(folder / "mjcf" / f"{name}.xml")
    dynamics = ReferenceDynamics(description, description.gravity)
    assert [joint.name for joint in dynamics.joints] == [str(n) or f"joint{k}" for k, n in enumerate(oracle["joint_names"])]
    assert description.timestep == oracle["timestep"]
    assert description.integrator == ("Euler", "RK4")[int(oracle["integrator"])]
    for k in range(STATES):
        assert_close(dynamics.kinematics(oracle["qpos"][k]).p, oracle["xpos"][k][1:], scale=1.0)
        assert_close(dynamics.mass_matrix(oracle["qpos"][k]), oracle["M"][k])
        assert_close(dynamics.bias(oracle["qpos"][k], oracle["qvel"][k]), oracle["qfrc_bias"][k], scale=1e-3)


@needs_shared
@pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "free"])
@pytest.mark.parametrize("robot", URDFS)
def test_every_shared_urdf_loads(robot, fixed):
    """A root named world (ur5) stays fixed; every other gets a free joint and has a positive definite mass matrix."""
    description = read_urdf(MODELS / "urdf" / f"{robot}.urdf", fixed=fixed)
    roots = [joint.name for joint in description.links[0].joints]
    assert roots == ([] if fixed or robot == "ur5" else ["root_joint"])
    assert all(link.parent < k for k, link in enumerate(description.links))
    dynamics = ReferenceDynamics(description)
    qpos, _ = random_state(dynamics, seed=0)
    assert np.linalg.eigvalsh(dynamics.mass_matrix(qpos))[0] > 0.0


@needs_shared
@pytest.mark.parametrize("robot", [name for name in URDFS if name not in REFUSED_BY_MUJOCO])
def test_urdf_equals_mujoco_where_mujoco_accepts_it(robot):
    import mujoco

    text = (MODELS / "urdf" / f"{robot}.urdf").read_text()
    head = text.index(">", text.index("<robot")) + 1
    compiler = '<mujoco><compiler fusestatic="false" discardvisual="false" balanceinertia="false"/></mujoco>'
    model = mujoco.MjModel.from_xml_string(text[:head] + compiler + text[head:])
    data = mujoco.MjData(model)
    dynamics = ReferenceDynamics(read_urdf(MODELS / "urdf" / f"{robot}.urdf", fixed=True, mimic="independent"))
    data.qpos[:], data.qvel[:] = random_state(dynamics, seed=1)
    mujoco.mj_forward(model, data)
    M = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, M)
    assert_close(dynamics.mass_matrix(data.qpos), M)
    assert_close(dynamics.bias(data.qpos, data.qvel), data.qfrc_bias, scale=1e-3)


def test_mass_matrix_matches_inverse_dynamics():
    """Two independent sums of the reference itself: column i of M is the force of a unit acceleration."""
    dynamics = ReferenceDynamics(read_urdf(LOCAL / "urdf" / "panda.urdf"))
    qpos, qvel = random_state(dynamics, seed=2)
    columns = [dynamics.inverse_dynamics(qpos, qvel, unit) - dynamics.bias(qpos, qvel) for unit in np.eye(dynamics.nv)]
    assert_close(np.stack(columns, axis=1), dynamics.mass_matrix(qpos))


@needs_shared
def test_gantry_is_one_link_on_three_slides():
    description = read_urdf(SHARED / "acceptance" / "gantry.urdf")
    assert [(link.name, link.parent) for link in description.links] == [("carriage", -1)]
    joints = description.links[0].joints
    assert [(joint.name, joint.type) for joint in joints] == [("slide_x", "slide"), ("slide_y", "slide"), ("slide_z", "slide")]
    np.testing.assert_array_equal([joint.axis for joint in joints], np.eye(3))
    assert {joint.limit for joint in joints} == {(-10.0, 10.0)}
    assert {joint.effort for joint in joints} == {(-100.0, 100.0)}
    assert {joint.velocity_limit for joint in joints} == {100.0}
    assert [geom.visual for geom in description.geoms] == [True, False]


@needs_shared
def test_unphysical_inertias_are_loaded_with_one_warning(caplog):
    file = MODELS / "urdf" / "allegro_right.urdf"
    with caplog.at_level(logging.WARNING, logger="genesis"):
        read_urdf(file, fixed=True)
    (record,) = caplog.records
    assert str(file) in record.getMessage()
    assert 'link "link_3.0" violates the triangle inequality' in record.getMessage()
