"""What a scene keeps between calls: no gradient is lost to what was computed without, and users own what they are given."""

import pytest
import torch

import genesis as gs
from tests.scene.conftest import make
from tests.scene.robots import ARM

STATE = ("get_qpos", "get_dofs_position", "get_dofs_velocity", "get_dofs_acc")
PROPERTIES = ("get_dofs_damping", "get_dofs_kp", "get_links_mass", "get_links_inertia", "get_links_pos", "get_pos", "get_quat")


def leaf(*numbers):
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


def described(scene):
    for name in scene.rigid_solver.parameters.names:
        scene.rigid_solver.parameters.restore(name)
    scene.reset()


def gradients(scene, robot, recorded_first: bool):
    """Gradients of the velocity after four steps, of which the first, from rest and unforced, may go unrecorded."""
    described(scene)
    damping, force = leaf(0.3, 0.2, 0.4), leaf(1.0, -0.5, 0.7)
    robot.set_dofs_damping(damping)
    robot.control_dofs_force(force)
    with torch.set_grad_enabled(recorded_first):
        scene.step()
    scene.detach()
    for _ in range(3):
        scene.step()
    robot.get_dofs_velocity().sum().backward()
    return torch.cat([damping.grad, force.grad])


def test_a_step_without_gradients_costs_the_next_none(arm):
    expected = gradients(*arm, True)
    assert gradients(*arm, False).tolist() == pytest.approx(expected.tolist(), rel=1e-12)
    assert expected.abs().min() > 1e-4


def test_a_command_composed_without_gradients_is_not_served_with(gantry):
    scene, robot = gantry
    target = leaf(0.1, 0.2, 0.3)
    robot.set_dofs_kp(100.0)
    robot.set_dofs_kv(10.0)
    robot.control_dofs_position(target)
    with torch.no_grad():
        scene.step()
        assert not robot.get_dofs_velocity().requires_grad
    scene.detach()
    scene.step()
    robot.get_dofs_velocity().sum().backward()
    # implicit damping: (1 + dt kv) v' = v + dt kp (target - q)
    assert target.grad.tolist() == pytest.approx([0.01 * 100 / (1 + 0.01 * 10)] * 3)


def test_kinematics_and_values_read_without_gradients(gantry):
    scene, robot = gantry
    place, mass = leaf(0.1, 0.2, 0.3), leaf(2.0)
    robot.set_qpos(place)
    robot.set_links_mass(mass)
    carriage = robot.get_link("carriage")
    with torch.no_grad():
        carriage.get_pos()
        robot.get_potential_energy()
    (carriage.get_pos().sum() + robot.get_links_mass().sum()).backward()
    assert place.grad.tolist() == pytest.approx([1.0] * 3) and mass.grad.tolist() == [1.0]


def test_a_rollout_without_gradients_costs_the_next_none(gantry):
    scene, robot = gantry
    gain = leaf(100.0, 100.0, 100.0)
    robot.set_dofs_kp(gain)
    robot.set_dofs_kv(10.0)
    targets = torch.ones(1, 3, dtype=torch.float64)
    with torch.no_grad():
        scene.rollout(targets, kind="position")
    scene.reset()
    scene.rollout(targets, kind="position").qvel[-1].sum().backward()
    assert gain.grad.tolist() == pytest.approx([0.01 / (1 + 0.01 * 10)] * 3)


@pytest.mark.parametrize("n_envs", [0, 2])
def test_getters_hand_out_copies(n_envs):
    scene, robot = make(ARM, n_envs=n_envs)
    start = robot.get_qpos().tolist()
    for moved in (False, True):
        if moved:
            robot.set_dofs_velocity([1.0, 2.0, 3.0])
            scene.step()
        for name in (*STATE, *PROPERTIES):
            before = getattr(robot, name)().tolist()
            with torch.no_grad():
                getattr(robot, name)().add_(5.0)
                assert getattr(robot, name)().tolist() == before, name
    with torch.no_grad():
        for value in scene.physical_parameters().values():
            value.add_(5.0)
        scene.get_state().rigid.qpos.add_(5.0)
        scene.get_gravity().add_(5.0)
    scene.reset()
    assert robot.get_qpos().tolist() == start and robot.get_dofs_velocity().abs().max() == 0.0
    assert robot.get_dofs_damping().flatten()[:3].tolist() == [0.1, 0.05, 0.2]
    assert scene.get_gravity().flatten()[:3].tolist() == [0.0, 0.0, -9.81]


def test_a_trajectory_is_not_the_state_of_the_scene(arm):
    scene, robot = arm
    with torch.no_grad():
        made = scene.rollout(torch.ones(4, 3, dtype=torch.float64))
        last = made.qpos[-1].tolist()
        made.qpos[-1] += 3.0
    assert robot.get_qpos().tolist() == last


def test_a_checkpoint_after_a_rollout_holds_one_state(arm, tmp_path):
    scene, _ = arm
    for steps in (1, 3000):
        scene.reset()
        scene.rollout(torch.zeros(steps, 3))
        scene.rigid_solver.put_state(qvel=torch.ones(steps, 1, 3, dtype=torch.float64)[-1])  # a view of something long
        scene.save_checkpoint(tmp_path / f"{steps}.pt")
    assert (tmp_path / "3000.pt").stat().st_size == pytest.approx((tmp_path / "1.pt").stat().st_size, abs=1000)


def test_a_gradient_that_the_scene_drops_is_announced_once(caplog):
    scene, robot = make(ARM, requires_grad=False)
    caplog.set_level("WARNING", logger="genesis")
    robot.set_dofs_velocity([1.0, 2.0, 3.0])
    assert not caplog.records
    for _ in range(2):
        robot.set_dofs_velocity(leaf(1.0, 2.0, 3.0))
        robot.control_dofs_force(leaf(1.0, 2.0, 3.0))
    assert [r.getMessage() for r in caplog.records if "requires_grad" in r.getMessage()] == [
        'entity "arm".set_dofs_velocity: the tensor requires gradients, which this scene does not record; '
        "make it with gs.Scene(sim_options=gs.options.SimOptions(requires_grad=True))."
    ]
    assert isinstance(robot.get_dofs_velocity(), gs.Tensor) and not robot.get_dofs_velocity().requires_grad
