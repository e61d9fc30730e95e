"""Controls by closed forms on the gantry (1 kg, implicit velocity gains) and by equality of equal commands."""

import math

import pytest
import torch

import genesis as gs
from genesis.grad.rotation import rotate_inverse
from tests.scene.differences import relative_error

DT, UP = 0.01, 9.81


def test_position_and_velocity_control(gantry):
    """One step from rest: v = dt kp (target - q) / (m + dt kv); velocity control: v = dt kv target / (m + dt kv)."""
    scene, robot = gantry
    robot.set_dofs_kp([40.0, 50.0, 60.0])
    robot.set_dofs_kv([4.0, 5.0, 6.0])
    robot.control_dofs_position(0.2, dofs_idx_local=0)
    robot.control_dofs_velocity(0.3, dofs_idx_local=1)
    robot.control_dofs_force(UP, dofs_idx_local=2)
    assert robot.get_dofs_control_force().tolist() == pytest.approx([8.0, 1.5, UP])
    scene.step()
    assert robot.get_dofs_velocity().tolist() == pytest.approx([DT * 8 / (1 + DT * 4), DT * 1.5 / (1 + DT * 5), 0.0])
    v = robot.get_dofs_velocity()[0].item()
    assert robot.get_dofs_control_force(0).tolist() == pytest.approx([40 * (0.2 - DT * v) - 4 * v])
    robot.control_dofs_position_velocity([0.0, 0.0], [0.1, 0.2], dofs_idx_local=[0, 1])
    v, q = robot.get_dofs_velocity().tolist(), robot.get_dofs_position().tolist()
    expected = [-40 * q[0] + 4 * (0.1 - v[0]), -50 * q[1] + 5 * (0.2 - v[1])]
    assert robot.get_dofs_control_force([0, 1]).tolist() == pytest.approx(expected)


def test_default_gains_move_every_joint_alike_whatever_it_carries(gantry, arm, floating):
    assert gantry[1].get_dofs_kp().tolist() == [2500.0] * 3 and gantry[1].get_dofs_kv().tolist() == [100.0] * 3
    for scene, robot in (arm, floating):  # (50 rad/s)² and 2 (50 rad/s) of the diagonal of M, armature included
        inertia = scene.mass_matrix().diagonal()[-3:]
        assert robot.get_dofs_kp()[-1].item() == pytest.approx(2500.0 * inertia[-1].item(), rel=1e-12)
        assert robot.get_dofs_kv()[-3:].tolist() == pytest.approx((100.0 * inertia).tolist(), rel=1e-12)
    assert floating[1].get_dofs_kp()[:9].tolist() == [0.0] * 9 and floating[1].get_dofs_kv()[:6].tolist() == [0.0] * 6
    shoulder = 0.02 + 0.02 + 1.5 * 0.2**2 + 0.008 + 0.8 * 0.55**2 + 0.001 + 0.3 * 0.75**2 + 0.8 * 0.01**2
    assert arm[1].get_dofs_kp()[0].item() == pytest.approx(2500.0 * shoulder, rel=0.02)


def test_a_joint_under_its_default_gains_arrives_without_overshoot(arm):
    scene, robot = arm
    scene.set_gravity((0.0, 0.0, 0.0))
    robot.control_dofs_position(0.05)
    track = [scene.step() or robot.get_dofs_position().tolist() for _ in range(30)]
    assert max(max(row) for row in track) < 0.0525 and min(track[-1]) > 0.0475


def test_control_is_held_and_modes_change(gantry):
    scene, robot = gantry
    robot.control_dofs_position([0.1, 0.0, 0.0])
    for _ in range(3):
        scene.step()
    robot.control_dofs_force([0.0, 0.0, UP])
    before = robot.get_dofs_velocity().tolist()
    for _ in range(3):
        scene.step()
    assert robot.get_dofs_velocity().tolist() == pytest.approx(before)


def test_force_range_limits_every_kind(gantry):
    scene, robot = gantry
    assert [x.tolist() for x in robot.get_dofs_force_range()] == [[-100.0] * 3, [100.0] * 3]
    robot.set_dofs_force_range([-1.0, -2.0, -20.0], [1.0, 2.0, 20.0])
    robot.control_dofs_position(5.0, dofs_idx_local=0)
    robot.control_dofs_force([-50.0, UP], dofs_idx_local=[1, 2])
    assert robot.get_dofs_control_force().tolist() == pytest.approx([1.0, -2.0, UP])
    scene.step()
    assert robot.get_dofs_velocity().tolist() == pytest.approx([DT, -2 * DT, 0.0])


