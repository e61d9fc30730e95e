import logging

import numpy as np
import pytest

from genesis.description.description import Mimic
from genesis.description.read import read_urdf
from tests.description.snippets import arm, joint, link, robot
from tests.reference_dynamics import ReferenceDynamics, random_state


def wrist(text: str, **kwargs):
    return read_urdf(text, fixed=True, **kwargs).links[1].joints


def test_revolute_with_everything():
    inside = '<limit lower="-1" upper="2" effort="3" velocity="4"/><dynamics damping="0.5" friction="0.25"/>'
    (found,) = wrist(arm("revolute", inside, axis=(0, 3, 4)))
    np.testing.assert_allclose(found.axis, [0, 0.6, 0.8])
    assert (found.type, found.limit, found.effort, found.velocity_limit) == ("hinge", (-1.0, 2.0), (-3.0, 3.0), 4.0)
    assert (found.damping, found.frictionloss, found.armature, found.mimic) == (0.5, 0.25, 0.0, None)


@pytest.mark.parametrize(("kind", "limit"), [("revolute", (-1.0, 1.0)), ("continuous", None), ("prismatic", (-1.0, 1.0))])
def test_limits_by_type(kind, limit):
    (found,) = wrist(arm(kind, '<limit lower="-1" upper="1" effort="0" velocity="0"/>'))
    assert found.type == ("slide" if kind == "prismatic" else "hinge")
    assert (found.limit, found.effort, found.velocity_limit) == (limit, None, None)


def test_axis_is_x_where_none_is_given():
    (found,) = wrist(arm().replace('<axis xyz="0.0 0.0 1.0"/>', ""))
    np.testing.assert_array_equal(found.axis, [1, 0, 0])


def test_equal_limits_are_no_limit_and_said_so(caplog):
    with caplog.at_level(logging.WARNING, logger="genesis"):
        (found,) = wrist(arm(inside='<limit lower="0" upper="0"/>'))
    assert found.limit is None
    assert 'joints whose lower and upper limits are equal, taken as no limit: "wrist" (0).' in caplog.text


def test_infinite_limits_are_no_limit():
    assert wrist(arm(inside='<limit lower="-inf" upper="inf" effort="inf" velocity="inf"/>'))[0].limit is None
    assert wrist(arm(inside='<limit lower="-1" upper="inf"/>'))[0].limit == (-1.0, np.inf)


def test_fixed_joint_has_no_joint():
    assert wrist(arm("fixed")) == []


def test_planar_is_two_slides_and_a_hinge():
    x, y, turn = wrist(arm("planar", '<dynamics damping="2"/>'))
    assert [(j.name, j.type) for j in (x, y, turn)] == [("wrist_x", "slide"), ("wrist_y", "slide"), ("wrist_hinge", "hinge")]
    np.testing.assert_allclose([x.axis, y.axis, turn.axis], np.eye(3), atol=1e-15)
    assert (x.damping, turn.damping) == (2.0, 2.0)


def test_planar_moves_across_its_axis():
    x, y, turn = wrist(arm("planar", axis=(1, 2, 3)))
    frame = np.stack([x.axis, y.axis, turn.axis])
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(turn.axis, np.array([1, 2, 3]) / np.sqrt(14))
    assert np.linalg.det(frame) == pytest.approx(1.0)


def test_floating_on_the_world_is_a_free_joint():
    text = robot(link("world", None), link("tip"), joint("root", "floating", "world", "tip"))
    description = read_urdf(text)
    assert [(found.name, found.parent, [(j.name, j.type) for j in found.joints]) for found in description.links] == [
        ("tip", -1, [("root", "free")])
    ]


def test_floating_on_a_link_is_three_slides_and_a_ball():
    joints = wrist(arm("floating", '<dynamics damping="0.5"/>', xyz=(1, 0, 0)))
    assert [(j.name, j.type) for j in joints] == [
        *(("wrist_x", "slide"), ("wrist_y", "slide"), ("wrist_z", "slide")),
        ("wrist_ball", "ball"),
    ]
    assert {j.damping for j in joints} == {0.5}


def test_floating_on_a_fixed_base_moves_as_a_free_body():
    """Same mass matrix and bias as the body on its own, with the velocity of its origin in the axes of the joint frame."""
    rpy, xyz = (0.3, -0.4, 0.5), (1.0, 2.0, 3.0)
    below = ReferenceDynamics(read_urdf(arm("floating", xyz=xyz, rpy=rpy), fixed=True))
    free = ReferenceDynamics(read_urdf(robot(link("tip"))))
    qpos, qvel = random_state(below, seed=3)
    R = below.kinematics(np.array([0, 0, 0, 1, 0, 0, 0.0])).R[1]
    state = below.kinematics(qpos, qvel)
    free_qpos, _ = random_state(free, seed=3)
    free_qpos[:3] = state.p[1]
    turn = state.R[1]
    w = np.sqrt(max(0.0, 1 + np.trace(turn))) / 2
    free_qpos[3:] = [w, *(np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]) / (4 * w))]
    T = np.zeros((6, 6))
    T[:3, :3], T[3:, 3:] = R, np.eye(3)
    np.testing.assert_allclose(T.T @ free.mass_matrix(free_qpos) @ T, below.mass_matrix(qpos), atol=1e-12)
    np.testing.assert_allclose(T.T @ free.bias(free_qpos, T @ qvel), below.bias(qpos, qvel), atol=1e-11)


MIMIC = robot(
    *(link("base"), link("a"), link("b"), link("c")),
    joint("a", "revolute", "base", "a"),
    joint("b", "revolute", "base", "b", '<mimic joint="a" multiplier="2" offset="0.5"/>'),
    joint("c", "prismatic", "base", "c", '<mimic joint="b" multiplier="-3" offset="1"/>'),
)


def test_mimic_follows_the_first_free_joint_of_a_chain():
    """c = -3 (2 a + 0.5) + 1 = -6 a - 0.5."""
    mimics = [found.joints[0].mimic for found in read_urdf(MIMIC, fixed=True).links[1:]]
    assert mimics == [None, Mimic("a", 2.0, 0.5), Mimic("a", -6.0, -0.5)]


def test_independent_mimic_joints_are_free():
    description = read_urdf(MIMIC, fixed=True, mimic="independent")
    assert [found.joints[0].mimic for found in description.links[1:]] == [None, None, None]


def test_reduced_mass_matrix_is_the_projected_one():
    """q = J s + offset with J = (1, 2, -6): M_reduced = Jᵀ M J, bias likewise."""
    full = ReferenceDynamics(read_urdf(MIMIC, fixed=True, mimic="independent"))
    reduced = ReferenceDynamics(read_urdf(MIMIC, fixed=True))
    J, offset = np.array([1.0, 2.0, -6.0]), np.array([0.0, 0.5, -0.5])
    q, v = np.array([0.7]), np.array([-1.3])
    np.testing.assert_allclose(reduced.mass_matrix(q), [[J @ full.mass_matrix(J * q + offset) @ J]], rtol=1e-12)
    np.testing.assert_allclose(reduced.bias(q, v), [J @ full.bias(J * q + offset, J * v)], rtol=1e-12)


def test_spherical_joint_is_a_ball_whose_limits_are_left_out(caplog):
    (found,) = wrist(
        arm("spherical", '<dynamics damping="0.2" friction="0.1"/><limit lower="0.2" upper="0.8" effort="1" velocity="1"/>')
    )
    assert (found.name, found.type, found.damping, found.frictionloss, found.limit) == ("wrist", "ball", 0.2, 0.1, None)
    assert 'limits of spherical joints, left out: "wrist".' in caplog.text
