"""What a scene says of a start that cannot be meant: once, with names and amounts."""

import logging
from types import SimpleNamespace

import pytest
import torch

import genesis as gs
from genesis.grad.tensor import plain
from genesis.parameters import Inputs
from genesis.scene import beginning
from genesis.tasks.rollout import roll_out

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
        'joint "arm/shoulder" needs 10.3 N m to hold its start against gravity and its motor gives at most 4 N m: '
        "it sinks unless something supports it."
    ]


def test_a_spring_and_a_better_pose_help_to_hold(said) -> None:
    for q, stiffness in ((-1.5, 0.0), (0.0, 100.0)):
        scene, robot = arm(limits=False)
        robot.set_dofs_stiffness([stiffness, 0.0])
        if not stiffness:
            robot.set_dofs_force_range([-4.0, -100.0], [4.0, 100.0])
        scene.rollout(torch.tensor([[q, 0.1]]), kind="position", qpos=[q, 0.1])
    assert [line for line in said() if "needs" in line] == [
        'joint "arm/shoulder" needs 10.3 N m to hold its start against gravity and its motor gives at most 4 N m: '
        "it sinks unless something supports it."
    ], "the spring is relaxed at zero; nearly upright 0.73 N m are enough"


def test_motors_are_looked_at_in_the_first_environments(said, monkeypatch) -> None:
    """Of each environment's own masses those of the first two count: a tenth of what is too heavy, and that."""
    monkeypatch.setattr(beginning, "FIRST", 2)
    scene, robot = arm(n_envs=5, limits=False)
    robot.set_links_mass(torch.tensor([[0.1], [1.0], [10.0], [1.0], [1.0]]) * torch.tensor([1.0, 0.5]))
    scene.set_gravity(torch.tensor([[0.0, 0.0, -9.81]]).expand(5, 3))
    robot.set_dofs_force_range([-4.0, -100.0], [4.0, 100.0])
    start = torch.tensor([[0.0, 0.1]]).expand(5, 2)
    scene.rollout(start[None], kind="position", qpos=start)
    (line,) = said()
    assert "needs 10.3 N m" in line and "gives at most 4 N m in environment 1 of the first 2: it sinks unless" in line


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


def falling():
    """A ball 1 m over a plane that reaches it at 20 m/s in the fifth step; its start."""
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.01))
    scene.add_entity(gs.morphs.Plane())
    scene.add_entity(gs.morphs.Sphere(radius=0.1, pos=(0.0, 0.0, 1.0)))
    scene.build()
    return scene, plain(scene.rigid_solver.qpos)[0].clone(), torch.tensor([0.0, 0.0, -20.0, 0.0, 0.0, 0.0], dtype=gs.tc_float)


def deepest(scene) -> float:
    """Depth [m] of the last step's contact."""
    status = scene.rigid_solver.physics.launches(1).status
    return float(status.table[0, beginning.STATUS.index("depth")])


def test_later_steps_of_a_closed_loop_are_no_start(said, monkeypatch) -> None:
    looks = []
    monkeypatch.setattr(beginning, "deep", lambda *arguments, deep=beginning.deep: looks.append(1) or deep(*arguments))
    scene, qpos, qvel = falling()
    depths = []
    for _ in range(8):
        qpos, qvel = map(plain, scene.step_state(qpos, qvel, None))
        depths.append(deepest(scene))
    assert max(depths) > 0.05 and depths[0] < 0.01 and said() == [] and len(looks) == 1
    with pytest.raises(gs.DivergenceError, match="; try a smaller dt, more substeps"):
        scene.step_state(qpos, torch.full_like(qvel, 1e38 if gs.tc_float is torch.float32 else 1e300), None)


def test_a_closed_loop_of_a_policy_is_looked_at_in_its_first_step(said) -> None:
    scene, qpos, qvel = falling()
    inputs = Inputs(qpos, qvel, torch.zeros(8, 6, dtype=gs.tc_float), policies=[lambda q, v: -0.1 * v])
    made = roll_out(SimpleNamespace(scene=scene, control="force", truncate=None, clip=None), inputs)
    assert float(made.qpos[:, 2].min()) < 0.05 and said() == []
    scene, qpos, qvel = falling()
    qpos[2] = 0.02
    inputs = Inputs(qpos, qvel, torch.zeros(8, 6, dtype=gs.tc_float), policies=[lambda q, v: -0.1 * v])
    roll_out(SimpleNamespace(scene=scene, control="force", truncate=None, clip=None), inputs)
    (line,) = said()
    assert "start 0.08 m inside each other in environment 0" in line


def test_the_start_is_looked_at_in_its_own_step_where_the_device_is_asked_seldom(said) -> None:
    scene = ball_and_wall(0.08)
    scene.rigid_solver._check_every = 8
    scene.step()
    (line,) = said()
    assert "start 0.08 m inside each other" in line
    scene, qpos, qvel = falling()
    scene.rigid_solver._check_every = 6
    scene.entities[1].set_dofs_velocity(qvel)
    for _ in range(6):
        scene.step()
    assert deepest(scene) > 0.05 and len(said()) == 1


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
