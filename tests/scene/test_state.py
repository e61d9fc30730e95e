"""Getters and setters of the state: values, shapes with and without environments, indices, base links, reset and checkpoints."""

import math

import pytest
import torch

import genesis as gs
from tests.scene.conftest import make
from tests.scene.robots import ARM, FLOATING

HALF = math.sqrt(0.5)


def values(x):
    return x.detach().as_subclass(torch.Tensor)


def test_free_fall_of_a_turning_body(floating):
    scene, robot = floating
    robot.set_pos([1.0, 2.0, 3.0])
    robot.set_quat([2.0, 0.0, 0.0, 2.0])  # normalised
    assert robot.get_quat().tolist() == pytest.approx([HALF, 0, 0, HALF])
    robot.set_dofs_velocity([0.5, 0.0, 1.0, 0.0, 0.0, 2.0], dofs_idx_local=range(6))
    assert robot.get_vel().tolist() == pytest.approx([0.5, 0.0, 1.0])
    robot.set_dofs_velocity([1.0, 0.0, 0.0], dofs_idx_local=[3, 4, 5])  # about the body's own x, the world's y
    assert robot.get_ang().tolist() == pytest.approx([0.0, 1.0, 0.0], abs=1e-12)
    assert robot.get_qpos()[:7].tolist() == pytest.approx([1, 2, 3, HALF, 0, 0, HALF])
    assert robot.get_dofs_position()[:6].tolist() == pytest.approx([1, 2, 3, 0, 0, math.pi / 2])


def test_rotation_vectors_of_ball_and_free_joints(floating):
    scene, robot = floating
    turn = [0.1, -0.2, 0.3]
    robot.set_dofs_position(turn, dofs_idx_local=[6, 7, 8])
    angle = math.sqrt(0.14)
    expected = [math.cos(angle / 2), *(math.sin(angle / 2) / angle * x for x in turn)]
    assert robot.get_qpos()[7:11].tolist() == pytest.approx(expected)
    assert robot.get_dofs_position([7, 9, 6]).tolist() == pytest.approx([-0.2, 0.0, 0.1])
    robot.set_dofs_position([*range(3), *turn, *turn, 0.5])
    assert robot.get_dofs_position().tolist() == pytest.approx([0, 1, 2, *turn, *turn, 0.5])
    with pytest.raises(gs.InputError, match='turns of joint "hip" are set together'):
        robot.set_dofs_position([0.1, 0.2], dofs_idx_local=[6, 7])


def test_zero_velocity(gantry):
    scene, robot = gantry
    for setter, value in (("set_pos", [0, 0, 1.0]), ("set_qpos", [0, 0, 1.0]), ("set_dofs_position", [0, 0, 1.0])):
        robot.set_dofs_velocity([1.0, 2.0, 3.0])
        getattr(robot, setter)(value, zero_velocity=False)
        assert robot.get_dofs_velocity().tolist() == [1.0, 2.0, 3.0]
        getattr(robot, setter)(value)
        assert robot.get_dofs_velocity().tolist() == [0.0, 0.0, 0.0]
    robot.set_dofs_velocity([1.0, 2.0, 3.0])
    robot.zero_all_dofs_velocity()
    assert robot.get_vel().tolist() == [0.0, 0.0, 0.0]


def test_a_base_that_stands_is_moved_as_a_whole_and_put_back_by_reset(arm):
    scene, robot = arm
    before = values(robot.get_links_pos())
    robot.set_pos([1.0, 0.0, 0.0])
    torch.testing.assert_close(values(robot.get_links_pos()), before + torch.tensor([1.0, 0, 0], dtype=torch.float64))
    robot.set_quat([HALF, HALF, 0.0, 0.0])  # z up becomes -y
    assert robot.get_links_pos()[3].tolist() == pytest.approx([1.0, -1.0, 0.0], abs=1e-12)
    assert robot.get_pos().tolist() == pytest.approx([1.0, 0.0, 0.0])
    state = scene.get_state()
    scene.reset()
    torch.testing.assert_close(values(robot.get_links_pos()), before)
    scene.reset(state)
    assert robot.get_links_pos()[3].tolist() == pytest.approx([1.0, -1.0, 0.0], abs=1e-12)