def test_control_of_some_environments(arms):
    scene, robot = arms
    robot.set_dofs_kp(100.0)
    robot.set_dofs_kv(10.0)
    robot.control_dofs_position(0.1, envs_idx=[0, 2])
    robot.control_dofs_force([3.0], dofs_idx_local=[2], envs_idx=[1])
    assert robot.get_dofs_control_force().tolist() == [
        pytest.approx([10.0] * 3),
        pytest.approx([0, 0, 3.0]),
        pytest.approx([10.0] * 3),
    ]
    robot.control_dofs_velocity([[0.1], [0.2], [0.3]], dofs_idx_local=0)
    assert robot.get_dofs_control_force(0).tolist() == [pytest.approx([x]) for x in (1.0, 2.0, 3.0)]


def test_gains_set_after_the_target_count(gantry):
    scene, robot = gantry
    robot.control_dofs_position([0.1, 0.2, 0.3])
    robot.set_dofs_kp([10.0, 20.0, 30.0])
    robot.set_dofs_kv(10.0)
    assert robot.get_dofs_control_force().tolist() == pytest.approx([1.0, 4.0, 9.0])
    scene.step()
    assert robot.get_dofs_velocity()[1].item() == pytest.approx(DT * 4 / (1 + DT * 10))


def test_gains_changed_while_a_target_is_held(gantry):
    scene, robot = gantry
    robot.control_dofs_position([0.1, 0.0, 0.0])
    scene.step()
    robot.set_dofs_kp([0.0, 0.0, 0.0])
    robot.set_dofs_kv([0.0, 0.0, 0.0])
    before = robot.get_dofs_velocity()[0].item()
    scene.step()
    assert robot.get_dofs_velocity()[0].item() == pytest.approx(before, rel=1e-12)
    robot.set_dofs_kp([20.0, 0.0, 0.0])
    q = robot.get_dofs_position()[0].item()
    scene.step()
    assert robot.get_dofs_velocity()[0].item() == pytest.approx(before + DT * 20 * (0.1 - q), rel=1e-12)


def test_actuators_of_the_file(arm):
    scene, robot = arm
    assert [a.name for a in robot.actuators] == ["drive", "servo"]
    robot.set_qpos([0.0, 0.2, 0.0])
    scene.step()
    quiet = robot.get_dofs_acc().tolist()  # nobody controls the actuators: no force, not even of the servo
    scene.reset()
    robot.set_qpos([0.0, 0.2, 0.0])
    robot.control_actuators([0.5, 0.2])
    scene.step()
    servo_at_rest = robot.get_dofs_acc().tolist()
    scene.reset()
    robot.set_qpos([0.0, 0.2, 0.0])
    robot.control_dofs_force([1.0, 0.0, 0.0])  # gear 2 times 0.5; the servo stands at its target
    scene.step()
    assert robot.get_dofs_acc().tolist() == pytest.approx(servo_at_rest) and servo_at_rest != pytest.approx(quiet)
    scene.reset()
    robot.set_qpos([0.0, 0.2, 0.0])
    robot.control_actuators(0.3, "servo")
    scene.step()
    acc = robot.get_dofs_acc().tolist()
    scene.reset()
    robot.set_qpos([0.0, 0.2, 0.0])
    robot.control_dofs_force([0.0, 5 * (0.3 - 0.2), 0.0])
    scene.step()
    assert robot.get_dofs_acc().tolist() == pytest.approx(acc)


def test_actuator_controls_carry_gradients(arm):
    scene, robot = arm

    def final(drive, servo):
        scene.reset()
        for _ in range(10):
            robot.control_actuators(drive, ["drive"])
            robot.control_actuators(servo, [1])
            scene.step()
        return (robot.get_qpos() ** 2).sum()

    assert relative_error(final, [torch.tensor([0.7], dtype=torch.float64), torch.tensor([0.4], dtype=torch.float64)]) < 1e-7


