"""Mass matrix, energies, Jacobians, masses and inertias of entities: closed forms, identities, gradients."""

import pytest
import torch

import genesis as gs
from genesis.scene.inertia import gravity_force, mass_matrix
from tests.scene.conftest import make
from tests.scene.differences import relative_error
from tests.scene.robots import FLOATING, PENDULUM


def double(*x):
    return torch.tensor(x, dtype=torch.float64)


def plain(x):
    return x.detach().as_subclass(torch.Tensor)


def test_pendulum_by_hand(pendulum):
    scene, robot = pendulum
    robot.set_dofs_position(0.4)
    robot.set_dofs_velocity(1.2)
    inertia = 0.03 + 2 * 0.25
    assert robot.get_mass_mat().tolist() == [[pytest.approx(inertia)]]
    assert robot.get_kinetic_energy().item() == pytest.approx(0.5 * inertia * 1.44)
    height = 1 - 0.5 * torch.cos(double(0.4)).item()
    assert robot.get_potential_energy().item() == pytest.approx(2 * 9.81 * height)
    assert robot.get_total_energy().item() == pytest.approx(0.5 * inertia * 1.44 + 2 * 9.81 * height)
    assert scene.bias_force().tolist() == pytest.approx([2 * 9.81 * 0.5 * torch.sin(double(0.4)).item()])
    assert robot.get_mass().item() == 2.0


def test_decomposed_mass_matrix(floating):
    robot = floating[1]
    robot.set_dofs_position([0.1, 0.2, 0.3, 0.3, -0.2, 0.5, 0.2, 0.4, -0.1, 0.7])
    mass, (lower, inverse) = plain(robot.get_mass_mat()), robot.get_mass_mat(decompose=True)
    lower, inverse = plain(lower), plain(inverse)
    torch.testing.assert_close(lower.mT @ torch.diag(1 / inverse) @ lower, mass)
    assert torch.equal(lower, lower.tril()) and torch.equal(lower.diagonal(), torch.ones(10, dtype=torch.float64))
    torch.testing.assert_close(plain(floating[0].mass_matrix()), mass)


def test_inertia_and_gravity_are_those_of_inverse_dynamics(floating):
    """From link velocities and from the kernel of inverse dynamics: values, and gradients with respect to the configuration."""
    scene, robot = floating
    robot.set_dofs_position([0.1, 0.2, 0.3, 0.3, -0.2, 0.5, 0.2, 0.4, -0.1, 0.7])
    solver, torch_seed = scene.rigid_solver, torch.Generator().manual_seed(3)
    q = solver.qpos.detach().requires_grad_()
    found = mass_matrix(solver, q), gravity_force(solver, q)
    expected = (
        solver.physics.mass_matrix(solver.theta(), q),
        solver.physics.bias(solver.theta(), q, torch.zeros_like(solver.qvel)),
    )
    weights = [torch.randn(x.shape, generator=torch_seed, dtype=x.dtype) for x in expected]
    gradients = [
        torch.autograd.grad(sum((x * w).sum() for x, w in zip(made, weights, strict=True)), q) for made in (found, expected)
    ]
    for x, y in zip((*found, *gradients[0]), (*expected, *gradients[1]), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        plain(scene.gravity_force()), plain(scene.bias_force(qvel=torch.zeros(10))), rtol=1e-12, atol=1e-12
    )


def test_energy_is_kept_without_damping():
    """RK4 at 1 ms: a floating tree with a ball joint keeps its energy, springs included."""
    scene, robot = make(FLOATING, requires_grad=False, dt=0.001, integrator="RK4")
    robot.set_dofs_damping(0.0)
    robot.set_dofs_stiffness([*[0.0] * 6, *[0.5] * 3, 0.8])
    robot.set_dofs_position([0.1, -0.2, 0.3, 0.2], dofs_idx_local=range(6, 10))
    robot.set_dofs_velocity([0.2, 0.1, 2.0, 1.0, -2.0, 0.5, 1.0, 2.0, -1.0, 3.0])
    before, moving = robot.get_total_energy().item(), robot.get_kinetic_energy().item()
    for _ in range(200):
        scene.step()
    assert robot.get_total_energy().item() == pytest.approx(before, rel=1e-7)
    assert abs(robot.get_kinetic_energy().item() - moving) > 1.0


@pytest.mark.parametrize("point", [None, [0.1, -0.2, 0.3]])
def test_jacobian_is_the_derivative_of_the_point(arm, point):
    scene, robot = arm
    q = double(0.3, -0.4, 0.05)
    local = double(*(point or [0.0, 0.0, 0.0]))

    def place(q):
        pos, quat = robot.forward_kinematics(q)
        w, v = quat[3, :1], quat[3, 1:]
        t = 2 * torch.linalg.cross(v, local.as_subclass(gs.Tensor))
        return pos[3] + local + w * t + torch.linalg.cross(v, t)

    robot.set_qpos(q)
    jacobian = plain(robot.get_jacobian("hand", point))
    torch.testing.assert_close(jacobian[:3], plain(torch.autograd.functional.jacobian(place, q)))
    robot.set_dofs_velocity([0.5, -1.0, 0.2])
    torch.testing.assert_close(jacobian[3:] @ double(0.5, -1.0, 0.2), plain(robot.get_link("hand").get_ang()))
    assert robot.get_jacobian(robot.get_link("upper")).shape == (6, 3)