def test_links_of_the_arm(arm):
    scene, robot = arm
    robot.set_dofs_position([math.pi / 2, 0.0, 0.1])  # about y: up becomes x
    pos, quat = robot.get_links_pos(), robot.get_links_quat()
    assert pos.tolist() == [pytest.approx(p, abs=1e-12) for p in ([0, 0, 0], [0, 0, 0.3], [0.4, 0, 0.3], [0.8, 0, 0.3])]
    assert quat[2].tolist() == pytest.approx([HALF, 0, HALF, 0])
    robot.set_dofs_velocity([2.0, 0.0, 0.5])
    assert robot.get_links_ang()[3].tolist() == pytest.approx([0, 2, 0])
    assert robot.get_links_vel()[3].tolist() == pytest.approx([0.5, 0, -1.6])  # 0.8 m from the axis, and sliding out
    centre = robot.get_links_pos([3], ref=gs.link_ref_frame.link_COM)[0]
    assert centre.tolist() == pytest.approx([0.85, 0, 0.3])
    assert robot.get_links_vel(3, ref=gs.link_ref_frame.link_COM)[0].tolist() == pytest.approx([0.5, 0, -1.7])
    hand = robot.get_link("hand")
    assert hand.get_pos().tolist() == pos[3].tolist() and hand.parent_idx_local == 2 and hand.get_ang().shape == (3,)
    there = robot.forward_kinematics([0.0, 0.0, 0.0])[0]
    assert there[3].tolist() == pytest.approx([0, 0, 1.0])
    assert robot.get_links_pos()[3].tolist() == pos[3].tolist()  # asking changed nothing


def test_parts_of_an_entity(floating, arm):
    robot = floating[1]
    assert [link.name for link in robot.links] == ["trunk", "leg", "foot"]
    assert [(j.name, j.type, j.n_dofs, j.dof_start, j.q_start) for j in robot.joints] == [
        ("root", "free", 6, 0, 0), ("hip", "ball", 3, 6, 7), ("knee", "hinge", 1, 9, 11),
    ]  # fmt: skip
    knee = robot.get_joint("knee")
    assert (
        knee.dof_idx_local == 9 and knee.qs_idx_local == [11] and knee.link.name == "foot" and knee.limit == (-math.inf, math.inf)
    )
    assert robot.base_link.name == "trunk" and robot.is_free and (robot.n_dofs, robot.n_qs, robot.n_links) == (10, 12, 3)
    assert arm[1].base_link.is_fixed and not arm[1].get_link("upper").is_fixed
    assert arm[1].get_joint("shoulder").limit == (-2.0, 2.0)
    low, high = arm[1].get_dofs_limit()
    assert low.tolist() == [-2.0, -math.inf, -math.inf] and high.tolist() == [2.0, math.inf, math.inf]
    assert arm[1].keyframes["bent"].tolist() == [0.1, 0.2, 0.03]


def test_environments_are_independent(arms):
    scene, robot = arms
    robot.set_qpos([[0.1, 0, 0], [0.2, 0, 0], [0.3, 0, 0]])
    assert robot.get_qpos()[:, 0].tolist() == [0.1, 0.2, 0.3]
    robot.set_dofs_position([0.7, 0.8], dofs_idx_local=[2, 0], envs_idx=[2])
    assert robot.get_qpos().tolist() == [[0.1, 0, 0], [0.2, 0, 0], [0.8, 0, 0.7]]
    robot.set_dofs_position([[0.4], [0.5]], dofs_idx_local=1, envs_idx=torch.tensor([True, True, False]))
    assert robot.get_dofs_position(1).tolist() == [[0.4], [0.5], [0.0]]
    assert robot.get_dofs_position(envs_idx=[2, 0]).tolist() == [[0.8, 0, 0.7], [0.1, 0.4, 0.0]]
    assert robot.get_links_pos(envs_idx=1).shape == (1, 4, 3) and robot.get_pos().shape == (3, 3)
    robot.set_dofs_velocity(1.5, envs_idx=1)
    assert robot.get_dofs_velocity().tolist() == [[0] * 3, [1.5] * 3, [0] * 3]
    scene.reset(envs_idx=[1])
    assert robot.get_dofs_velocity().tolist() == [[0] * 3] * 3 and robot.get_qpos()[:, 1].tolist() == [0.4, 0, 0]


