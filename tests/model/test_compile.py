"""From descriptions to a model: numbering, poses, mimic joints, sparsity, several robots, and what is refused."""

import numpy as np
import pytest

from genesis.description.description import Actuator, Description, Joint, Link, Mimic
from genesis.description.read import read_mjcf, read_urdf
from genesis.errors import ModelError, UnknownNameError, UnsupportedError
from genesis.model.compile import Placed, compile_model
from tests.dynamics.systems import MJCF, ROBOTS, model_of
from tests.oracles import LOCAL

BODY = dict(mass=1.0, inertia=np.eye(3))


def one_link(**link) -> Description:
    return Description("robot", links=[Link("body", -1, **(BODY | link))])


def compiled(*links: Link, actuators=()):
    return compile_model([Placed(Description("robot", links=list(links), actuators=list(actuators)), "robot")])


def test_numbering_of_several_robots():
    """Links, joints, coordinates, actuators of a second robot come after those of the first."""
    one, two, both = model_of("arm"), model_of("floater"), model_of("pair")
    first, second = both.entities
    assert (first.name, second.name) == MJCF
    for name in ("nlink", "njnt", "nq", "nv", "nu"):
        assert both.sizes[name] == one.sizes[name] + two.sizes[name]
    assert (second.link_start, second.q_start, second.dof_start, second.act_start) == (one.nlink, one.nq, one.nv, one.nu)
    assert [j.name for j in both.joints[second.joint_start :]] == [j.name for j in two.joints]
    np.testing.assert_array_equal(
        both.link_parents, [*one.link_parents, *(p + one.nlink if p >= 0 else -1 for p in two.link_parents)]
    )
    np.testing.assert_array_equal(both.parameters["link_mass"], [*one.parameters["link_mass"], *two.parameters["link_mass"]])


def test_a_placed_robot_stands_or_starts_there():
    half = np.sqrt(0.5)
    shift, turn = np.array([1.0, 2.0, 3.0]), np.array([half, 0.0, 0.0, half])  # a quarter turn about z
    link = dict(pos=np.array([1.0, 0.0, 0.5]), quat=np.array([half, half, 0.0, 0.0]))
    expected_quat = [0.5, 0.5, 0.5, 0.5]
    fixed = compile_model([Placed(one_link(**link), "robot", shift, turn)])
    np.testing.assert_allclose(fixed.parameters["link_pos"][0], [1.0, 3.0, 3.5], atol=1e-15)
    np.testing.assert_allclose(fixed.parameters["link_quat"][0], expected_quat, atol=1e-15)
    free = compile_model([Placed(one_link(**link, joints=[Joint("root", "free")]), "robot", shift, turn)])
    np.testing.assert_allclose(free.qpos0, [1.0, 3.0, 3.5, *expected_quat], atol=1e-15)
    np.testing.assert_array_equal(free.parameters["link_pos"][0], 0.0)
    np.testing.assert_array_equal(free.parameters["link_quat"][0], [1, 0, 0, 0])


def test_a_free_joint_is_composed_of_three_slides_and_a_ball():
    m = compiled(Link("body", -1, **BODY, joints=[Joint("root", "free", armature=0.1, damping=0.2)]))
    assert m.integers["jnt_type"].tolist() == [1, 1, 1, 2] and m.integers["dof_qadr"].tolist() == [0, 1, 2, -1, -1, -1]
    assert (m.nq, m.nv, m.sizes["njnt"], len(m.joints)) == (7, 6, 4, 1)
    np.testing.assert_array_equal(m.parameters["dof_armature"], 0.1)
    np.testing.assert_array_equal(m.parameters["dof_damping"], 0.2)


def test_axes_are_normalised_and_references_become_offsets():
    m = compiled(Link("body", -1, **BODY, joints=[Joint("a", "hinge", axis=np.array([0.0, 3.0, 4.0]), ref=0.3, springref=0.1)]))
    np.testing.assert_allclose(m.parameters["jnt_axis"], [[0.0, 0.6, 0.8]])
    assert (m.qpos0[0], m.parameters["jnt_offset"][0], m.parameters["qpos_spring"][0]) == (0.3, -0.3, 0.1)


def test_a_follower_shares_the_coordinate_of_its_leader():
    """Its armature, damper and spring move with the leader: multiplier squared; two springs become one."""
    lead = Joint("lead", "hinge", armature=0.1, damping=0.2, stiffness=3.0, springref=0.5)
    follow = Joint("follow", "hinge", armature=0.01, damping=0.02, stiffness=2.0, springref=0.3, mimic=Mimic("lead", -2.0, 0.1))
    m = compiled(Link("a", -1, **BODY, joints=[lead]), Link("b", 0, **BODY, joints=[follow]))
    assert (m.nq, m.nv, m.sizes["njnt"]) == (1, 1, 2)
    assert (m.joints[1].mimic, m.joints[1].nq, m.joints[1].dof_adr) == ("lead", 0, 0)
    assert m.parameters["jnt_scale"].tolist() == [1.0, -2.0] and m.parameters["jnt_offset"].tolist() == [0.0, 0.1]
    assert m.parameters["dof_armature"][0] == pytest.approx(0.1 + 4 * 0.01)
    assert m.parameters["dof_damping"][0] == pytest.approx(0.2 + 4 * 0.02)
    k, rest = m.parameters["dof_stiffness"][0], m.parameters["qpos_spring"][0]
    for q in (-0.4, 0.0, 0.9):  # 3 (q - 0.5) on the leader, 2 (-2 q + 0.1 - 0.3) on the follower
        assert k * (q - rest) == pytest.approx(3 * (q - 0.5) - 2 * 2 * (-2 * q + 0.1 - 0.3))


