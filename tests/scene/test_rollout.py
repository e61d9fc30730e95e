"""scene.rollout and scene.step_state: the numbers and gradients of a loop over scene.step."""

import math

import pytest
import torch

import genesis as gs
from genesis.errors import StateError
from tests.scene.conftest import make
from tests.scene.differences import relative_error
from tests.scene.robots import ARM, FLOATING

T = 12
U = torch.zeros(5, 3)


def controls(width, *lead):
    return torch.randn(*lead, width, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def plain(x):
    return x.detach().as_subclass(torch.Tensor)


def loop(scene, robot, kind, u):
    qpos, points, acc = [robot.get_qpos()], [robot.get_links_pos()], []
    for t in range(len(u)):
        getattr(robot, f"control_dofs_{kind}")(u[t])
        scene.step()
        qpos.append(robot.get_qpos())
        points.append(robot.get_links_pos())
        acc.append(robot.get_dofs_acc())
    return torch.stack(qpos), torch.stack(points), torch.stack(acc)


@pytest.mark.parametrize("kind", ["force", "position", "velocity"])
@pytest.mark.parametrize("which", ["arm", "arms"])
def test_rollout_is_the_loop(request, which, kind):
    scene, robot = request.getfixturevalue(which)
    lead = (3,) if which == "arms" else ()
    u = controls(3, T, *lead).requires_grad_()
    kp = torch.tensor([20.0, 30.0, 40.0], dtype=torch.float64, requires_grad=True)
    start = torch.tensor([0.1, -0.2, 0.03], dtype=torch.float64, requires_grad=True)

    def prepare():
        scene.reset()
        robot.set_dofs_kp(kp)
        robot.set_dofs_position(start)

    prepare()
    qpos, points, acc = loop(scene, robot, kind, u)
    slow = torch.autograd.grad((points**2).sum() + (qpos**3).sum() + acc.sum(), [u, kp, start], allow_unused=kind == "force")
    prepare()
    made = scene.rollout(u, kind=kind)
    loss = (made.links_pos**2).sum() + (made.qpos**3).sum() + made.qacc.sum()
    fast = torch.autograd.grad(loss, [u, kp, start], allow_unused=kind == "force")
    for a, b in ((made.qpos, qpos), (made.links_pos, points), (made.qacc, acc)):
        torch.testing.assert_close(plain(a), plain(b), rtol=1e-12, atol=1e-13)
    for a, b in zip(fast, slow, strict=True):
        if b is None or not b.any():
            assert a is None or not a.any()
        else:
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    assert robot.get_qpos().tolist() == made.qpos[-1].tolist() and scene.t == T


def test_shapes_time_and_points(arms):
    scene, robot = arms
    made = scene.rollout(torch.zeros(T, 3), qpos=[0.1, 0.2, 0.0], qvel=torch.zeros(3, 3))
    assert made.qpos.shape == made.qvel.shape == (T + 1, 3, 3) and made.qacc.shape == (T, 3, 3) and len(made) == T
    assert made.links_quat.shape == (T + 1, 3, 4, 4) and made.links_vel.shape == made.links_ang.shape == (T + 1, 3, 4, 3)
    assert made.time.tolist() == pytest.approx([0.01 * t for t in range(T + 1)]) and made.controls.shape == (T, 3, 3)
    assert made.point(robot, "hand").scene is scene
    torch.testing.assert_close(plain(made.point(robot, "hand", [0, 0, 0.1])), plain(made.point("arm", "tip")))
    torch.testing.assert_close(plain(made.point(robot, "hand")), plain(made.links_pos[:, :, 3]))
    turned = plain(made.frame_quat(robot, "tip"))  # the site is turned by 90° about y in the hand
    half = 0.5**0.5
    assert turned[0, 0].tolist() != plain(made.frame_quat(robot, "hand"))[0, 0].tolist() and turned.shape == (T + 1, 3, 4)
    still = scene.rollout(torch.zeros(1, 3), qpos=[0.0, 0.0, 0.0])
    assert still.frame_quat(robot, "tip")[0, 0].tolist() == pytest.approx([half, 0, half, 0])
    slope = (made.point(robot, "tip")[1:] - made.point(robot, "tip")[:-1]) / 0.01
    torch.testing.assert_close(plain(slope), plain(made.point_vel(robot, "tip")[1:]), atol=0.02, rtol=0.05)
    with pytest.raises(gs.UnknownNameError, match='unknown link or site "tipp"; known: tip'):
        made.point(robot, "tipp")
    for steps in (3, 99, slice(3, 3), slice(None, None, -1), slice(0, 4, 0), "end"):
        with pytest.raises(gs.InputError, match=f"steps is .*; allowed: a slice of the {T + 1} states"):
            made.point(robot, "tip", steps=steps)


def test_chosen_steps_are_those_of_the_whole(arms):
    """Values and gradients of points and orientations, whatever was asked for before."""
    scene, robot = arms
    for steps in (slice(-1, None), slice(2, 7), slice(0, None, 3), slice(None)):
        found = []
        for part in (True, False):
            controls = torch.linspace(-1.0, 1.0, T * 9, dtype=torch.float64).view(T, 3, 3).requires_grad_()
            made = scene.rollout(controls, qpos=[0.1, 0.2, 0.0], qvel=torch.zeros(3, 3))
            if part:
                point, quat = made.point(robot, "tip", steps=steps), made.frame_quat(robot, "tip", steps)
            else:
                point, quat = made.point(robot, "tip")[steps], made.frame_quat(robot, "tip")[steps]
            ((point**2).sum() + (quat[..., 1] ** 3).sum()).backward()
            found.append([plain(point).detach(), plain(quat).detach(), controls.grad])
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-15)
        assert found[0][2].any()