@pytest.mark.parametrize("call", [0, 1, 2, 3])
def test_wrenches_that_are_the_same(arm, call):
    """The same force at the same point, said in four ways."""
    scene, robot = arm
    robot.set_dofs_position([0.3, -0.4, 0.05])
    frame = gs.link_ref_frame
    hand = robot.get_link("hand")
    centre = robot.get_links_pos(3, ref=frame.link_COM)[0].detach()
    force = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    local = rotate_inverse(hand.get_quat().sceneless(), force)
    robot.control_dofs_force(0.0)
    (
        lambda: robot.apply_links_external_wrench(force, links_idx_local=3, ref=frame.link_COM),
        lambda: robot.apply_links_external_wrench(force, links_idx_local=[3], pos=centre),
        lambda: robot.apply_links_external_wrench(local[None], links_idx_local=3, ref=frame.link_COM, local=True),
        lambda: hand.apply_external_wrench(local, pos=[0.0, 0.0, 0.05], local=True),
    )[call]()
    scene.step()
    after = robot.get_dofs_velocity().detach()
    scene.reset()
    robot.set_dofs_position([0.3, -0.4, 0.05])
    jacobian = robot.get_jacobian("hand", [0.0, 0.0, 0.05])[:3].detach()
    robot.control_dofs_force(jacobian.mT @ force)
    scene.step()
    torch.testing.assert_close(after, robot.get_dofs_velocity().detach(), rtol=1e-10, atol=1e-12)


def test_a_wrench_lasts_one_step_and_adds_up(gantry):
    scene, robot = gantry
    for force in ([1.0, 0.0, 0.0], [0.0, 2.0, 0.0]):
        robot.apply_links_external_wrench(force=force)
    robot.apply_links_external_wrench(torque=[0.0, 0.0, 5.0])
    scene.step()
    scene.step()
    assert robot.get_dofs_velocity().tolist() == pytest.approx([DT, 2 * DT, -2 * DT * UP])


def test_wrenches_of_the_solver_count_links_in_the_scene(gantry):
    scene, robot = gantry
    scene.sim.rigid_solver.apply_links_external_force([[1.0, 0.0, UP]], links_idx=[robot.base_link.idx])
    scene.rigid_solver.apply_links_external_torque([0.0, 0.0, 1.0])
    scene.step()
    assert robot.get_dofs_velocity().tolist() == pytest.approx([DT, 0.0, 0.0])


def test_wrench_on_some_environments(arms):
    scene, robot = arms
    robot.apply_links_external_wrench(force=[[[0.0, 1.0, 0.0]]], links_idx_local=3, envs_idx=[1])
    scene.step()
    speeds = robot.get_dofs_velocity().abs().sum(-1).tolist()
    assert speeds[0] == speeds[2] < speeds[1]


def test_gravity(gantry, arms):
    scene, robot = gantry
    scene.set_gravity([1.0, 2.0, 3.0])
    scene.step()
    assert robot.get_dofs_velocity().tolist() == pytest.approx([DT, 2 * DT, 3 * DT])
    assert scene.get_gravity().tolist() == [1.0, 2.0, 3.0]
    many, robots = arms
    many.set_gravity([[0.0, 0.0, 0.0]], envs_idx=[1])
    many.step()
    fall = robots.get_dofs_velocity(2)[:, 0].tolist()
    assert fall[0] == fall[2] < -0.05 and abs(fall[1]) < 1e-12
    assert many.get_gravity().tolist() == [[0, 0, -9.81], [0, 0, 0], [0, 0, -9.81]]


def test_pendulum_swings_with_its_frequency(pendulum):
    scene, robot = pendulum
    inertia, weight = 0.03 + 2 * 0.25, 2 * 9.81 * 0.5
    robot.set_dofs_position(1e-3)
    period = 2 * math.pi * math.sqrt(inertia / weight)
    for _ in range(round(period / DT)):
        scene.step()
    t = scene.get_time()
    assert robot.get_qpos().item() == pytest.approx(1e-3 * math.cos(2 * math.pi * t / period), abs=2e-5)


def test_ball_joints_have_no_position_control(floating):
    scene, robot = floating
    with pytest.raises(gs.UnsupportedError, match='joint "hip" is a ball joint'):
        robot.control_dofs_position(torch.zeros(10))
    with pytest.raises(gs.UnsupportedError, match='joint "root" turns freely'):
        robot.set_dofs_kp(torch.ones(6), dofs_idx_local=range(6))
    robot.set_dofs_kp([100.0], dofs_idx_local=[9])
    robot.set_dofs_kv([10.0, 20.0, 30.0], dofs_idx_local=[6, 7, 8])
    robot.control_dofs_position([0.2], dofs_idx_local=[9])
    robot.control_dofs_velocity([0.1, 0.0, 0.0], dofs_idx_local=[6, 7, 8])
    assert robot.get_dofs_control_force([6, 9]).tolist() == pytest.approx([1.0, 20.0])
