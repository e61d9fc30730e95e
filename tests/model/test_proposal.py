"""What is proposed for robots that only their files are known of."""

import numpy as np
import pytest

from genesis.description.read import read_mjcf, read_urdf
from genesis.model import proposal
from genesis.model.posing import Posing
from tests.conftest import TESTS

ROBOTS = TESTS / "data" / "robots"


def robot(name, fixed):
    return Posing(read_urdf(ROBOTS / "urdf" / f"{name}.urdf", fixed=fixed, collision=False))


def arm(joints, sites="", keyframe=""):
    """An MJCF of links of 1 kg, each 0.3 m along x behind a hinge about y (attributes given)."""
    text, end = "", ""
    for k, attributes in enumerate(joints):
        text += f'<body name="link{k}" pos="{0.3 * (k > 0)} 0 0"><joint name="j{k}" axis="0 1 0" {attributes}/>'
        text += '<geom type="capsule" fromto="0 0 0 0.3 0 0" size="0.02" mass="1"/>'
        end += "</body>"
    return read_mjcf(f"<mujoco><compiler angle='radian'/><worldbody>{text}{sites}{end}</worldbody>{keyframe}</mujoco>")


@pytest.mark.parametrize(("name", "floats"), [("ur5", False), ("panda", False), ("kinova_j2s6s200", False), ("solo12", True)])
def test_legs_float_and_arms_are_bolted_down(name, floats):
    assert proposal.should_float(read_urdf(ROBOTS / "urdf" / f"{name}.urdf", collision=False)) is floats


def test_wheels_and_what_has_no_joint_float():
    def body(rest):
        link = '<inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link>'
        names = ("left", "right")
        wheels = "".join(f'<link name="{n}">{link}<joint name="{n}_j" type="{rest}"><parent link="base"/><child link="{n}"/>'
                         '<limit lower="-1" upper="1" effort="1" velocity="1"/></joint>' for n in names) if rest else ""  # fmt: skip
        return read_urdf(f'<robot name="r"><link name="base">{link}{wheels}</robot>')

    assert proposal.should_float(body("continuous"))
    assert not proposal.should_float(body("revolute"))
    assert proposal.should_float(body(""))


@pytest.mark.parametrize(
    ("name", "fixed", "tool"),
    [
        ("ur5", True, "tool0"),
        ("panda", True, "panda_hand_tcp"),
        ("kinova_j2s6s200", True, "j2s6s200_end_effector"),
        ("solo12", False, "base_link"),
    ],
)
def test_tools(name, fixed, tool):
    assert proposal.tools(robot(name, fixed).description)[0] == tool


def test_a_site_with_a_telling_name_comes_first_then_the_last_link():
    assert proposal.tools(arm(["", ""], '<site name="grasp_point" pos="0.3 0 0"/>'))[:2] == ["grasp_point", "link1"]
    assert proposal.tools(arm(["", "", ""], '<site name="marker"/>'))[0] == "link2"


def test_the_palm_comes_before_the_fingers():
    fingers = "".join(
        f'<body name="f{k}"><joint name="f{k}" type="slide"/><geom size="0.01" mass="0.1"/></body>' for k in range(2)
    )
    arm = f'<body name="a"><joint/><geom size="0.1"/><body name="b"><joint/><geom size="0.1"/>{fingers}</body></body>'
    text = f"<mujoco><worldbody>{arm}</worldbody></mujoco>"
    assert proposal.tools(read_mjcf(text)) == ["b", "f0", "f1"]


def test_home_is_the_middle_where_zero_is_outside_or_at_the_end():
    described = arm(
        [
            'range="-1 1" limited="true"',
            'range="0.5 1.5" limited="true"',
            'range="0 2" limited="true"',
            'range="-0.1 3.9" limited="true"',
        ]
    )
    found = proposal.home(Posing(described))
    assert found.qpos.tolist() == pytest.approx([0.0, 1.0, 1.0, 1.9])  # the last begins within a twentieth of its range of zero
    assert found.moved == ("j1", "j2", "j3")
    assert (
        found.said == "the pose of the file, with joints in the middle of their range where that is outside of it or at its end"
    )


def test_home_is_the_keyframe_of_that_name():
    keys = '<keyframe><key name="other" qpos="1 1"/><key name="home" qpos="0.3 -0.4"/></keyframe>'
    found = proposal.home(Posing(arm(["", 'range="0.5 1.5" limited="true"'], keyframe=keys)))
    assert (found.qpos.tolist(), found.said) == ([0.3, -0.4], 'the keyframe "home" of the file')


def legged(knee):
    """Two straight legs of two links of 0.2 m below a body; knees with that range, hips free."""

    def leg(k):
        side = 0.2 * k - 0.1
        tube = '<geom type="capsule" size="0.02" mass="0.4" fromto="0 0 0 0 0 -0.2"/>'
        foot = f'<body name="foot{k}" pos="0 0 -0.2"><geom size="0.03" mass="0.05"/></body>'
        shin = f'<body name="shin{k}" pos="0 0 -0.2"><joint name="knee{k}" axis="0 1 0" {knee}/>{tube}{foot}</body>'
        return f'<body name="thigh{k}" pos="0 {side} 0"><joint name="hip{k}" axis="0 1 0"/>{tube}{shin}</body>'

    return read_mjcf(
        f"<mujoco><compiler angle='radian'/><worldbody><body name='trunk'><freejoint name='root'/><geom type='box' size='.1 .1 .05'/>"
        f"{leg(0)}{leg(1)}</body></worldbody></mujoco>"
    )