def test_environments_run_as_single_scenes(arm, arms):
    scene, robot = arm
    many, robots = arms
    start = torch.tensor([[0.1, 0.2, 0.0], [0.5, -0.3, 0.02], [-0.4, 0.6, 0.05]], dtype=torch.float64)
    force = torch.tensor([[1.0, 0, 0], [0, 2.0, 0], [0, 0, 3.0]], dtype=torch.float64)
    robots.set_qpos(start)
    robots.control_dofs_force(force)
    robots.set_dofs_damping(0.4, dofs_idx_local=0, envs_idx=[1])
    for _ in range(30):
        many.step()
    for env in range(3):
        scene.reset()
        robot.set_qpos(start[env])
        robot.control_dofs_force(force[env])
        robot.set_dofs_damping(0.4 if env == 1 else 0.1, dofs_idx_local=0)
        for _ in range(30):
            scene.step()
        torch.testing.assert_close(values(robots.get_qpos(envs_idx=env))[0], values(robot.get_qpos()), rtol=1e-12, atol=1e-13)


def test_gradients_stay_in_their_environment(arms):
    scene, robot = arms
    start = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    kp = torch.tensor([10.0, 20.0], dtype=torch.float64, requires_grad=True)
    robot.set_dofs_position(start)
    robot.set_dofs_kp(kp[:, None], dofs_idx_local=[1], envs_idx=[0, 2])
    robot.control_dofs_position([0.2, 0.3, 0.0])
    for _ in range(3):
        scene.step()
    gradient = torch.autograd.grad(robot.get_qpos(envs_idx=2).sum(), [start, kp])
    assert not gradient[0][:2].any() and gradient[0][2].abs().min() > 0.1
    assert gradient[1][0] == 0.0 and gradient[1][1] > 1e-6


def test_several_entities_in_one_scene():
    scene = gs.Scene(sim_options=gs.options.SimOptions(requires_grad=True))
    floor = scene.add_entity(gs.morphs.Plane())
    ball = scene.add_entity(gs.morphs.Sphere(radius=0.1, pos=(0, 0, 5)))
    first = scene.add_entity(gs.morphs.MJCF(file=ARM), name="left")
    second = scene.add_entity(gs.morphs.MJCF(file=ARM, pos=(1, 0, 0)))
    third = scene.add_entity(gs.morphs.MJCF(file=FLOATING))
    scene.build()
    assert [e.name for e in scene.entities] == ["plane", "sphere", "left", "arm", "floating"]
    assert scene.get_entity("left") is first and (second.dof_start, second.q_start, second.link_start) == (9, 10, 6)
    force = torch.tensor([0.3, 0.2, 0.1], dtype=torch.float64, requires_grad=True)
    for _ in range(10):
        first.control_dofs_force(force)
        second.control_dofs_position([0.1, 0.2, 0.0])
        scene.step()
    alone, robot = make(ARM)
    for _ in range(10):
        robot.control_dofs_force([0.3, 0.2, 0.1])
        alone.step()
    torch.testing.assert_close(values(first.get_qpos()), values(robot.get_qpos()), rtol=1e-12, atol=1e-14)
    gradient = torch.autograd.grad(
        second.get_qpos().sum() + ball.get_pos().sum() + third.get_qpos().sum(), force, retain_graph=True
    )
    assert not gradient[0].any()
    assert ball.get_vel()[2].item() == pytest.approx(-0.981) and floor.get_pos().tolist() == [0, 0, 0]
    assert [link.name for link in scene.links][:4] == ["plane", "sphere", "base", "upper"]


def test_reset_clears_controls_and_keeps_properties(gantry):
    scene, robot = gantry
    robot.set_dofs_kp(7.0)
    robot.control_dofs_force([1.0, 0.0, 9.81])
    scene.step()
    assert scene.t == 1 and scene.get_time() == 0.01
    scene.reset()
    assert scene.t == 0 and robot.get_dofs_kp().tolist() == [7.0] * 3
    scene.step()
    assert robot.get_dofs_velocity().tolist() == pytest.approx([0.0, 0.0, -0.0981])