def test_gradients_of_initial_state_and_parameters(floating):
    scene, robot = floating

    def final(qpos, qvel, force, mass, gravity, damping):
        qpos = torch.cat([qpos[:3], qpos[3:7] / qpos[3:7].norm(), qpos[7:11] / qpos[7:11].norm(), qpos[11:]])
        params = {"link_mass": mass, "gravity": gravity, "dof_damping": damping}
        made = scene.rollout(force, qpos=qpos, qvel=qvel, params=params)
        return (made.point(robot, "foot", [0.0, 0.0, -0.2]) ** 2).sum() + (made.qvel[-1] ** 2).sum()

    qpos = torch.tensor([0.1, 0.2, 1.0, 0.9, 0.1, 0.2, 0.3, 0.8, -0.1, 0.3, 0.2, 0.4], dtype=torch.float64)
    inputs = [
        qpos, controls(10), controls(10, T), torch.tensor([2.0, 0.6, 0.3], dtype=torch.float64),
        torch.tensor([0.1, 0.2, -9.0], dtype=torch.float64), 0.1 + controls(10) ** 2,
    ]  # fmt: skip
    assert relative_error(final, inputs, step=1e-6) < 2e-7


def test_parameters_differ_between_environments(arm, arms):
    scene, robot = arms
    mass = torch.tensor([[3, 1.5, 0.8, 0.3], [3, 1.0, 0.5, 0.2], [3, 2.0, 1.0, 0.6]], dtype=torch.float64, requires_grad=True)
    made = scene.rollout(torch.zeros(T, 3), qpos=[0.3, 0.2, 0.0], params={"link_mass": mass})
    gradient = torch.autograd.grad(made.qpos[-1, 1].sum(), mass)[0]
    assert not gradient[[0, 2]].any() and gradient[1].any()
    single = arm[0].rollout(torch.zeros(T, 3), qpos=[0.3, 0.2, 0.0], params={"link_mass": mass[2]})
    torch.testing.assert_close(plain(single.qpos), plain(made.qpos[:, 2]), rtol=1e-12, atol=1e-13)