def test_a_robot_that_floats_stands_on_the_ground():
    posing = Posing(legged(""))
    found = proposal.home(posing)
    assert posing.lowest(found.qpos) == pytest.approx(0.0, abs=1e-12)
    assert found.qpos[2] == pytest.approx(0.43)  # two straight links and the radius of a foot
    assert found.said == "the pose of the file; it stands with its lowest point at z = 0"


def test_without_shapes_nothing_is_said_of_the_ground():
    found = proposal.home(robot("solo12", False))  # its meshes are not here
    assert (found.qpos[2], found.said) == (0.0, "the pose of the file")


def test_knees_that_must_bend_leave_the_feet_below_the_body():
    posing = Posing(legged('range="-2 -1" limited="true"'))
    found = proposal.home(posing)
    feet = [posing.frame(f"foot{k}", found.qpos)[0] for k in (0, 1)]
    assert found.moved == ("knee0", "knee1")
    for k, foot in enumerate(feet):
        np.testing.assert_allclose(foot, [0.0, 0.2 * k - 0.1, 0.03], atol=2e-3)
    hip, knee = found.qpos[[7, 8]]
    assert -1.95 <= knee <= -1.05  # within its range, away from the ends
    assert hip == pytest.approx(-0.5 * knee, abs=0.02)  # links of one length: the hip goes half of it back


def test_rotors_only_where_the_file_says_nothing_and_the_links_weigh_nothing():
    posing = robot("ur5", True)
    found = proposal.rotors(posing, posing.qpos0)
    assert found["wrist_3_joint"] == pytest.approx(0.02 * 28.0 / 3.2, rel=0.05)
    assert "shoulder_pan_joint" not in found
    limits = 'actuatorfrcrange="-10 10" actuatorfrclimited="true"'
    assert proposal.rotors(Posing(arm([limits])), np.zeros(1)) == {}  # without a speed limit no guess


def test_gains_are_critically_damped_and_saturate_at_a_fifth_of_a_radian():
    posing = Posing(arm(["", 'actuatorfrcrange="-10 10" actuatorfrclimited="true"']))
    moved, _ = posing.loads(np.zeros(2))
    kp, kv = proposal.gains(posing, np.zeros(2), {"j1": 0.5})
    assert kp["j0"] == pytest.approx(2500.0 * moved[0], rel=5e-3)
    assert kp["j1"] == 50.0  # 10 Nm at 0.2 rad
    assert kv["j1"] == pytest.approx(2.0 * np.sqrt(50.0 * (moved[1] + 0.5)), rel=5e-3)


def test_motors_that_are_too_weak_for_the_arm():
    limits = 'actuatorfrcrange="-2 2" actuatorfrclimited="true"'
    found = proposal.too_weak(Posing(arm([limits, limits])), np.zeros(2))
    assert found == {"j0": (pytest.approx(9.81 * (0.15 + 0.45), rel=1e-3), 2.0)}  # j1 holds 1.47 Nm
    assert proposal.too_weak(Posing(legged("")), Posing(legged("")).qpos0) == {}


@pytest.mark.parametrize("name", ["ur5", "panda", "kinova_j2s6s200"])
def test_a_goal_is_reached_by_the_configuration_that_it_comes_with(name):
    posing = robot(name, True)
    home, tool = proposal.home(posing).qpos, proposal.tools(posing.description)[0]
    goal = proposal.reachable(posing, home, tool)
    pos, quat = posing.frame(tool, goal.qpos)
    assert (pos.tolist(), quat.tolist()) == (goal.pos.tolist(), goal.quat.tolist())
    assert 0.1 < np.linalg.norm(pos - posing.frame(tool, home)[0]) < 1.0
    for joint in posing.joints:
        step = abs(goal.qpos[joint.qpos_adr] - home[joint.qpos_adr])
        assert step <= 0.4 + 1e-12
        if joint.limit:
            low, high = joint.limit
            assert low < goal.qpos[joint.qpos_adr] < high
        if joint.velocity_limit:
            assert 2.5 * step / goal.seconds <= joint.velocity_limit


def test_slow_joints_get_more_time():
    assert proposal.reachable(robot("kinova_j2s6s200", True), np.zeros(6), "j2s6s200_link_6").seconds == 2.0
    assert proposal.reachable(robot("ur5", True), np.zeros(6), "tool0").seconds == 1.0


def test_margin_is_small_where_a_range_is_narrow():
    assert proposal.margin(robot("ur5", True)) == 0.05
    assert proposal.margin(robot("panda", True)) == pytest.approx(0.002)  # fingers of 4 cm
