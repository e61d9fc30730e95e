"""What a scene says of a start that cannot be meant: once, with names and amounts."""

import logging

import pytest
import torch

import genesis as gs

pytestmark = pytest.mark.usefixtures("engine")

ARM = """<mujoco><compiler angle="radian" autolimits="true"/><worldbody><body name="upper" pos="0 0 1">
  <joint name="shoulder" axis="0 1 0" range="-1 1" actuatorfrcrange="-4 4"/>
  <inertial pos="0.5 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
  <body name="lower" pos="1 0 0"><joint name="slider" type="slide" axis="1 0 0" range="0 0.2"/>
    <inertial pos="0 0 0" mass="0.5" diaginertia="0.01 0.01 0.01"/></body></body></worldbody></mujoco>"""


@pytest.fixture
def said(caplog):
    """The warnings so far."""
    caplog.set_level(logging.WARNING, logger="genesis")
    return lambda: [record.getMessage() for record in caplog.records]


def arm(*, limits: bool = True, n_envs: int = 0, dt: float = 0.01):
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=dt),
        rigid_options=gs.options.RigidOptions(enable_joint_limit=limits, enable_collision=False),
    )
    robot = scene.add_entity(gs.morphs.MJCF(file=ARM), name="arm")
    scene.build(n_envs=n_envs)
    return scene, robot


def test_joints_outside_their_limits_are_named_once_with_the_amount(said) -> None:
    scene, robot = arm()
    robot.set_qpos([1.5, -0.05])
    scene.step()
    scene.reset()
    robot.set_qpos([1.5, -0.05])
    scene.step()
    assert said() == [
        'joint "arm/shoulder" starts at 1.5 rad, 0.5 rad above its upper limit of 1 rad: the limit throws it back.',
        'joint "arm/slider" starts at -0.05 m, 0.05 m below its lower limit of 0 m: the limit throws it back.',
    ]


def test_limits_that_are_not_simulated_are_named_too(said) -> None:
    scene, robot = arm(limits=False)
    scene.rollout(torch.zeros(1, 2), qpos=[0.0, 0.3])
    assert said() == ['joint "arm/slider" starts at 0.3 m, 0.1 m above its upper limit of 0.2 m (limits are not simulated here).']


def test_the_worst_environment_is_named(said) -> None:
    scene, robot = arm(n_envs=3)
    scene.rollout(torch.zeros(1, 2), qpos=torch.tensor([[1.1, 0.1], [1.4, 0.1], [0.0, 0.1]]))
    (line,) = said()
    assert "starts at 1.4 rad, 0.4 rad above its upper limit of 1 rad in environment 1 and 1 more:" in line


def test_a_start_within_the_limits_is_not_mentioned(said) -> None:
    scene, robot = arm()
    robot.set_qpos([1.0005, 0.0])
    scene.step()
    assert said() == []


def test_a_motor_that_cannot_hold_the_start_is_named(said) -> None:
    """9.81 (1 · 0.5 + 0.5 · 1.1) = 10.3 N m; the motor has 4. Without position control nothing has to be held."""
    scene, robot = arm()
    robot.set_qpos([0.0, 0.1])
    scene.step()
    assert said() == []
    scene, robot = arm()
    robot.set_qpos([0.0, 0.1])
    robot.control_dofs_position([0.0, 0.1])
    scene.step()
    assert said() == [
        'joint "arm/shoulder" needs 10.3 N m to hold its start against gravity and its motor gives at most 4 N m: it sinks.'
    ]


def test_a_spring_and_a_better_pose_help_to_hold(said) -> None:
    for q, stiffness in ((-1.5, 0.0), (0.0, 100.0)):
        scene, robot = arm(limits=False)
        robot.set_dofs_stiffness([stiffness, 0.0])
        if not stiffness:
            robot.set_dofs_force_range([-4.0, -100.0], [4.0, 100.0])
        scene.rollout(torch.tensor([[q, 0.1]]), kind="position", qpos=[q, 0.1])
    assert [line for line in said() if "needs" in line] == [
        'joint "arm/shoulder" needs 10.3 N m to hold its start against gravity and its motor gives at most 4 N m: it sinks.'
    ], "the spring is relaxed at zero; nearly upright 0.73 N m are enough"


def ball_and_wall(depth: float, size: float = 2.0):
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.002))
    scene.add_entity(gs.morphs.Box(size=(size, size, size), pos=(0.0, 0.0, 0.0), fixed=True), name="wall")
    scene.add_entity(gs.morphs.Box(size=(size, size, size), pos=(0.0, 0.0, size - depth)), name="block")
    scene.build()
    return scene


def test_bodies_deep_inside_each_other_are_named_however_big_they_are(said) -> None:
    ball_and_wall(0.08).step()
    (line,) = said()
    assert 'of "wall" and' in line and 'of "block" start 0.08 m inside each other in environment 0' in line


def test_bodies_that_rest_on_each_other_are_not_mentioned(said) -> None:
    ball_and_wall(0.001).step()
    assert said() == []


def test_a_divergence_mentions_the_start(said) -> None:
    scene, robot = arm()
    start = torch.tensor([1.5, 0.1])
    with pytest.raises(
        gs.DivergenceError, match=r'; mend the start first, joint "arm/shoulder" starts at 1.5 rad, 0.5 rad above'
    ):
        scene.rollout(torch.full((20, 2), 1e38 if gs.tc_float is torch.float32 else 1e300, dtype=gs.tc_float), qpos=start)
    scene, robot = arm()
    with pytest.raises(gs.DivergenceError, match="; try a smaller dt, more substeps"):
        scene.rollout(torch.full((20, 2), 1e38 if gs.tc_float is torch.float32 else 1e300, dtype=gs.tc_float), qpos=[0.5, 0.1])