def test_jacobian_of_environments(arms):
    robot = arms[1]
    robot.set_qpos([[0.1, 0, 0], [0.2, 0, 0], [0.3, 0, 0]])
    whole = plain(robot.get_jacobian("hand", [0, 0, 0.1]))
    assert whole.shape == (3, 6, 3)
    torch.testing.assert_close(plain(robot.get_jacobian("hand", [0, 0, 0.1], envs_idx=[2])), whole[2:])


@pytest.mark.parametrize("query", ["get_mass_mat", "get_kinetic_energy", "get_potential_energy", "get_total_energy"])
def test_queries_are_differentiable_in_state_and_masses(floating, query):
    scene, robot = floating
    scale = torch.linspace(0.5, 1.5, 100, dtype=torch.float64).reshape(10, 10)

    def value(position, velocity, mass, stiffness):
        scene.reset()
        robot.set_dofs_position(position)
        robot.set_dofs_velocity(velocity)
        robot.set_links_mass(mass)
        robot.set_dofs_stiffness(stiffness)
        made = getattr(robot, query)()
        return (made * scale).sum() if made.dim() else made

    position = double(0.1, 0.2, 0.3, 0.3, -0.2, 0.5, 0.2, 0.4, -0.1, 0.7)
    velocity = double(0.2, 0.1, 1.0, 1.0, -1.0, 0.5, 1.0, 0.5, -1.0, 0.3)
    springs = double(0, 0, 0, 0, 0, 0, 0.1, 0.1, 0.1, 0.4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene.rigid_solver.inputs.__class__, "finite", lambda *a: None)  # differences step below zero stiffness
        assert relative_error(value, [position, velocity, double(2.0, 0.6, 0.3), springs]) < 1e-7


def test_masses_and_inertias(arm):
    robot = arm[1]
    assert robot.get_links_mass().tolist() == [3.0, 1.5, 0.8, 0.3]
    robot.set_links_inertial_mass([2.0], links_idx_local=[1])
    assert robot.get_links_inertial_mass([1, 0]).tolist() == [2.0, 3.0]
    robot.set_mass(12.2)
    assert robot.get_mass().item() == pytest.approx(12.2) and robot.get_links_mass().tolist() == pytest.approx(
        [6.0, 4.0, 1.6, 0.6]
    )
    assert robot.get_links_inertia(1)[0].diagonal().tolist() == pytest.approx([0.04, 0.04, 0.008])
    inertia = [[0.03, 0.001, 0.002], [0.001, 0.04, 0.003], [0.002, 0.003, 0.05]]
    robot.set_links_inertia([inertia], links_idx_local=[2])
    assert robot.get_links_inertia(2)[0].tolist() == inertia
    robot.set_links_COM([[0.1, 0.2, 0.3]], links_idx_local=3)
    assert robot.get_links_COM(3).tolist() == [[0.1, 0.2, 0.3]]
    robot.get_link("hand").set_mass(1.2)
    assert robot.get_link("hand").get_mass().item() == pytest.approx(1.2)
    assert robot.get_links_inertia(3)[0].diagonal().tolist() == pytest.approx([0.004] * 3)


def test_properties_by_environment(arms):
    robot = arms[1]
    robot.set_links_mass([[1.0], [2.0], [3.0]], links_idx_local=3)
    assert robot.get_mass().tolist() == pytest.approx([6.3, 7.3, 8.3])
    assert robot.get_links_mass([0, 3], envs_idx=[2]).tolist() == [[3.0, 3.0]]
    robot.set_mass(1.0, envs_idx=[0])
    assert robot.get_mass().tolist() == pytest.approx([1.0, 7.3, 8.3])
    robot.set_dofs_stiffness([[1.0, 2.0]], dofs_idx_local=[2, 0], envs_idx=[1])
    assert robot.get_dofs_stiffness().tolist() == [[0, 0.7, 0], [2.0, 0.7, 1.0], [0, 0.7, 0]]
    assert robot.get_dofs_damping(envs_idx=1).tolist() == [[0.1, 0.05, 0.2]]


def test_physical_parameters_are_what_a_rollout_takes(arm):
    scene, robot = arm
    robot.set_dofs_damping(0.5)
    parameters = scene.physical_parameters()
    assert parameters["link_mass"].tolist() == [3.0, 1.5, 0.8, 0.3] and parameters["dof_damping"].tolist() == [0.5] * 3
    assert parameters["gravity"].shape == (3,) and not parameters["gravity"].requires_grad
    force = torch.ones(5, 3)
    expected = scene.rollout(force).qpos.detach()
    scene.reset()
    assert torch.equal(plain(scene.rollout(force, params=parameters).qpos), plain(expected))


def test_bias_force_holds_still():
    scene, robot = make(PENDULUM)
    robot.set_dofs_position(0.7)
    robot.control_dofs_force(scene.bias_force())
    scene.step()
    assert robot.get_dofs_velocity().item() == pytest.approx(0.0, abs=1e-14)
    assert scene.bias_force([0.0], [0.0]).item() == pytest.approx(0.0, abs=1e-14)