def test_rows_of_the_mass_matrix_follow_the_branches():
    """A quadruped's legs do not see each other: 6 + 3 entries at most, 6 root rows full."""
    m = compile_model([Placed(read_urdf(LOCAL / "urdf" / "solo12.urdf"), "solo12")])
    assert (m.nv, m.sizes["nM"]) == (18, 21 + 4 * (7 + 8 + 9))
    for k in range(m.nv):
        row = m.integers["m_column"][m.integers["dof_madr"][k] : m.integers["dof_madr"][k] + m.integers["dof_depth"][k] + 1]
        assert row[0] == k and all(a > b for a, b in zip(row, row[1:], strict=False))
        assert set(row) <= {*range(6), *range(6 + 3 * ((k - 6) // 3), k + 1)}


def test_a_follower_on_another_branch_fills_rows_in():
    """Fingers of one gripper: leader and follower couple everything between them."""
    m = compile_model([Placed(read_urdf(ROBOTS / "gripper.urdf", fixed=True), "gripper")])
    assert m.integers["m_column"].tolist() == [0, 1, 0]
    assert m.integers["axis_dof"].tolist() == [0, 1, 1, 1, 0]


def test_described_values_are_kept():
    description = read_mjcf(ROBOTS / "arm.xml")
    m = compile_model([Placed(description, "arm")], (0.1, 0.2, 0.3))
    np.testing.assert_array_equal(m.parameters["gravity"], [0.1, 0.2, 0.3])
    for k, link in enumerate(description.links):
        xx, yy, zz, xy, xz, yz = m.parameters["link_inertia"][k]
        np.testing.assert_array_equal([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], link.inertia)
        np.testing.assert_array_equal(m.parameters["link_com"][k], link.com)
    assert m.parameters["force_hi"].tolist() == [np.inf, 6.0, np.inf, np.inf, 0.4, np.inf]
    assert m.parameters["trn_coef"].tolist() == [1.7, 1.0, 0.8, 0.7, -1.3, 2.0, 1.2]


def test_geoms_and_sites_know_their_link_in_the_scene():
    text = (
        '<mujoco><worldbody><geom name="floor" type="plane" size="1 1 1"/><body name="b"><joint/><geom name="ball" size="0.1"/>'
        '<site name="tip" pos="0 0 1"/></body></worldbody></mujoco>'
    )
    description = read_mjcf(text)
    m = compile_model([Placed(description, "one"), Placed(description, "two", np.array([0.0, 0.0, 2.0]))])
    assert [(g.name, g.link) for g in m.geoms] == [("floor", -1), ("ball", 0), ("floor", -1), ("ball", 1)]
    np.testing.assert_array_equal([g.pos[2] for g in m.geoms if g.name == "floor"], [0.0, 2.0])
    assert [s.link for s in m.sites] == [0, 1]


def hinge(name="h", **more) -> Joint:
    return Joint(name, "hinge", **more)


REFUSED = {
    "negative mass": ([Link("body", -1, mass=-1.0)], (), ModelError, "mass -1 kg"),
    "mass that is no number": ([Link("body", -1, mass=np.nan)], (), ModelError, "mass nan kg"),
    "gravity compensation": ([Link("body", -1, gravcomp=1.0, **BODY)], (), UnsupportedError, "gravity compensation"),
    "free joint below the world": (
        [Link("a", -1, **BODY), Link("b", 0, **BODY, joints=[Joint("f", "free")])], (), UnsupportedError, 'link "b" has a free joint',
    ),
    "free joint with company": (
        [Link("a", -1, **BODY, joints=[Joint("f", "free"), hinge()])], (), UnsupportedError, 'link "a" has a free joint',
    ),
    "unknown joint type": ([Link("a", -1, **BODY, joints=[Joint("s", "helix")])], (), UnknownNameError, 'unknown joint type "helix"'),
    "axis without direction": ([Link("a", -1, **BODY, joints=[hinge(axis=np.zeros(3))])], (), ModelError, "an axis has a direction"),
    "mimic of nobody": (
        [Link("a", -1, **BODY, joints=[hinge("lead")]), Link("b", 0, **BODY, joints=[hinge("x", mimic=Mimic("leed"))])], (),
        UnknownNameError, 'unknown joint "leed"; known: lead',
    ),
    "actuator of nobody": (
        [Link("a", -1, **BODY, joints=[hinge("elbow")])], [Actuator("motor", [("elbo", np.ones(1))])], UnknownNameError,
        'actuator "motor": unknown joint "elbo"; known: elbow',
    ),
    "position feedback on a ball": (
        [Link("a", -1, **BODY, joints=[Joint("b", "ball")])], [Actuator("servo", [("b", np.ones(3))], bias=(0.0, -1.0, 0.0))],
        UnsupportedError, 'actuator "servo" feeds back the position of the ball joint "b"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_robot_and_part(case):
    links, actuators, error, message = REFUSED[case]
    with pytest.raises(error) as caught:
        compiled(*links, actuators=actuators)
    assert message in str(caught.value) and str(caught.value).startswith("robot")
