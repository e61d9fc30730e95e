"""What fails, or is silently wrong, in the original of this API and must work here; one test a line."""

import pytest
import torch

import genesis as gs
from genesis.errors import SceneMixError, UnsupportedError
from tests.scene.conftest import make
from tests.scene.differences import relative_error
from tests.scene.robots import GANTRY

N, DT = 20, 0.01
REACH = DT * DT * N * (N + 1) / 2  # of a constant acceleration, semi-implicit Euler
WEIGHT = torch.tensor([0.0, 0.0, -9.81], dtype=torch.float64)


def run(scene, robot, forces, position, steps=N):
    scene.reset()
    robot.set_dofs_position(position)
    for _ in range(steps):
        robot.control_dofs_force(forces)
        scene.step()


def test_every_getter_is_differentiable(gantry):
    scene, robot = gantry
    for read in (
        robot.get_pos, robot.get_vel, robot.get_qpos, robot.get_dofs_position, robot.get_dofs_velocity, robot.get_links_pos,
        robot.get_links_vel, robot.get_dofs_acc, robot.get_dofs_control_force, robot.get_kinetic_energy, robot.get_total_energy,
        lambda: scene.get_state().rigid.qpos, lambda: robot.get_state().pos,
    ):  # fmt: skip
        force = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
        run(scene, robot, force, torch.zeros(3, dtype=torch.float64))
        assert torch.autograd.grad(read().sum(), force)[0].abs().sum() > 1e-6, read


def test_documented_quick_start_by_closed_form(gantry):
    scene, robot = gantry
    position = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64, requires_grad=True)
    force = torch.tensor([0.3, -0.2, 9.81], dtype=torch.float64, requires_grad=True)
    run(scene, robot, force, position)
    final = robot.get_pos()
    assert isinstance(final, gs.Tensor) and final.scene is scene and final.shape == (3,)
    target = torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)
    error = (position + (force + WEIGHT) * REACH - target).detach()
    ((final - target) ** 2).sum().backward()
    torch.testing.assert_close(final.detach().as_subclass(torch.Tensor), error + target)
    torch.testing.assert_close(position.grad, 2 * error)
    torch.testing.assert_close(force.grad, 2 * error * REACH)


@pytest.mark.parametrize("setter", ["set_qpos", "set_dofs_position", "set_pos"])
def test_positions_carry_gradients(gantry, setter):
    scene, robot = gantry
    value = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64, requires_grad=True)
    getattr(robot, setter)(value)
    for _ in range(N):
        scene.step()
    torch.testing.assert_close(torch.autograd.grad((robot.get_pos() * WEIGHT).sum(), value)[0], WEIGHT)


def test_velocity_carries_gradients(gantry):
    scene, robot = gantry
    value = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64, requires_grad=True)
    robot.set_dofs_velocity(value)
    for _ in range(N):
        scene.step()
    torch.testing.assert_close(
        torch.autograd.grad(robot.get_pos()[1], value)[0], torch.tensor([0.0, N * DT, 0.0], dtype=torch.float64)
    )


TARGETS = [[0.3, -0.4, 0.05], [0.1, 0.2, 0.3]]
PROPERTIES = {
    "set_dofs_kp": [50.0, 30.0, 80.0], "set_dofs_kv": [3.0, 2.0, 5.0], "set_dofs_damping": [0.3, 0.2, 0.5],
    "set_dofs_stiffness": [1.0, 2.0, 3.0], "set_dofs_armature": [0.05, 0.02, 0.1], "set_links_mass": [3.0, 1.2, 0.7, 0.4],
    "set_links_inertial_mass": [3.0, 1.2, 0.7, 0.4], "set_mass": 4.0,
    "set_links_COM": [[0.0, 0.0, 0.1], [0.01, 0.02, 0.2], [0.03, 0.01, 0.15], [0.0, 0.01, 0.05]],
    "gravity": [0.3, 0.2, -9.0],
}  # fmt: skip


@pytest.mark.parametrize("name", PROPERTIES)
def test_gains_masses_and_the_rest_carry_gradients(arm, name):
    scene, robot = arm
    robot.set_dofs_kp(100.0)
    robot.set_dofs_kv(10.0)

    def final(value, position, velocity):
        scene.reset()
        (scene.set_gravity if name == "gravity" else getattr(robot, name))(value)
        robot.set_dofs_position([0.2, -0.1, 0.02])
        for _ in range(N):
            robot.control_dofs_position_velocity(position, velocity)
            scene.step()
        return (robot.get_links_pos() ** 2).sum() + (robot.get_dofs_velocity() ** 3).sum()

    value = torch.tensor(PROPERTIES[name], dtype=torch.float64)
    targets = [torch.tensor(t, dtype=torch.float64) for t in TARGETS]
    assert relative_error(final, [value, *targets]) < 1e-7