def test_actuators_in_a_rollout(arm):
    scene, robot = arm
    u = controls(2, T).requires_grad_()
    made = scene.rollout(act_ctrl=u)
    fast = torch.autograd.grad((made.qpos**2).sum(), u)[0]
    scene.reset()
    states = [robot.get_qpos()]
    for t in range(T):
        robot.control_actuators(u[t])
        scene.step()
        states.append(robot.get_qpos())
    torch.testing.assert_close(plain(torch.stack(states)), plain(made.qpos), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(torch.autograd.grad((torch.stack(states) ** 2).sum(), u)[0], fast, rtol=1e-10, atol=1e-13)


def test_step_state_is_a_pure_step(arm):
    scene, robot = arm
    u = controls(3, T)
    q, v = torch.tensor([0.1, 0.2, 0.0], dtype=torch.float64, requires_grad=True), torch.zeros(3, dtype=torch.float64)
    made = scene.rollout(u, qpos=q, kind="position", params={"dof_kp": [10.0, 10.0, 10.0]})
    before, x = robot.get_qpos().tolist(), q
    for t in range(T):
        x, v = scene.step_state(x, v, u[t], kind="position", params={"dof_kp": [10.0, 10.0, 10.0]})
    torch.testing.assert_close(plain(x), plain(made.qpos[-1]), rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(torch.autograd.grad(x.sum(), q)[0], torch.autograd.grad(made.qpos[-1].sum(), q)[0])
    assert robot.get_qpos().tolist() == before


def test_a_trajectory_of_stacked_states(arms):
    scene, robot = arms
    u = controls(3, T, 3)
    made = scene.rollout(u, qpos=[0.1, 0.2, 0.0])
    states = [(made.qpos[0], made.qvel[0])]
    for t in range(T):
        states.append(scene.step_state(*states[-1], u[t]))
    again = scene.trajectory(torch.stack([q for q, _ in states]), torch.stack([v for _, v in states]), u)
    for name in ("qpos", "qvel", "links_pos", "links_ang", "time", "controls"):
        torch.testing.assert_close(plain(getattr(again, name)), plain(getattr(made, name)), rtol=1e-12, atol=1e-13)
    longer = scene.physical_parameters()["link_pos"] * 2.0
    stretched = scene.trajectory(made.qpos, made.qvel, params={"link_pos": longer})
    assert stretched.point(robot, "hand")[0, 0, 2].item() > made.point(robot, "hand")[0, 0, 2].item() + 0.4
    with pytest.raises(gs.InputError, match=r"\[13, 12, None\] entries; allowed: T \+ 1, T \+ 1, T"):
        scene.trajectory(made.qpos, made.qvel[1:])


def test_a_rollout_goes_on_from_the_scene(arm):
    scene, robot = arm
    u = controls(3, 2 * T)
    whole = plain(scene.rollout(u, qpos=[0.1, 0.2, 0.0]).qpos[-1])
    scene.reset()
    scene.rollout(u[:T], qpos=[0.1, 0.2, 0.0])
    second = scene.rollout(u[T:])
    torch.testing.assert_close(plain(second.qpos[-1]), whole, rtol=1e-12, atol=1e-13)


def test_gradients_even_where_the_scene_records_none():
    scene, robot = make(ARM, requires_grad=False)
    u = controls(3, T).requires_grad_()
    made = scene.rollout(u)
    assert torch.autograd.grad(made.qpos[-1].sum(), u)[0].abs().min() > 0.0
    assert not robot.get_qpos().requires_grad


@pytest.mark.parametrize("integrator", ["Euler", "RK4"])
def test_substeps_and_integrators(integrator):
    """Two substeps of dt/2 are two steps of dt/2 with the control held; RK4 is exact for free fall."""
    coarse, body = make(FLOATING, requires_grad=False, dt=0.02, substeps=2, integrator=integrator)
    fine, twin = make(FLOATING, requires_grad=False, dt=0.01, integrator=integrator)
    u = controls(10, 4)
    torch.testing.assert_close(
        plain(coarse.rollout(u).qpos), plain(fine.rollout(u.repeat_interleave(2, 0)).qpos[::2]), rtol=1e-12, atol=1e-13
    )
    if integrator == "RK4":
        coarse.reset()
        height = coarse.rollout(torch.zeros(10, 10)).qpos[-1, 2].item()
        assert height == pytest.approx(1 - 0.5 * 9.81 * 0.2**2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, gs.InputError, "give controls"),
        ({"controls": torch.zeros(5, 2)}, gs.InputError, r"controls has shape \(5, 2\); allowed: \(T, 3\), T at least 1"),
        ({"controls": torch.zeros(0, 3)}, gs.InputError, "T at least 1"),
        ({"controls": U, "kind": "torque"}, gs.UnknownNameError, 'unknown kind "torque"; known: force'),
        ({"controls": U, "qpos": [0.0]}, gs.InputError, r"qpos: shape \(1,\); allowed: \(3,\)"),
        ({"controls": U, "act_ctrl": torch.zeros(4, 2)}, gs.InputError, "5 steps and act_ctrl 4"),
        ({"controls": U, "params": {"mass": 1.0}}, gs.UnknownNameError, 'unknown parameter "mass"; known: link_mass'),
        ({"controls": U, "params": {"link_mass": [-1.0, 1, 1, 1]}}, gs.InputError, "-1 at index 0; allowed: 0 or more"),
        ({"controls": [[0.0] * 3, [0.0, math.nan, 0.0]]}, gs.InputError, "controls is nan at step 1, environment 0, column 1"),
        ({"controls": [[1e200] * 3] * 30}, gs.DivergenceError, 'acceleration of "arm/shoulder" is not finite in environment 0'),
    ],
)  # fmt: skip
def test_refusals(arm, arguments, error, message):
    with pytest.raises(error, match=message):
        arm[0].rollout(**arguments)