def test_reset_of_some_environments(arms):
    scene, robot = arms
    robot.set_pos([[0.0, 0, 0], [1.0, 0, 0], [2.0, 0, 0]])
    robot.set_dofs_kp(100.0)
    robot.control_dofs_position(0.3)
    robot.control_actuators([1.0, 0.5])
    robot.apply_links_external_wrench(force=[0.0, 5.0, 0.0], links_idx_local=3)
    scene.reset(envs_idx=[0, 1])
    assert robot.get_pos()[:, 0].tolist() == [0.0, 0.0, 2.0]
    assert robot.get_dofs_control_force().tolist() == [[0.0] * 3, [0.0] * 3, pytest.approx([30.0] * 3)]
    scene.step()
    quiet, _ = make(ARM, n_envs=3)
    quiet.step()
    assert robot.get_qpos()[0].tolist() == quiet.entities[0].get_qpos()[0].tolist()
    assert robot.get_qpos()[2].tolist() != robot.get_qpos()[1].tolist()
    state = scene.get_state().detach()
    scene.reset()
    scene.reset(state, envs_idx=[2])
    assert robot.get_pos()[:, 0].tolist() == [0.0, 0.0, 2.0] and scene.t == 0
    assert robot.get_qpos()[2].tolist() == state.rigid.qpos[2].tolist() and robot.get_qpos()[0].tolist() == [0.0] * 3


def test_losses_of_two_epochs_have_graphs_of_their_own(gantry):
    """One gain set once, two rollouts, then both backward passes."""
    scene, robot = gantry
    gain = torch.full((3,), 20.0, dtype=torch.float64, requires_grad=True)
    robot.set_dofs_kp(gain)
    robot.set_dofs_kv(10.0)
    losses = []
    for target in (0.1, 0.2):
        scene.reset()
        robot.control_dofs_position([target, 0.0, 0.0])
        scene.step()
        losses.append(robot.get_dofs_velocity()[0])
    for loss in losses:
        loss.backward()
    assert gain.grad[0].item() == pytest.approx(0.01 / (1 + 0.1) * 0.3)


def test_reset_to_a_state_keeps_or_cuts_its_graph(gantry):
    scene, robot = gantry
    start = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64, requires_grad=True)
    robot.set_dofs_position(start)
    scene.step()
    state = scene.get_state()
    assert (
        state.s_global == 1 and state.scene is scene and state.solvers_state[0].dofs_acc.tolist() == pytest.approx([0, 0, -9.81])
    )
    scene.step()
    scene.reset(state)
    assert scene.t == 1 and robot.get_dofs_velocity().tolist() == pytest.approx([0, 0, -0.0981])
    assert torch.autograd.grad(robot.get_pos().sum(), start)[0].tolist() == [1.0, 1.0, 1.0]
    scene.reset(state.detach())
    assert not robot.get_pos().requires_grad