def test_inertia_carries_gradients(arm):
    scene, robot = arm
    start = robot.get_links_inertia().detach().as_subclass(torch.Tensor)

    def final(change):
        scene.reset()
        robot.set_links_inertia(start + change[:, None, None] * torch.eye(3, dtype=torch.float64))
        robot.set_dofs_velocity([1.0, -2.0, 0.1])
        for _ in range(N):
            scene.step()
        return (robot.get_links_pos() ** 2).sum()

    assert relative_error(final, [torch.tensor([0.01, 0.02, 0.03, 0.001], dtype=torch.float64)]) < 1e-7


@pytest.mark.parametrize("kind", ["hold", "wrench", "gains", "teleport", "stop"])
def test_changes_in_mid_rollout_have_right_gradients(arm, kind):
    """Silently wrong in the original: action hold, wrench, gains changed, set_qpos and set_dofs_velocity of constants."""
    scene, robot = arm

    def final(controls, position, other):
        scene.reset()
        robot.set_dofs_position(position)
        for t in range(N):
            if kind == "hold":
                if t % 5 == 0:
                    robot.control_dofs_force(controls[t])
            else:
                robot.control_dofs_force(controls[t])
            if kind == "wrench":
                robot.apply_links_external_wrench(force=other, torque=0.1 * other, links_idx_local=[2, 3], local=t % 2 == 0)
            if kind == "gains" and t >= N // 2:
                robot.set_dofs_kp(20.0 + other[0] ** 2)
                robot.control_dofs_position(other)
            if t == N // 2 and kind == "teleport":
                robot.set_qpos([0.1, 0.2, 0.3], zero_velocity=False)
            if t == N // 2 and kind == "stop":
                robot.set_dofs_velocity([0.3, 0.1, 0.2])
            scene.step()
        return (robot.get_links_pos() ** 2).sum() + (robot.get_dofs_velocity() ** 2).sum() + 0.0 * other.sum()

    generator = torch.Generator().manual_seed(1)
    controls = torch.randn(N, 3, generator=generator, dtype=torch.float64)
    inputs = [controls, torch.tensor([0.1, 0.3, 0.02], dtype=torch.float64), torch.tensor([0.5, -0.2, 0.3], dtype=torch.float64)]
    assert relative_error(final, inputs) < 1e-7


def test_an_overwritten_state_has_no_gradient(gantry):
    scene, robot = gantry
    start = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64, requires_grad=True)
    robot.set_dofs_position(start)
    scene.step()
    robot.set_qpos([0.0, 0.1, 0.2], zero_velocity=False)
    scene.step()
    assert not torch.autograd.grad(robot.get_qpos().sum(), start)[0].any()
    scene.reset()
    robot.set_dofs_position(start)
    robot.set_dofs_position(0.5, dofs_idx_local=1)
    gradient = torch.autograd.grad(robot.get_dofs_position().sum(), start)[0]
    torch.testing.assert_close(gradient, torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64))
    robot.set_qpos([0.0, 0.1, 0.2])
    assert not robot.get_qpos().requires_grad


def test_tensors_with_and_without_gradient_mix_in_one_setter(gantry):
    scene, robot = gantry
    x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    robot.set_dofs_kp(100.0)
    robot.set_dofs_kv(10.0)
    robot.set_dofs_position([x, 0.25, torch.tensor(1.0)])
    robot.control_dofs_position_velocity([0.0, x, 0.0], torch.zeros(3))
    scene.step()
    p = robot.get_dofs_position()
    # y: 1 kg, implicit damping: v = dt (kp (x - y) ) / (m + dt kv)
    assert torch.autograd.grad(p[1], x, retain_graph=True)[0].item() == pytest.approx(DT * DT * 100 / (1 + DT * 10))
    assert torch.autograd.grad(p[0], x)[0].item() == pytest.approx(1 - DT * DT * 100 / (1 + DT * 10))


def test_second_order_is_refused(gantry):
    scene, robot = gantry
    force = torch.ones(3, dtype=torch.float64, requires_grad=True)
    robot.control_dofs_force(force**2)
    scene.step()
    with pytest.raises(UnsupportedError, match="second order"):
        gradient = torch.autograd.grad(robot.get_pos().sum(), force, create_graph=True)[0]
        gradient.sum().backward()