def test_time_goes_on_from_the_scene(arm):
    scene, _ = arm
    forces = torch.zeros(4, 3)
    scene.rollout(forces)
    made = scene.rollout(forces, qpos=[0.1, 0.2, 0.0])
    assert made.time.tolist() == pytest.approx([0.04, 0.05, 0.06, 0.07, 0.08])
    assert scene.get_time() == pytest.approx(made.time[-1].item()) and scene.t == 8


def test_the_end_of_a_rollout_is_taken_when_it_is_asked_for():
    """With its graph, also where it is first looked at without gradients; once the trajectory is overwritten there is none."""
    scene, robot = make(ARM)
    u = controls(3, T).requires_grad_()
    made = scene.rollout(u)
    with torch.no_grad():
        end = plain(robot.get_qpos())
    torch.testing.assert_close(end, plain(made.qpos[-1]), rtol=0, atol=0)
    gradients = [torch.autograd.grad((x**2).sum(), u, retain_graph=True)[0] for x in (robot.get_qpos(), made.qpos[-1])]
    torch.testing.assert_close(*gradients, rtol=0, atol=0)
    made = scene.rollout(u)
    with torch.no_grad():
        made.qvel.zero_()
    with pytest.raises(StateError, match="changed in place; clone what you change"):
        robot.get_qpos()
    scene.reset()
    assert robot.get_qpos().shape == (3,)


@pytest.mark.parametrize("n_envs", [0, 2])
def test_inputs_may_change_after_a_rollout(n_envs):
    """Controls and initial states overwritten between the rollout and backward do not change the gradient."""
    scene, _ = make(ARM, n_envs=n_envs)
    lead = (n_envs,) if n_envs else ()

    def gradient(overwrite: bool) -> list[torch.Tensor]:
        leaves = [controls(3, T, *lead).requires_grad_(), *(0.1 * controls(3, *lead) for _ in range(2))]
        for x in leaves[1:]:
            x.requires_grad_()
        given = [x * 1.0 for x in leaves]
        made = scene.rollout(given[0], qpos=given[1], qvel=given[2])
        if overwrite:
            with torch.no_grad():
                for x in given:
                    x.zero_()
        return list(torch.autograd.grad((made.qpos**2).sum() + made.qvel[-1].sum() + made.qacc.sum(), leaves))

    for x, y in zip(gradient(True), gradient(False), strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=0)