def test_no_grad_and_detach(gantry):
    scene, robot = gantry
    force = torch.ones(3, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        robot.control_dofs_force(force)
        scene.step()
    assert not robot.get_pos().requires_grad
    robot.control_dofs_force(force)
    scene.step()
    assert robot.get_pos().requires_grad
    scene.detach()
    assert not robot.get_pos().requires_grad


def test_a_tensor_changed_after_the_call_changes_nothing(gantry):
    scene, robot = gantry
    force = torch.tensor([1.0, 0.0, 9.81], dtype=torch.float64)
    position = torch.zeros(3, dtype=torch.float64)
    robot.set_qpos(position)
    robot.control_dofs_force(force)
    force[0], position[0] = 100.0, 100.0
    scene.step()
    assert robot.get_dofs_velocity().tolist() == pytest.approx([0.01, 0.0, 0.0]) and robot.get_qpos()[0].item() == pytest.approx(
        1e-4
    )


def test_checkpoint(tmp_path, arms):
    scene, robot = arms
    robot.set_qpos([[0.1, 0, 0], [0.2, 0, 0], [0.3, 0, 0]])
    robot.set_dofs_kp(100.0)
    robot.set_dofs_kp(33.0, dofs_idx_local=0, envs_idx=[1])
    robot.control_dofs_position([0.3, 0.1, 0.0])
    robot.control_actuators([0.5], actuators=["drive"])
    for _ in range(3):
        scene.step()
    scene.save_checkpoint(tmp_path / "scene.pt")
    for _ in range(3):
        scene.step()
    expected = values(robot.get_qpos())
    scene.reset()
    robot.set_dofs_kp(1.0)
    scene.load_checkpoint(tmp_path / "scene.pt")
    assert scene.t == 3 and robot.get_dofs_kp(0).tolist() == [[100.0], [33.0], [100.0]]
    for _ in range(3):
        scene.step()
    assert torch.equal(values(robot.get_qpos()), expected)
    other, _ = make(ARM)
    with pytest.raises(gs.InputError, match="another scene: n_envs is 3, here 0"):
        other.load_checkpoint(tmp_path / "scene.pt")
    (tmp_path / "no.pt").write_text("nothing")
    with pytest.raises(gs.InputError, match="cannot be read as a checkpoint"):
        other.load_checkpoint(tmp_path / "no.pt")


def test_a_scene_in_which_nothing_moves_keeps_its_poses():
    scene = gs.Scene(sim_options=gs.options.SimOptions(requires_grad=True))
    scene.add_entity(gs.morphs.Plane())
    box = scene.add_entity(gs.morphs.Box(size=(1.0, 1.0, 1.0), pos=(0.0, 0.5, 2.0), fixed=True))
    scene.build()
    scene.step()
    assert box.get_pos().tolist() == [0.0, 0.5, 2.0]
    assert box.get_vel().tolist() == [0.0, 0.0, 0.0]


def test_velocity_of_a_floating_base_in_the_world_frame(floating, gantry):
    scene, robot = floating
    robot.set_quat([0.5, 0.5, -0.5, 0.5])
    hip = robot.get_dofs_velocity(range(6, 10)).tolist()
    vel, ang = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in ([1.0, -2.0, 3.0], [0.3, 0.5, -0.7]))
    robot.set_vel(vel)
    robot.set_ang(ang)
    assert robot.get_vel().tolist() == pytest.approx([1.0, -2.0, 3.0])
    assert robot.get_ang().tolist() == pytest.approx([0.3, 0.5, -0.7])
    assert robot.get_dofs_velocity(range(6, 10)).tolist() == hip
    weights = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    ((robot.get_vel() + 3 * robot.get_ang()) * weights).sum().backward()
    assert vel.grad.tolist() == pytest.approx([1, 2, 4]) and ang.grad.tolist() == pytest.approx([3, 6, 12])
    for name in ("set_vel", "set_ang"):
        with pytest.raises(gs.UnsupportedError, match=f'entity "gantry".{name}: the base link does not float'):
            getattr(gantry[1], name)([0.0, 0.0, 0.0])


def test_velocity_of_a_floating_base_in_some_environments():
    scene, robot = make(FLOATING, n_envs=2)
    robot.set_quat([HALF, 0.0, 0.0, HALF], envs_idx=[1])
    robot.set_ang([[1.0, 0.0, 0.0]], envs_idx=[1])
    robot.set_vel([0.0, 2.0, 0.0], envs_idx=[0])
    assert robot.get_ang().flatten().tolist() == pytest.approx([0, 0, 0, 1, 0, 0])
    assert robot.get_dofs_velocity()[1, 3:6].tolist() == pytest.approx([0, -1, 0])
    assert robot.get_vel().tolist() == [[0.0, 2.0, 0.0], [0.0, 0.0, 0.0]]


def test_set_qpos_stores_unit_quaternions(floating):
    _, robot = floating
    given = torch.tensor([1.0, 2, 3, 2, 0, 0, 2, 0, 3, 0, 4, 0.5], dtype=torch.float64, requires_grad=True)
    robot.set_qpos(given)
    assert robot.get_qpos().tolist() == pytest.approx([1, 2, 3, HALF, 0, 0, HALF, 0, 0.6, 0, 0.8, 0.5])
    robot.get_qpos()[9].backward()  # d(y / |q|) / dy = 1 / |q|
    assert given.grad.tolist() == pytest.approx([0] * 9 + [0.2] + [0] * 2)


def test_backward_returns_the_state_now(pendulum):
    scene, robot = pendulum
    force = torch.ones(1, dtype=torch.float64, requires_grad=True)
    robot.control_dofs_force(force)
    scene.step()
    state = scene.backward(robot.get_qpos().sum())
    assert isinstance(state.rigid.qpos, gs.Tensor) and not state.rigid.qpos.requires_grad and state.s_global == 1
    assert state.rigid.qpos.tolist() == robot.get_qpos().tolist()
    assert force.grad.item() == pytest.approx(0.01**2 / (0.03 + 2 * 0.25))