def test_several_backwards_steps_after_backward_and_jacobian_rows(gantry):
    scene, robot = gantry
    force = torch.tensor([0.3, -0.2, 9.81], dtype=torch.float64, requires_grad=True)
    run(scene, robot, force, torch.zeros(3, dtype=torch.float64))
    position = robot.get_pos()
    position[0].backward(retain_graph=True)
    (2 * position[1]).backward(retain_graph=True)
    torch.testing.assert_close(force.grad, torch.tensor([REACH, 2 * REACH, 0.0], dtype=torch.float64))
    scene.step()  # after backward, with the control still held
    longer = DT * DT * (N + 1) * (N + 2) / 2
    eye = torch.eye(3, dtype=torch.float64)
    jacobian = torch.autograd.grad(robot.get_pos(), force, eye, is_grads_batched=True)[0]
    torch.testing.assert_close(jacobian, longer * eye)


def test_a_held_control_and_a_set_gain_survive_backward(gantry):
    scene, robot = gantry
    gain = torch.full((3,), 20.0, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64, requires_grad=True)
    robot.set_dofs_kp(gain)
    robot.set_dofs_kv(10.0)
    robot.control_dofs_position(target)
    gradients = []
    for _ in range(2):
        scene.step()
        loss = robot.get_dofs_velocity().sum()
        gradients.append(torch.autograd.grad(loss, [gain, target]))
        scene.detach()
    first = DT / (1 + DT * 10)  # dv = dt / (m + dt kv) d(kp (target - q))
    torch.testing.assert_close(gradients[0][0], first * target.detach())
    torch.testing.assert_close(gradients[0][1], first * gain.detach())
    torch.testing.assert_close(gradients[1][1], first * gain.detach())


def test_kinematics_without_a_step_has_gradients(floating):
    scene, robot = floating

    def feet(pos, quat, angles):
        scene.reset()
        robot.set_pos(pos)
        robot.set_quat(quat)
        robot.set_dofs_position(angles, dofs_idx_local=range(6, 10))
        return (robot.get_links_pos()[2] * torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)).sum()

    pos, quat = torch.tensor([0.1, 0.2, 0.9], dtype=torch.float64), torch.tensor([0.9, 0.1, -0.2, 0.3], dtype=torch.float64)
    assert relative_error(feet, [pos, quat, torch.tensor([0.3, -0.2, 0.1, 0.4], dtype=torch.float64)]) < 1e-8


def test_float32_is_promoted_with_its_gradient(gantry):
    scene, robot = gantry
    force = torch.tensor([1.0, 0.0, 0.0], requires_grad=True)  # float32 in a 64-bit scene
    run(scene, robot, force, torch.zeros(3))
    assert robot.get_pos().dtype is torch.float64
    gradient = torch.autograd.grad(robot.get_pos()[0], force)[0]
    assert gradient.dtype is torch.float32
    assert gradient[0].item() == pytest.approx(REACH, rel=1e-6)


def test_armature_is_what_the_file_says(gantry, arm):
    assert not gantry[1].get_dofs_armature().any()
    torch.testing.assert_close(arm[1].get_dofs_armature().tolist(), [0.02, 0.01, 0.0])
    scene = gs.Scene()
    entity = scene.add_entity(gs.morphs.URDF(file=GANTRY, default_armature=0.1))
    scene.build()
    assert entity.get_dofs_armature().tolist() == pytest.approx([0.1] * 3)


def test_state_and_getters_have_the_same_environment_axis(gantry, arms):
    assert gantry[0].get_state().rigid.qpos.shape == gantry[1].get_qpos().shape == (3,)
    assert arms[0].get_state().rigid.links_quat.shape == arms[1].get_links_quat().shape == (3, 4, 4)
    assert arms[1].get_state().pos.shape == arms[1].get_pos().shape == (3, 3)


def test_two_scenes_do_not_mix(gantry, pendulum):
    with pytest.raises(SceneMixError, match="sceneless"):
        gantry[1].get_pos() + pendulum[1].get_pos()
    with pytest.raises(SceneMixError, match="sceneless"):
        gantry[1].set_pos(pendulum[1].get_pos())
    gantry[1].set_pos(pendulum[1].get_pos().sceneless())
    assert gantry[1].get_pos().tolist() == pytest.approx([0.0, 0.0, 1.0])


def test_without_requires_grad_nothing_is_recorded():
    scene, robot = make(GANTRY, requires_grad=False)
    force = torch.ones(3, dtype=torch.float64, requires_grad=True)
    robot.control_dofs_force(force)
    robot.set_dofs_kp(force)
    scene.step()
    assert not robot.get_pos().requires_grad
    assert not scene.rigid_solver.qvel.requires_grad
